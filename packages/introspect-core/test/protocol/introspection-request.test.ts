import { inactive, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  basicCredentials,
  type ClientAuthentication,
  clientSecretPost,
  IntrospectionClient,
  type IntrospectionClientOptions,
  InvalidClientError,
  UnavailableError,
} from '../../src/index.js';
import { vectors } from '../support/vectors.js';

interface RequestVector {
  id: string;
  clientAuth?: string;
  clientId?: string;
  clientSecret?: string;
  token?: string;
  hint?: string | null;
  expect: {
    method?: string;
    headers?: Record<string, string | null>;
    body?: string;
    bodyParams?: Record<string, string>;
    bodyContains?: string;
  };
  scope?: 'later';
}

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
  server.always(inactive());
});
afterEach(() => server.close());

/** Introspects once, and returns the request as the server received it. */
async function sentRequest(options: Partial<IntrospectionClientOptions> = {}, token = 'abc') {
  const credentials = options.clientAuthentication ? {} : { clientId: 'c', clientSecret: 's' };
  const { introspectionEndpoint } = server;
  await new IntrospectionClient({
    introspectionEndpoint,
    ...credentials,
    ...options,
  } as IntrospectionClientOptions).introspect(token);
  const request = server.introspections.at(-1);
  if (request === undefined) throw new Error('no request was sent');
  return request;
}

describe('introspection-requests', () => {
  const all = vectors<RequestVector>('introspection-requests');
  const onTheWire = all.filter(
    ({ scope, expect }) => scope !== 'later' && (expect.body ?? expect.headers ?? expect.bodyParams),
  );

  it.each(onTheWire)('$id', async ({ token, hint, clientId = 'c', clientSecret = 's', clientAuth, ...vector }) => {
    const request = await sentRequest(
      {
        ...(clientAuth === 'client_secret_post'
          ? { clientAuthentication: clientSecretPost({ clientId, clientSecret }) }
          : { clientId, clientSecret }),
        ...(hint !== undefined && { tokenTypeHint: hint }),
      },
      token,
    );
    const { method, headers = {}, body, bodyParams = {}, bodyContains = '' } = vector.expect;
    if (method !== undefined) expect(request.method).toBe(method);
    for (const [name, value] of Object.entries(headers)) {
      expect(request.field(name)).toEqual(value === null ? [] : [value]);
    }
    if (body !== undefined) expect(request.body).toBe(body);
    for (const [name, value] of Object.entries(bodyParams)) expect(request.form.getAll(name)).toEqual([value]);
    expect(request.body).toContain(bodyContains);
  });

  it('are all tested here or in a test of their own below; bearer clients and signed responses do not exist', () => {
    const elsewhere = all.filter((vector) => !onTheWire.includes(vector)).map(({ id }) => id);
    expect(elsewhere).toEqual([
      'bearer', // later: no server of ours authenticates its clients so
      'token-once',
      'no-token-in-url',
      'jwt-accept', // later: RFC 9701
      'fetch-options',
      'dpop-proof-not-forwarded',
      'empty-token',
      'one-auth-method',
    ]);
  });

  it.each(['token', 'token_type_hint', 'client_id', 'client_secret', 'client_assertion', 'client_assertion_type'])(
    'token-once: "%s" is rejected among the parameters',
    (name) => {
      const { introspectionEndpoint } = server;
      const options = { introspectionEndpoint, clientId: 'c', clientSecret: 's', parameters: { [name]: 'evil' } };
      expect(() => new IntrospectionClient(options)).toThrow(/"parameters" must not name token, /);
    },
  );

  it('no-token-in-url: sends the query of the endpoint unchanged', async () => {
    const request = await sentRequest({ introspectionEndpoint: `${server.introspectionEndpoint}?tenant=a` });
    expect(request.url).toBe('/oauth/v2/introspect?tenant=a');
    expect(request.fields.filter(([name]) => name !== 'authorization').flat()).not.toContain('abc');
  });

  // credentials and cache stay unset: server runtimes have neither cookies nor an HTTP cache, and workerd refuses them.
  it('fetch-options: follows no redirect, keeps nothing alive, and has one signal', async () => {
    const fetch = vi.spyOn(globalThis, 'fetch');
    await sentRequest();
    const options = fetch.mock.calls[0]?.[1];
    fetch.mockRestore();
    expect(options).toMatchObject({ redirect: 'manual', signal: expect.any(AbortSignal) });
    expect(options?.keepalive ?? false).toBe(false);
  });

  it('dpop-proof-not-forwarded: sends only the header fields that it needs', async () => {
    const ofFetch = [
      'accept-encoding',
      'accept-language',
      'connection',
      'content-length',
      'host',
      'sec-fetch-mode',
      'user-agent',
    ];
    const names = (await sentRequest()).fields.map(([name]) => name).filter((name) => !ofFetch.includes(name));
    expect(names.sort()).toEqual(['accept', 'authorization', 'content-type']);
  });

  it.each(['', undefined as never, 5 as never, 'lone \ud800 surrogate'])(
    'empty-token: %j is rejected without a request',
    async (token) => {
      const { introspectionEndpoint } = server;
      const client = new IntrospectionClient({ introspectionEndpoint, clientId: 'c', clientSecret: 's' });
      await expect(client.introspect(token)).rejects.toMatchObject({ code: 'invalid_token', reason: 'malformed' });
      expect(server.requests).toEqual([]);
    },
  );

  it.each([
    ['client_secret_basic', {}, true, []],
    [
      'client_secret_post',
      { clientAuthentication: clientSecretPost({ clientId: 'c', clientSecret: 's' }) },
      false,
      ['client_id', 'client_secret'],
    ],
  ])('one-auth-method: %s uses nothing else', async (_, options, inField, inForm) => {
    const request = await sentRequest(options);
    expect(request.field('authorization')).toHaveLength(inField ? 1 : 0);
    expect([...request.form.keys()].filter((name) => name.startsWith('client_'))).toEqual(inForm);
  });
});

describe('the request', () => {
  it('carries the token once, then the hint, then the parameters', async () => {
    const request = await sentRequest({ parameters: { scope: 'openid', 'a b': 'c&d=e' } });
    expect(request.body).toBe('token=abc&token_type_hint=access_token&scope=openid&a+b=c%26d%3De');
  });

  it.each([
    ['refresh_token', 'token=abc&token_type_hint=refresh_token'],
    [null, 'token=abc'],
  ])('sends the hint %j', async (tokenTypeHint, body) => {
    expect((await sentRequest({ tokenTypeHint })).body).toBe(body);
  });

  it('carries the configured header fields', async () => {
    const request = await sentRequest({ headers: { 'X-Zitadel-Instance-Host': 'auth.example.com' } });
    expect(request.field('x-zitadel-instance-host')).toEqual(['auth.example.com']);
  });

  it('carries any token whole', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1, unit: 'binary' }), async (token) => {
        expect((await sentRequest({}, token)).form.getAll('token')).toEqual([token]);
      }),
      { numRuns: 50 },
    );
  });

  it('calls the secret function for each request, so that a rotated secret is used immediately', async () => {
    const secrets = ['old', 'new'];
    const { introspectionEndpoint } = server;
    const clientSecret = async () => secrets.shift() ?? '';
    const client = new IntrospectionClient({ introspectionEndpoint, clientId: 'c', clientSecret });
    await client.introspect('abc');
    await client.introspect('abc');
    expect(server.introspections.map((request) => request.field('authorization'))).toEqual([
      [basicCredentials('c', 'old')],
      [basicCredentials('c', 'new')],
    ]);
  });

  it('passes the request and its context to any other client authentication', async () => {
    const apply = vi.fn<ClientAuthentication['apply']>(({ headers }) => {
      headers['x-proof'] = 'given';
    });
    const request = await sentRequest({
      issuer: server.origin,
      clientAuthentication: { clientId: 'c', needsIssuer: true, apply },
    });
    expect(request.field('x-proof')).toEqual(['given']);
    expect(apply.mock.calls[0]?.[1]).toEqual({
      issuer: server.origin,
      endpoint: server.introspectionEndpoint,
      afterRejection: false,
    });
  });

  it('is not sent when a client authentication throws an error of ours, which is passed on', async () => {
    const refusal = new InvalidClientError('the key is gone');
    const clientAuthentication = { clientId: 'c', apply: () => Promise.reject(refusal) };
    const { introspectionEndpoint } = server;
    const client = new IntrospectionClient({ introspectionEndpoint, clientAuthentication });
    await expect(client.introspect('abc')).rejects.toBe(refusal);
    expect(server.requests).toEqual([]);
  });

  it.each([
    ['throws', () => Promise.reject(Object.assign(new Error('vault-canary'), { code: 'EVAULT' }))],
    ['gives undefined', () => undefined as never],
    ['returns an empty string', () => ''],
    ['resolves to an empty string', async () => ''],
    ['returns the string "undefined"', () => String(undefined)],
    ['returns a number', () => 5 as never],
    ['gives a lone surrogate', () => '\ud800'],
  ])('is not sent when the secret function %s', async (_, clientSecret) => {
    const { introspectionEndpoint } = server;
    for (const credentials of [
      { clientId: 'c', clientSecret },
      { clientAuthentication: clientSecretPost({ clientId: 'c', clientSecret }) },
    ]) {
      const client = new IntrospectionClient({ introspectionEndpoint, ...credentials });
      const error = await client.introspect('abc').catch((error: unknown) => error);
      expect(error).toBeInstanceOf(UnavailableError);
      expect(error).toHaveProperty(
        'message',
        `Could not get this API's own credentials, so no request was sent to ${server.origin}: the "clientSecret" function or "clientAuthentication" failed, or returned no secret`,
      );
      expect(server.requests).toEqual([]);
    }
  });
});
