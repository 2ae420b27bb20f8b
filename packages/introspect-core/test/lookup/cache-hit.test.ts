import { active, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cachingAuthorizer } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';

let server: ScriptedServer;
let clocks: Clocks;
beforeEach(async () => {
  server = await startScriptedServer();
  server.always(active({ scope: 'a b' }));
  clocks = new Clocks();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await server.close();
});

const good = { authorization: 'Bearer good' };

describe('a cache hit', () => {
  it('a cache hit creates no promise, no timer, no abort signal and no copy of the token', async () => {
    const { authorizer } = cachingAuthorizer(server, clocks);
    const policy = { scopes: ['a'] };
    const token = await authorizer.authorize('Bearer good', policy);
    const decide = authorizer.decider(policy);
    const setTimeout = vi.spyOn(globalThis, 'setTimeout');
    const AbortController = vi.spyOn(globalThis, 'AbortController');
    const decision = decide(good);
    expect('token' in decision && decision.token).toBe(token);
    expect(setTimeout).not.toHaveBeenCalled();
    expect(AbortController).not.toHaveBeenCalled();
  });

  it('a cache hit that the policy rejects: the decider returns a denial synchronously, and the guard rejects', async () => {
    const { authorizer } = cachingAuthorizer(server, clocks);
    const guard = authorizer.guard({ scopes: ['c'] });
    await expect(guard('Bearer good')).rejects.toMatchObject({ code: 'insufficient_scope' });
    const error = expect.objectContaining({ code: 'insufficient_scope' });
    expect(authorizer.decider({ scopes: ['c'] })(good)).toMatchObject({ allowed: false, status: 403, error });
    await expect(guard('Bearer good')).rejects.toMatchObject({ code: 'insufficient_scope' });
  });

  it('a cache hit is a promise only if the policy has a check', async () => {
    const { authorizer } = cachingAuthorizer(server, clocks);
    const decide = authorizer.decider({ check: async () => false });
    await authorizer.authorize('Bearer good');
    const decision = decide(good);
    expect(decision).toBeInstanceOf(Promise);
    await expect(decision).resolves.toMatchObject({ allowed: false, error: { code: 'access_denied' } });
  });

  it.each([
    ['bearer   good', 'a token in another spelling of its field'],
    ['Bearer good ', 'space after it'],
  ])('the credentials %j are a cache hit', async (credentials) => {
    const { authorizer } = cachingAuthorizer(server, clocks);
    await authorizer.authorize('Bearer good');
    const decision = authorizer.decider()({ authorization: credentials });
    expect(decision).toMatchObject({ allowed: true, token: { active: true } });
    expect(server.introspections).toHaveLength(1);
  });

  it.each([
    ['Bearer good, Basic x', 'invalid_request'],
    ['Bearer good good', 'invalid_request'],
    ['Bearer\tgood', 'invalid_request'],
    ['Bearer goodß', 'invalid_token'],
    ['Bearer good=x', 'invalid_token'],
    [['Bearer good', 'Bearer good'], 'invalid_request'],
  ])('the credentials %j are rejected, although a valid form of the token is cached', async (credentials, code) => {
    const { authorizer } = cachingAuthorizer(server, clocks);
    await authorizer.authorize('Bearer good');
    await expect(authorizer.authorize(credentials)).rejects.toMatchObject({ code });
  });
});

describe('the scopes of a policy', () => {
  it('the scopes of a policy are checked correctly against 250 different scope strings, twice', async () => {
    const { authorizer } = cachingAuthorizer(server, clocks);
    const guard = authorizer.guard({ scopes: ['s7'] });
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 250; i++) {
        server.next(active({ scope: `s${i} ${'x'.repeat(i * 10)}` }));
        const outcome = guard(`Bearer ${round}-${i}`).then(
          () => 'passes',
          ({ code }) => code,
        );
        expect(await outcome).toBe(i === 7 ? 'passes' : 'insufficient_scope');
      }
    }
  });
});
