import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { IntrospectionClient, type IntrospectionClientOptions } from '../../src/index.js';

const valid: IntrospectionClientOptions = {
  introspectionEndpoint: 'https://as.example.com/introspect',
  clientId: 'c',
  clientSecret: 's',
};
const construct = (options: unknown) => () => new IntrospectionClient(options as IntrospectionClientOptions);

describe('a client', () => {
  let server: ScriptedServer;
  beforeEach(async () => {
    server = await startScriptedServer({ clientId: '78366401571920522@amce', clientSecret: 'very weak: 50% +ß' });
  });
  afterEach(() => server.close());

  const clientOf = (options: Partial<IntrospectionClientOptions> = {}) =>
    new IntrospectionClient({
      issuer: server.origin,
      clientId: '78366401571920522@amce',
      clientSecret: 'very weak: 50% +ß',
      ...options,
    });

  it('returns an active token with its members, and an inactive one without', async () => {
    server.tokens.set('good', { sub: 'mickey', scope: 'openid profile', exp: 4102444800 });
    const client = clientOf();
    await expect(client.introspect('good')).resolves.toEqual({
      active: true,
      sub: 'mickey',
      scope: 'openid profile',
      exp: 4102444800,
    });
    await expect(client.introspect('garbage')).resolves.toEqual({ active: false });
  });

  it('reports rejected credentials of its own as InvalidClientError, not as an inactive token', async () => {
    await expect(clientOf({ clientSecret: 'wrong' }).introspect('good')).rejects.toMatchObject({
      name: 'InvalidClientError',
      code: 'invalid_client',
      status: 503,
    });
  });

  it('reports a server that is down with the code of the fault, and without its cause', async () => {
    const client = clientOf();
    await server.close();
    const error = await client.introspect('good').catch((error: unknown) => error);
    expect(error).toMatchObject({ name: 'UnavailableError', status: 503 });
    expect(error).toHaveProperty(
      'message',
      `${server.origin} could not be reached (ECONNREFUSED): is the server up, and its address right?`,
    );
    expect(error).not.toHaveProperty('cause');
  });

  it('does not validate the token: an expired one is returned', async () => {
    server.tokens.set('old', { exp: 1, aud: 'somebody else' });
    await expect(clientOf().introspect('old')).resolves.toMatchObject({ active: true, exp: 1 });
  });

  it('copies its options: later changes do not matter, and it does not write to them', async () => {
    const headers = { 'X-Tenant': 'a' };
    const parameters = { scope: 'openid' };
    const options = Object.freeze({ headers, parameters });
    const client = clientOf(options);
    expect(options).toEqual({ headers: { 'X-Tenant': 'a' }, parameters: { scope: 'openid' } });
    headers['X-Tenant'] = 'b';
    parameters.scope = 'changed';
    await client.introspect('good');
    expect(server.introspections[0]?.field('x-tenant')).toEqual(['a']);
    expect(server.introspections[0]?.form.get('scope')).toBe('openid');
  });

  it('shows no secret when it is printed', async () => {
    const { inspect } = await import('node:util');
    expect(inspect(clientOf({ clientSecret: 'canary' }), { showHidden: true, depth: 9 })).not.toContain('canary');
  });
});

describe('at construction', () => {
  it('the client sends no request', () => {
    const fetch = vi.spyOn(globalThis, 'fetch');
    construct({ ...valid, issuer: 'https://as.example.com' })();
    expect(fetch).not.toHaveBeenCalled();
    fetch.mockRestore();
  });

  const unset = 'is an environment variable unset?';
  const rejected: [what: string, options: unknown, message: string][] = [
    ['no options at all', undefined, 'the options must be an object'],
    ['null', null, 'the options must be an object'],
    [
      'neither issuer nor endpoint',
      { clientId: 'c', clientSecret: 's' },
      '"issuer" (or "introspectionEndpoint") is missing: pass it, or use fromEnv() or another preset, which read it from the environment',
    ],
    [
      'an empty object',
      {},
      '"issuer" (or "introspectionEndpoint"), "clientId" and "clientSecret" are missing: pass them, ',
    ],
    [
      'neither id nor secret',
      { issuer: 'https://a.example' },
      '"clientId" and "clientSecret" are missing: pass them, ',
    ],
    [
      'three unset variables',
      { issuer: undefined, clientId: '', clientSecret: 'undefined' },
      '"issuer", "clientId" and "clientSecret" have no value: are environment variables unset?',
    ],
    ['an empty issuer', { ...valid, issuer: '' }, '"issuer" must not be empty'],
    ['a hint with a lone surrogate', { ...valid, tokenTypeHint: '\ud800' }, '"tokenTypeHint" must not have lone'],
    ['headers of a class', { ...valid, headers: new Headers({ a: 'b' }) }, '"headers" must be a plain object'],
    [
      'parameters of a class',
      { ...valid, parameters: new URLSearchParams('a=b') },
      '"parameters" must be a plain object',
    ],
    ['no client id', { introspectionEndpoint: 'https://a.example', clientSecret: 's' }, '"clientId" is missing'],
    ['no secret', { introspectionEndpoint: 'https://a.example', clientId: 'c' }, '"clientSecret" is missing'],
    ...(['issuer', 'clientId', 'clientSecret'] as const).flatMap((name): [string, unknown, string][] => [
      [`an undefined ${name}`, { ...valid, [name]: undefined }, `"${name}" is undefined: ${unset}`],
      [`an empty ${name}`, { ...valid, [name]: '' }, `"${name}" must not be empty: ${unset}`],
      [
        `"undefined" as ${name}`,
        { ...valid, [name]: 'undefined' },
        `"${name}" must not be the string "undefined": ${unset}`,
      ],
      [`null as ${name}`, { ...valid, [name]: null }, `"${name}" must be a string`],
    ]),
    ['a lone surrogate', { ...valid, clientSecret: '\ud800' }, '"clientSecret" has a lone surrogate'],
    ['a client id of another type', { ...valid, clientId: 5 }, '"clientId" must be a string'],
    ['a secret of another type', { ...valid, clientSecret: 5 }, '"clientSecret" must be a string or a function'],
    [
      'two client authentications',
      { ...valid, clientAuthentication: { clientId: 'c', apply() {} } },
      'use either "clientAuthentication" or "clientId" and "clientSecret", not both',
    ],
    [
      'a client authentication without apply',
      { ...valid, clientAuthentication: { clientId: 'c' } },
      'a function "apply"',
    ],
    [
      'an undefined client authentication',
      { ...valid, clientAuthentication: undefined },
      `"clientAuthentication" is undefined: `,
    ],
    ['a client authentication of null', { ...valid, clientAuthentication: null }, '"clientAuthentication" must have'],
    [
      'a client authentication that needs an issuer',
      {
        introspectionEndpoint: valid.introspectionEndpoint,
        clientAuthentication: { clientId: 'c', needsIssuer: true, apply() {} },
      },
      '"issuer" is needed by this "clientAuthentication"',
    ],
    ['an unknown option', { ...valid, timeout: 5 }, 'unknown option "timeout"; known options: issuer, '],
    ['a hint that is empty', { ...valid, tokenTypeHint: '' }, '"tokenTypeHint" must not be empty'],
    ['a hint of another type', { ...valid, tokenTypeHint: 5 }, '"tokenTypeHint" must be a string'],
    ['parameters of another type', { ...valid, parameters: 'scope' }, '"parameters" must be a plain object'],
    ['a parameter of another type', { ...valid, parameters: { scope: 5 } }, '"parameters" must have strings as values'],
    ['a parameter with a lone surrogate', { ...valid, parameters: { a: '\ud800' } }, '"parameters" must not have lone'],
    ['a parameter name with one', { ...valid, parameters: { '\ud800': 'a' } }, '"parameters" must not have lone'],
    ['headers of another type', { ...valid, headers: 5 }, '"headers" must be a plain object'],
    ['a header name with a space', { ...valid, headers: { 'a b': 'c' } }, '"headers" must have field names'],
    ['an empty header name', { ...valid, headers: { '': 'c' } }, '"headers" must have field names'],
    [
      'a header value of two lines',
      { ...valid, headers: { a: 'b\r\nc: canary' } },
      '"headers" must have values of one line',
    ],
    ['a header value beyond Latin-1', { ...valid, headers: { a: '€' } }, '"headers" must have values of one line'],
    ['a header in two cases', { ...valid, headers: { a: '1', A: '2' } }, '"headers" must not name a field twice'],
    ...['authorization', 'Content-Type', 'CONTENT-LENGTH', 'accept', 'Host'].map(
      (name) =>
        [`the header ${name}`, { ...valid, headers: { [name]: 'x' } }, '"headers" must not name authorization, '] as [
          string,
          unknown,
          string,
        ],
    ),
    ...[0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '5000', null].map(
      (timeoutMs) =>
        [`a timeout of ${timeoutMs}`, { ...valid, timeoutMs }, '"timeoutMs" must be a whole number of milli'] as [
          string,
          unknown,
          string,
        ],
    ),
    ['a size of zero', { ...valid, maxResponseBytes: 0 }, '"maxResponseBytes" must be a whole number of bytes'],
    ['a transport of another type', { ...valid, transport: {} }, '"transport" must be a function'],
    [
      'allowInsecureHttp of another type',
      { ...valid, allowInsecureHttp: 'yes' },
      '"allowInsecureHttp" must be true or',
    ],
    ['a clock of another type', { ...valid, now: 5 }, '"now" must be a function'],
    ['a monotonic clock of another type', { ...valid, monotonicNow: 5 }, '"monotonicNow" must be a function'],
    ['a listener of another type', { ...valid, onEvent: [] }, '"onEvent" must be a function'],
    ['no listener, said so by null', { ...valid, onEvent: null }, '"onEvent" must be a function'],
  ];

  it.each(rejected)('the client rejects %s with an error that names the option', (_, options, message) => {
    expect(construct(options)).toThrow(TypeError);
    expect(construct(options)).toThrow(message);
    expect(construct(options)).toThrow(/^((?!canary).)*$/);
  });

  it('the client accepts every option', () => {
    construct({
      ...valid,
      issuer: 'https://as.example.com/tenant/',
      tokenTypeHint: null,
      parameters: { scope: 'openid' },
      headers: { 'x-forwarded-host': 'auth.example.com' },
      timeoutMs: 2 ** 31 - 1,
      maxResponseBytes: 1,
      transport: async () => ({ status: 200, header: () => null, body: '' }),
      allowInsecureHttp: true,
      now: () => 0,
      monotonicNow: () => 0,
      onEvent: () => {},
    })();
    construct({
      introspectionEndpoint: valid.introspectionEndpoint,
      clientAuthentication: { clientId: 'c', apply() {} },
    })();
  });

  const endpoints = (url: string) => ({ ...valid, introspectionEndpoint: url });
  const issuers = (url: string) => ({ issuer: url, clientId: 'c', clientSecret: 's' });

  describe.each([
    ['introspectionEndpoint', endpoints],
    ['issuer', issuers],
  ])('%s', (option, withUrl) => {
    it.each([
      'https://as.example.com',
      'https://as.example.com:8443/t',
      'https://[2001:db8::1]:8443/x',
      'http://localhost:8080',
      'http://127.0.0.1:8080',
      'http://127.1.2.3',
      'http://[::1]:8080',
    ])('may be %s', (url) => {
      construct(withUrl(url))();
    });

    it.each([
      ['http://as.example.com', 'must be https, except on loopback'],
      ['http://localhost.example.com', 'must be https, except on loopback'],
      ['http://127.0.0.1.example.com', 'must be https, except on loopback'],
      ['http://10.0.0.1', 'must be https, except on loopback'],
      ['http://[::2]', 'must be https, except on loopback'],
      ['as.example.com', 'must be an absolute URL'],
      ['/introspect', 'must be an absolute URL'],
      ['ftp://as.example.com', 'must be an https URL'],
      ['https://user@as.example.com', 'must not hold a user name or password'],
      ['https://:canary@as.example.com', 'must not hold a user name or password'],
      ['https://as.example.com/#x', 'must not have a fragment'],
      ['https://as.example.com/#', 'must not have a fragment'],
    ])('must not be %s', (url, message) => {
      expect(construct(withUrl(url))).toThrow(`IntrospectionClient: "${option}" ${message}`);
    });

    it('may be plain http on any host with allowInsecureHttp', () => {
      construct({ ...withUrl('http://as.example.com'), allowInsecureHttp: true })();
    });
  });

  it.each([
    ['https://as.example.com?', '"issuer" must not have a query'],
    ['https://as.example.com/a?x=1', '"issuer" must not have a query'],
    ['https://as.example.com/a/../b', 'no dot segments'],
    ['https://as.example.com/a/%2e%2e/b', 'no dot segments'],
    ['https://as.example.com/ü', 'percent-encoding'],
    ['https://as.example.com/a b', '"issuer" must be an absolute URL'],
    ['https://as.example.com\\a', '"issuer" must be an absolute URL'],
    [' https://as.example.com/a', '"issuer" must be an absolute URL'],
    ['https:as.example.com', '"issuer" must be an absolute URL'],
    ['https://as.example.com/.well-known/openid-configuration', 'without "/.well-known/…"'],
  ])('an issuer must not be "%s"', (issuer, message) => {
    expect(construct(issuers(issuer))).toThrow(message);
  });
});

describe('plain http', () => {
  it('is not used for a discovered endpoint beyond loopback, except with allowInsecureHttp', async () => {
    const server = createServer((_, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ issuer: origin, introspection_endpoint: 'http://as.example.com/introspect' }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = new IntrospectionClient({ issuer: origin, clientId: 'c', clientSecret: 's' });
    await expect(client.introspect('a')).rejects.toThrow('introspection_endpoint that must be https');
    server.close();
  });
});
