import { active, json, reset, respond, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ActiveToken, Authorizer, type Policy } from '../../src/index.js';
import { cachingAuthorizer } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';
import { mapStore } from '../support/map-store.js';

let server: ScriptedServer;
let clocks: Clocks;
beforeEach(async () => {
  server = await startScriptedServer();
  clocks = new Clocks();
});
afterEach(() => server.close());

describe('a cached response', () => {
  it('a cached response is checked against the policy of each request', async () => {
    server.always(active({ scope: 'read', acr: 'pwd', roles: ['reader'], auth_time: clocks.in(0) }));
    const rolesOf = vi.fn(({ roles }: ActiveToken) => roles as string[]);
    const { authorize } = cachingAuthorizer(server, clocks, { rolesOf });
    const cases: [Policy, string][] = [
      [{}, 'ok'],
      [{ scopes: ['read'] }, 'ok'],
      [{ scopes: ['write'] }, 'insufficient_scope'],
      [{ acrValues: ['pwd'] }, 'ok'],
      [{ acrValues: ['mfa'] }, 'insufficient_user_authentication'],
      [{ anyRole: ['reader'] }, 'ok'],
      [{ anyRole: ['admin'] }, 'access_denied'],
      [{ maxAuthenticationAgeSeconds: 30 }, 'ok'],
    ];
    for (const [policy, outcome] of cases) expect(await authorize('t', policy)).toBe(outcome);
    clocks.pass(31);
    expect(await authorize('t', { maxAuthenticationAgeSeconds: 30 })).toBe('insufficient_user_authentication');
    expect(rolesOf).toHaveBeenCalledTimes(2);
    expect(server.introspections).toHaveLength(1);
  });

  it('a cached response is passed to "check" for each request, with that request', async () => {
    server.always(active({ sub: 'mickey' }));
    const { authorizer } = cachingAuthorizer(server, clocks);
    const check = vi.fn(() => true);
    const guard = authorizer.guard({ check });
    const requests = [1, 2, 3].map((native) => ({ authorization: 'Bearer t', native: { native } }));
    for (const request of requests) await guard(request);
    expect(check.mock.calls).toEqual(requests.map((request) => [{ active: true, sub: 'mickey' }, request]));
    check.mockReturnValue(false);
    await expect(guard('Bearer t')).rejects.toMatchObject({ code: 'access_denied' });
    expect(server.introspections).toHaveLength(1);
  });

  it.each<[string, Record<string, unknown>, object, string]>([
    ['audience', { aud: 'other' }, { audience: 'api' }, 'audience_mismatch'],
    ['type', { typ: 'id' }, {}, 'not_an_access_token'],
    ['binding', { cnf: { jkt: 'x' } }, {}, 'sender_constraint'],
    ['issuer', { iss: 'https://b.example.com' }, { issuer: 'https://a.example.com' }, 'issuer_mismatch'],
  ])(
    'a cached response with the wrong %s is rejected each time, with one introspection',
    async (_, claims, options, reason) => {
      server.always(active(claims));
      const { authorize } = cachingAuthorizer(server, clocks, options);
      for (let i = 0; i < 3; i++) expect(await authorize()).toBe(reason);
      expect(server.introspections).toHaveLength(1);
    },
  );

  it('a cached response is checked against the clock at each request', async () => {
    server.always(active({ nbf: clocks.in(0) }));
    const { authorize } = cachingAuthorizer(server, clocks);
    expect(await authorize()).toBe('ok');
    clocks.stepWall(-31);
    expect(await authorize()).toBe('not_yet_valid');
    expect(server.introspections).toHaveLength(1);
  });

  it('a caller that has hung up gets its own abort reason, and no introspection is sent', async () => {
    server.always(active());
    const { authorize, authorizer } = cachingAuthorizer(server, clocks);
    await authorize();
    clocks.pass(60);
    const request = { authorization: 'Bearer t', signal: AbortSignal.abort('left') };
    await expect(authorizer.authorize(request)).rejects.toBe('left');
    expect(server.introspections).toHaveLength(1);
  });

  it('the authorizer emits "cache_miss" for the first request and "cache_hit" for the second', async () => {
    server.tokens.set('good', {});
    const { authorize, events } = cachingAuthorizer(server, clocks);
    for (const token of ['good', 'good', 'bad', 'bad']) await authorize(token);
    expect(events).toEqual([
      { type: 'cache_miss' },
      { type: 'cache_hit', active: true },
      { type: 'cache_miss' },
      { type: 'cache_hit', active: false },
    ]);
  });

  it('failures are never cached: the next request introspects again', async () => {
    const faults = [
      reset(),
      respond({ status: 500 }),
      json({ active: 'true' }),
      json({ error: 'invalid_client' }, { status: 401 }),
    ];
    server.next(...faults, active());
    const { authorize } = cachingAuthorizer(server, clocks);
    const outcomes = [];
    for (let i = 0; i < 6; i++) outcomes.push(await authorize());
    expect(outcomes).toEqual(['unavailable', 'unavailable', 'invalid_response', 'invalid_client', 'ok', 'ok']);
    expect(server.introspections).toHaveLength(5);
  });

  it('without the option "cache", each request is introspected, and no cache event is emitted', async () => {
    server.always(active());
    const onEvent = vi.fn();
    const { introspectionEndpoint } = server;
    const authorizer = new Authorizer({ introspectionEndpoint, clientId: 'api', clientSecret: 'secret', onEvent });
    for (let i = 0; i < 3; i++) await authorizer.authorize('Bearer t');
    expect(server.introspections).toHaveLength(3);
    expect(new Set(onEvent.mock.calls.map(([{ type }]) => type))).toEqual(new Set(['introspected']));
  });
});

describe('returned tokens', () => {
  const claims = { sub: 'mickey', aud: ['api'], nested: { list: [{ deep: true }] } };
  const parts = (token: ActiveToken) => {
    const { nested, aud } = token as unknown as typeof claims;
    return [token, aud, nested, nested.list, nested.list[0]];
  };
  const tokenOf = (authorizer: Authorizer) => authorizer.authorize('Bearer t');

  it('a returned token is frozen at every level, whether from the server, the cache or a store', async () => {
    server.always(active(claims));
    const store = mapStore(clocks);
    const { authorizer, authorize, settle } = cachingAuthorizer(server, clocks, { cache: { store } });
    await authorize();
    await settle();
    const other = cachingAuthorizer(server, clocks, { cache: { store } });
    const fresh = cachingAuthorizer(server, clocks);
    for (const each of [fresh, fresh, { authorizer }, other, other]) {
      const token = await tokenOf(each.authorizer);
      expect(token).toEqual({ active: true, ...claims });
      for (const part of parts(token)) expect(part).toSatisfy(Object.isFrozen);
    }
    expect(server.introspections).toHaveLength(2);
  });

  it('a check that writes to the token does not change it for the next request', async () => {
    server.always(active(claims));
    const { authorizer } = cachingAuthorizer(server, clocks);
    const check = (token: ActiveToken) =>
      Reflect.set(token, 'sub', 'donald') || Reflect.set(token, 'admin', true) || true;
    await authorizer.authorize('Bearer t', { check });
    expect(await tokenOf(authorizer)).toEqual({ active: true, ...claims });
  });
});

describe('inactive responses', () => {
  it('inactive responses are cached for 3 s by default', async () => {
    const { authorize } = cachingAuthorizer(server, clocks);
    expect(await authorize()).toBe('inactive');
    clocks.pass(2.999);
    expect(await authorize()).toBe('inactive');
    expect(server.introspections).toHaveLength(1);
    clocks.pass(0.001);
    expect(await authorize()).toBe('inactive');
    expect(server.introspections).toHaveLength(2);
  });

  it('inactive responses are cached for inactiveMaxAgeSeconds, which may be longer than maxAgeSeconds', async () => {
    const { authorize } = cachingAuthorizer(server, clocks, { cache: { maxAgeSeconds: 1, inactiveMaxAgeSeconds: 10 } });
    await authorize();
    clocks.pass(9.999);
    await authorize();
    expect(server.introspections).toHaveLength(1);
    clocks.pass(0.001);
    await authorize();
    expect(server.introspections).toHaveLength(2);
  });

  it('inactive responses are not cached if inactiveMaxAgeSeconds is 0', async () => {
    const { authorize } = cachingAuthorizer(server, clocks, { cache: { inactiveMaxAgeSeconds: 0 } });
    await authorize();
    server.tokens.set('t', {});
    expect(await authorize()).toBe('ok');
    expect(server.introspections).toHaveLength(2);
  });

  it('inactive responses are not refreshed in the background', async () => {
    const { authorize, settle } = cachingAuthorizer(server, clocks, {
      cache: { refreshAfterSeconds: 1, inactiveMaxAgeSeconds: 10 },
    });
    await authorize();
    clocks.pass(5);
    await authorize();
    await settle();
    expect(server.introspections).toHaveLength(1);
  });

  it('a flood of inactive tokens evicts no active one, and at most maxEntries of them are cached', async () => {
    server.tokens.set('good', {});
    const { authorize } = cachingAuthorizer(server, clocks, { cache: { maxEntries: 10, inactiveMaxAgeSeconds: 60 } });
    expect(await authorize('good')).toBe('ok');
    for (let i = 0; i < 100; i++) expect(await authorize(`bad${i}`)).toBe('inactive');
    expect(server.introspections).toHaveLength(101);
    expect(await authorize('good')).toBe('ok');
    for (let i = 99; i >= 90; i--) await authorize(`bad${i}`);
    expect(server.introspections).toHaveLength(101);
    await authorize('bad89');
    expect(server.introspections).toHaveLength(102);
  });
});

it('the cache is full: a new active response evicts the least recently used one', async () => {
  server.always(active());
  const { authorize } = cachingAuthorizer(server, clocks, { cache: { maxEntries: 2 } });
  for (const token of ['a', 'b', 'a', 'c', 'a']) await authorize(token);
  expect(server.introspections).toHaveLength(3);
  await authorize('b');
  expect(server.introspections).toHaveLength(4);
});
