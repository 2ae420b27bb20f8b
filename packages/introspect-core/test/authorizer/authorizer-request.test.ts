import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Authorizer } from '../../src/index.js';

let server: ScriptedServer;
let authorizer: Authorizer;
beforeAll(async () => {
  server = await startScriptedServer();
  server.tokens.set('good', { sub: 'mickey' });
  authorizer = new Authorizer({
    introspectionEndpoint: server.introspectionEndpoint,
    clientId: 'api',
    clientSecret: 'secret',
  });
});
afterAll(() => server.close());

const url = 'https://api.example/items?x=1';

describe('authorize', () => {
  it.each([
    ['an Authorization value', 'Bearer good'],
    ['a list of field lines', ['Bearer good']],
    ['a request context', { authorization: 'Bearer good' }],
    ['a web-standard Request', new Request(url, { headers: { authorization: 'Bearer good' } })],
    ['a token', { token: 'good' }],
  ])('accepts %s', async (_, request) => {
    expect(await authorizer.authorize(request)).toMatchObject({ sub: 'mickey' });
    expect(await authorizer.guard()(request)).toMatchObject({ sub: 'mickey' });
  });

  it.each([
    ['no value', undefined],
    ['null', null],
    ['a Request without the field', new Request(url)],
  ])('rejects %s as a missing token', async (_, request) => {
    await expect(authorizer.authorize(request)).rejects.toMatchObject({ code: 'missing_token' });
    expect(await authorizer.authorize(request, { optional: true })).toBeNull();
  });

  it.each([
    ['', 'malformed'],
    [undefined, 'malformed'],
    ['a"b', 'malformed'],
    ['good good', 'malformed'],
    ['good,good', 'malformed'],
    ['good\n', 'malformed'],
    ['Bearer good', 'malformed'],
    ['x'.repeat(16_385), 'too_long'],
  ])('rejects { token: %j } as an invalid token, also where the policy is optional', async (token, reason) => {
    const request = { token: token as string };
    await expect(authorizer.authorize(request)).rejects.toMatchObject({ code: 'invalid_token', reason });
    await expect(authorizer.authorize(request, { optional: true })).rejects.toMatchObject({ reason });
  });

  it.each(['Bearer good', 'bearer  good', 'DPoP good'])(
    'rejects { token: %j } with a message about the scheme, which the response does not have',
    async (token) => {
      await expect(authorizer.authorize({ token })).rejects.toMatchObject({
        message:
          'The access token is malformed: it begins with the scheme of an Authorization field; pass the token alone, which bearerToken() reads from the field',
        body: { error: 'invalid_token', error_description: 'The access token is malformed' },
      });
    },
  );

  it.each(['', undefined, 'a"b'])('rejects { token: %j } with the challenge of the authorizer', async (token) => {
    const named = new Authorizer({ issuer: server.origin, clientId: 'api', clientSecret: 's', realm: 'items' });
    await expect(named.authorize({ token: token as string })).rejects.toMatchObject({
      headers: expect.arrayContaining([
        ['WWW-Authenticate', expect.stringMatching(/^Bearer realm="items", error="invalid_token"/)],
      ]),
    });
  });

  it.each([{}, { headers: { authorization: 'Bearer good' } }, { tokn: 'good' }])(
    'rejects %j with a TypeError that says what to pass',
    async (request) => {
      for (const call of [
        authorizer.authorize(request as never),
        authorizer.guard({ optional: true })(request as never),
      ]) {
        await expect(call).rejects.toThrow(
          new TypeError(
            'authorize: pass an Authorization value, a web-standard Request, a RequestContext or { token }',
          ),
        );
      }
    },
  );

  it('gives a check the method, URL, header lines and signal of a Request', async () => {
    const check = vi.fn(() => true);
    const headers = { authorization: 'Bearer good', 'x-a': 'b' };
    const request = new Request(url, { method: 'PUT', headers });
    await authorizer.authorize(request, { check });
    const [, context] = check.mock.calls.at(0) as never as [unknown, import('../../src/index.js').RequestContext];
    expect(context).toMatchObject({ method: 'PUT', url, native: request, signal: request.signal });
    expect([context.header?.('X-A'), context.header?.('x-none')]).toEqual([['b'], []]);
  });

  it('ends when the signal of a Request is aborted', async () => {
    const controller = new AbortController();
    const request = new Request(url, { headers: { authorization: 'Bearer other' }, signal: controller.signal });
    const reason = new Error('gone');
    controller.abort(reason);
    await expect(authorizer.authorize(request)).rejects.toBe(reason);
  });
});

it('authorize: takes no token from a polluted Object.prototype', async () => {
  Object.defineProperty(Object.prototype, 'token', { value: 'good', configurable: true });
  try {
    await expect(authorizer.authorize({ authorization: undefined })).rejects.toMatchObject({ code: 'missing_token' });
    const decision = await authorizer.decider({})({ authorization: undefined });
    expect(decision).toMatchObject({ allowed: false, error: { code: 'missing_token' } });
  } finally {
    Reflect.deleteProperty(Object.prototype, 'token');
  }
});
