import {
  active,
  hangBeforeHeaders,
  inactive,
  json,
  redirect,
  reset,
  respond,
  type ScriptedResponse,
  type ScriptedServer,
  startScriptedServer,
} from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Authorizer, UnavailableError } from '../../src/index.js';
import { cachingAuthorizer } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';
import { until } from '../support/event-loop.js';
import { holdResponse } from '../support/held-response.js';

let server: ScriptedServer;
let clocks: Clocks;
beforeEach(async () => {
  server = await startScriptedServer();
  clocks = new Clocks();
});
afterEach(async () => {
  vi.useRealTimers();
  await server.close();
});

describe('maxResponseAgeSeconds', () => {
  it('maxResponseAgeSeconds accepts only cached responses younger than it', async () => {
    server.always(active());
    const { authorize } = cachingAuthorizer(server, clocks);
    await authorize();
    clocks.pass(9.999);
    expect(await authorize('t', { maxResponseAgeSeconds: 10 })).toBe('ok');
    expect(server.introspections).toHaveLength(1);
    clocks.pass(0.001);
    expect(await authorize()).toBe('ok');
    expect(server.introspections).toHaveLength(1);
    expect(await authorize('t', { maxResponseAgeSeconds: 10 })).toBe('ok');
    expect(server.introspections).toHaveLength(2);
  });

  it('maxResponseAgeSeconds 0 always introspects, even within one tick of the clock, and caches the response', async () => {
    server.next(active({ sub: 'first' }), active({ sub: 'second' }));
    const { authorizer } = cachingAuthorizer(server, clocks);
    await authorizer.authorize('Bearer t');
    expect(await authorizer.authorize('Bearer t', { maxResponseAgeSeconds: 0 })).toMatchObject({ sub: 'second' });
    expect(await authorizer.authorize('Bearer t')).toMatchObject({ sub: 'second' });
    expect(server.introspections).toHaveLength(2);
  });

  it('maxResponseAgeSeconds 0 uses no cached inactive response either', async () => {
    server.next(inactive(), active());
    const { authorize } = cachingAuthorizer(server, clocks);
    expect(await authorize()).toBe('inactive');
    expect(await authorize('t', { maxResponseAgeSeconds: 0 })).toBe('ok');
    expect(await authorize()).toBe('ok');
  });

  it('maxResponseAgeSeconds 0 uses no response that was requested before the token was revoked', async () => {
    const { held, release } = holdResponse(active());
    server.next(held, inactive());
    const { authorize, count } = cachingAuthorizer(server, clocks);
    const first = authorize();
    await server.introspection(1);
    const strict = authorize('t', { maxResponseAgeSeconds: 0 });
    await until(() => count('cache_miss') === 2);
    release();
    expect([await first, await strict]).toEqual(['ok', 'inactive']);
  });

  it('maxResponseAgeSeconds 0 shares the introspection that waits for the running one, so at most two are pending', async () => {
    const responses = [
      holdResponse(active({ version: 1 })),
      holdResponse(active({ version: 2 })),
      holdResponse(active({ version: 3 })),
    ];
    server.next(...responses.map(({ held }) => held));
    const { authorizer, count } = cachingAuthorizer(server, clocks);
    const versionOf = async (policy: object) => (await authorizer.authorize('Bearer t', policy)).version;
    const strict = { maxResponseAgeSeconds: 0 };
    const versions = [versionOf({})];
    await server.introspection(1);
    for (let i = 0; i < 20; i++) versions.push(versionOf(strict));
    versions.push(versionOf({}));
    await until(() => count('coalesced') === 20);
    expect([count('cache_miss'), server.introspections.length]).toEqual([2, 1]);
    responses[0]?.release();
    await server.introspection(2);
    versions.push(versionOf(strict), versionOf({}));
    await until(() => count('cache_miss') === 3);
    responses[1]?.release();
    await server.introspection(3);
    responses[2]?.release();
    expect(await Promise.all(versions)).toEqual([1, ...Array(20).fill(2), 1, 3, 1]);
    expect(server.introspections).toHaveLength(3);
  });

  it('maxResponseAgeSeconds shares a running introspection only if it began recently enough', async () => {
    const { held, release } = holdResponse(active({ version: 1 }));
    server.next(held, active({ version: 2 }));
    const { authorizer, count } = cachingAuthorizer(server, clocks);
    const versionOf = async (policy: object) => (await authorizer.authorize('Bearer t', policy)).version;
    const first = versionOf({});
    await server.introspection(1);
    clocks.pass(1.3);
    const rest = [versionOf({ maxResponseAgeSeconds: 1.4 }), versionOf({ maxResponseAgeSeconds: 1.3 })];
    await until(() => count('coalesced') === 1 && count('cache_miss') === 2);
    release();
    expect(await Promise.all([first, ...rest])).toEqual([1, 1, 2]);
  });

  it('maxResponseAgeSeconds shares no response that was requested before the wall clock was set forward again', async () => {
    const responses = [holdResponse(active({ version: 1 })), holdResponse(active({ version: 2 }))];
    server.next(...responses.map(({ held }) => held), active({ version: 3 }));
    const { authorizer, count } = cachingAuthorizer(server, clocks);
    const first = authorizer.authorize('Bearer t');
    await server.introspection(1);
    clocks.stepWall(-3600);
    await authorizer.invalidate({ all: true });
    responses[0]?.release();
    await server.introspection(2);
    clocks.stepWall(60);
    const recent = authorizer.authorize('Bearer t', { maxResponseAgeSeconds: 30 });
    await until(() => count('coalesced') === 1);
    responses[1]?.release();
    expect(await first).toMatchObject({ version: 2 });
    expect(await recent).toMatchObject({ version: 3 });
  });

  it('maxResponseAgeSeconds 0 shares no earlier response without a cache either', async () => {
    const { held, release } = holdResponse(active());
    server.next(held, inactive());
    const { introspectionEndpoint } = server;
    const authorizer = new Authorizer({ introspectionEndpoint, clientId: 'api', clientSecret: 'secret' });
    const first = authorizer.authorize('Bearer t');
    await server.introspection(1);
    const strict = authorizer.authorize('Bearer t', { maxResponseAgeSeconds: 0 });
    const rejected = expect(strict).rejects.toMatchObject({ reason: 'inactive' });
    release();
    expect(await first).toEqual({ active: true });
    await rejected;
  });

  it('maxResponseAgeSeconds 0 waits at most timeoutMs for a running introspection and its own together', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    server.always(hangBeforeHeaders());
    const { authorize, count } = cachingAuthorizer(server, clocks, { timeoutMs: 1000 });
    const first = authorize();
    await server.introspection(1);
    vi.advanceTimersByTime(600);
    const strict = authorize('t', { maxResponseAgeSeconds: 0 });
    await until(() => count('cache_miss') === 2);
    vi.advanceTimersByTime(400);
    expect(await first).toBe('unavailable');
    await server.introspection(2);
    vi.advanceTimersByTime(600);
    expect(await strict).toBe('unavailable');
  });

  it('maxResponseAgeSeconds 0: a waiting caller can hang up, and then its introspection is not sent', async () => {
    const { held, release } = holdResponse(active());
    server.next(held);
    const { authorizer, authorize, count } = cachingAuthorizer(server, clocks);
    const first = authorize();
    await server.introspection(1);
    const controller = new AbortController();
    const leaves = authorizer.authorize(
      { authorization: 'Bearer t', signal: controller.signal },
      { maxResponseAgeSeconds: 0 },
    );
    await until(() => count('cache_miss') === 2);
    controller.abort('left');
    await expect(leaves).rejects.toBe('left');
    release();
    expect(await first).toBe('ok');
    expect(server.introspections).toHaveLength(1);
  });

  it.each([undefined, { maxAgeSeconds: 60 }])(
    'maxResponseAgeSeconds 0 on two guards of one HTTP request costs one introspection, with cache %j',
    async (cache) => {
      server.next(active({ version: 1 }), active({ version: 2 }), active({ version: 3 }));
      const { introspectionEndpoint } = server;
      const { now, monotonicNow } = clocks;
      const settings = { introspectionEndpoint, clientId: 'api', clientSecret: 'secret', now, monotonicNow };
      const authorizer = new Authorizer({ ...settings, ...(cache && { cache }) });
      const versionOf = async (native: object) => {
        const request = { authorization: 'Bearer t', native };
        return (await authorizer.authorize(request, { maxResponseAgeSeconds: 0 })).version;
      };
      const [first, second] = [{}, {}];
      expect([await versionOf(first), await versionOf(first)]).toEqual([1, 1]);
      expect([await versionOf(second), await versionOf(second)]).toEqual([2, 2]);
      clocks.pass(5);
      expect(await versionOf(second)).toBe(3);
    },
  );

  it('maxResponseAgeSeconds 0 on a second guard uses no response that the first guard shared with an earlier request', async () => {
    const { held, release } = holdResponse(active({ version: 1 }));
    server.next(held, active({ version: 2 }));
    const { authorizer, count } = cachingAuthorizer(server, clocks);
    const earlier = authorizer.authorize('Bearer t');
    await server.introspection(1);
    const request = { authorization: 'Bearer t', native: {} };
    const lax = authorizer.authorize(request);
    await until(() => count('coalesced') === 1);
    release();
    expect([await earlier, await lax]).toMatchObject([{ version: 1 }, { version: 1 }]);
    expect(await authorizer.authorize(request, { maxResponseAgeSeconds: 0 })).toMatchObject({ version: 2 });
  });

  it('maxResponseAgeSeconds 0 does not read the store, and does not wait for it', async () => {
    server.next(active({ version: 1 }), active({ version: 2 }));
    const values = new Map<string, string>();
    const store = {
      get: async (key: string) => values.get(key),
      set: async (key: string, value: string) => void values.set(key, value),
      delete: async () => {},
    };
    await cachingAuthorizer(server, clocks, { cache: { store } }).authorize();
    await until(() => values.size === 1);
    const always = { maxResponseAgeSeconds: 0 };
    const other = cachingAuthorizer(server, clocks, { cache: { store } });
    expect(await other.authorizer.authorize('Bearer t', always)).toMatchObject({ version: 2 });
    server.always(active());
    const hanging = cachingAuthorizer(server, clocks, {
      cache: { store: { ...store, get: () => new Promise<never>(() => {}) } },
    });
    expect(await hanging.authorize('t', always)).toBe('ok');
    expect(hanging.events).toEqual([{ type: 'cache_miss' }]);
  });
});

describe('maxAgeIfErrorSeconds', () => {
  const stale = (cache: object = {}, options: object = {}) =>
    cachingAuthorizer(server, clocks, {
      cache: { maxAgeSeconds: 60, maxAgeIfErrorSeconds: 300, ...cache },
      ...options,
    });

  it.each<[string, ScriptedResponse]>([
    ['resets connections', reset()],
    ['responds with 500', respond({ status: 500 })],
    ['responds with 503', respond({ status: 503 })],
  ])('a stale response is served while the server %s, and each "stale_served" event has its age', async (_, fault) => {
    server.next(active({ sub: 'mickey' }));
    server.always(fault);
    const { authorizer, authorize, events } = stale();
    await authorize();
    clocks.pass(60);
    expect(await authorizer.authorize('Bearer t')).toEqual({ active: true, sub: 'mickey' });
    clocks.pass(240);
    expect(await authorize()).toBe('ok');
    expect(events.filter(({ type }) => type === 'stale_served')).toEqual([
      { type: 'stale_served', ageSeconds: 60 },
      { type: 'stale_served', ageSeconds: 300 },
    ]);
    expect(server.introspections).toHaveLength(3);
    clocks.pass(0.001);
    expect(await authorize()).toBe('unavailable');
  });

  it('a stale response is served when the server does not respond within the time limit', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    server.next(active(), hangBeforeHeaders());
    const { authorize, count } = stale();
    await authorize();
    clocks.pass(60);
    const pending = authorize();
    await server.introspection(2);
    vi.advanceTimersByTime(5000);
    expect(await pending).toBe('ok');
    expect(count('stale_served')).toBe(1);
  });

  it.each<[string, ScriptedResponse, string]>([
    ['redirects', redirect('https://elsewhere.example/'), 'invalid_response'],
    ['responds with a page', respond({ headers: { 'content-type': 'text/html' }, body: '<html>' }), 'invalid_response'],
    ['responds with garbage', json({ active: 'true' }), 'invalid_response'],
    ['responds with 404', respond({ status: 404 }), 'invalid_response'],
    ['rejects our credentials', json({ error: 'invalid_client' }, { status: 401 }), 'invalid_client'],
  ])('no stale response is served when the server %s, because it can be reached', async (_, fault, code) => {
    server.next(active());
    server.always(fault);
    const { authorize, count } = stale();
    await authorize();
    clocks.pass(60);
    expect(await authorize()).toBe(code);
    expect(count('stale_served')).toBe(0);
  });

  it('maxAgeIfErrorSeconds is 0 by default: no stale response is served', async () => {
    server.next(active());
    server.always(reset());
    const { authorize } = cachingAuthorizer(server, clocks);
    await authorize();
    clocks.pass(59.999);
    expect(await authorize()).toBe('ok');
    clocks.pass(0.001);
    expect(await authorize()).toBe('unavailable');
  });

  it('a stale response is not served past its exp', async () => {
    server.next(active({ exp: clocks.in(100) }));
    server.always(reset());
    const { authorize } = stale();
    await authorize();
    clocks.pass(99.999);
    expect(await authorize()).toBe('ok');
    clocks.pass(0.001);
    expect(await authorize()).toBe('unavailable');
  });

  it('a stale response is not served past its exp, even with clockSkewSeconds', async () => {
    server.next(active({ exp: clocks.in(100) }));
    server.always(reset());
    const { authorize } = stale({}, { clockSkewSeconds: 60 });
    await authorize();
    clocks.pass(100);
    expect(await authorize()).toBe('unavailable');
  });

  it('an inactive response is not served stale', async () => {
    server.next(inactive());
    server.always(reset());
    const { authorize } = stale();
    expect(await authorize()).toBe('inactive');
    clocks.pass(3);
    expect(await authorize()).toBe('unavailable');
  });

  it('an invalidated response is not served stale', async () => {
    server.next(active({ sub: 'mickey' }), active({ sub: 'mickey' }));
    server.always(reset());
    const { authorizer, authorize } = stale();
    for (const token of ['a', 'b']) await authorize(token);
    await authorizer.invalidate({ sub: 'mickey' });
    for (const token of ['a', 'b']) expect(await authorize(token)).toBe('unavailable');
  });

  it('a stale response is not served to a route whose maxResponseAgeSeconds it exceeds', async () => {
    server.next(active());
    server.always(reset());
    const { authorize } = stale();
    await authorize();
    clocks.pass(100);
    expect(await authorize('t', { maxResponseAgeSeconds: 0 })).toBe('unavailable');
    expect(await authorize('t', { maxResponseAgeSeconds: 100 })).toBe('unavailable');
    expect(await authorize('t', { maxResponseAgeSeconds: 100.001 })).toBe('ok');
  });

  it('a stale response is served to a route with maxResponseAgeSeconds if it is young enough', async () => {
    server.next(active());
    server.always(reset());
    const { authorize } = stale({ maxAgeSeconds: 1 });
    await authorize();
    clocks.pass(5);
    expect(await authorize('t', { maxResponseAgeSeconds: 10 })).toBe('ok');
  });

  it('a stale response is checked against the policy', async () => {
    server.next(active({ scope: 'read' }));
    server.always(reset());
    const { authorize } = stale();
    await authorize();
    clocks.pass(60);
    expect(await authorize('t', { scopes: ['write'] })).toBe('insufficient_scope');
  });

  it.each(['left', new UnavailableError('gone')])(
    'a caller that hung up gets its own abort reason, not a stale response: %s',
    async (reason) => {
      server.next(active(), hangBeforeHeaders());
      const { authorize, authorizer, count } = stale();
      await authorize();
      clocks.pass(60);
      const controller = new AbortController();
      const leaves = authorizer.authorize({ authorization: 'Bearer t', signal: controller.signal });
      await server.introspection(2);
      controller.abort(reason);
      await expect(leaves).rejects.toBe(reason);
      expect(count('stale_served')).toBe(0);
    },
  );

  it('no stale response is served after the server responds again', async () => {
    server.next(active({ sub: 'old' }), reset(), active({ sub: 'new' }));
    const { authorizer } = stale();
    const subjects = [];
    for (let i = 0; i < 3; i++) {
      subjects.push((await authorizer.authorize('Bearer t')).sub);
      clocks.pass(60);
    }
    expect(subjects).toEqual(['old', 'old', 'new']);
  });

  it('no stale response is served while the server responds with 429, nor for 10 s after', async () => {
    server.next(active());
    server.always(respond({ status: 429 }));
    const { authorize, count } = stale({ maxAgeSeconds: 1 });
    await authorize();
    clocks.pass(1);
    expect(await authorize()).toBe('unavailable');
    server.always(respond({ status: 503 }));
    clocks.pass(9.999);
    expect(await authorize()).toBe('unavailable');
    expect(count('stale_served')).toBe(0);
    clocks.pass(0.001);
    expect(await authorize()).toBe('ok');
  });

  it('no stale response is served while the circuit breaker is open because of 429', async () => {
    server.next(active());
    server.always(respond({ status: 429 }));
    const { authorize, count, authorizer } = stale(
      { maxAgeSeconds: 1 },
      { circuitBreaker: { minimumRequests: 5, openMs: 1000 } },
    );
    await authorize('revoked');
    clocks.pass(1);
    for (let i = 0; i < 10; i++) expect(await authorize(`flood-${i}`)).toBe('unavailable');
    expect(authorizer.stats().circuitBreaker).toBe('open');
    expect(await authorize('revoked')).toBe('unavailable');
    expect([count('stale_served'), count('breaker_opened')]).toEqual([0, 1]);
  });

  it('no stale response is served while the circuit breaker stays open because of 429, but one is after a probe fails otherwise', async () => {
    server.next(active());
    server.always(respond({ status: 429 }));
    const { authorize, authorizer } = stale(
      { maxAgeSeconds: 1 },
      { circuitBreaker: { minimumRequests: 5, openMs: 60_000 } },
    );
    await authorize('revoked');
    clocks.pass(1);
    for (let i = 0; i < 5; i++) await authorize(`flood-${i}`);
    clocks.pass(40);
    expect(authorizer.stats().circuitBreaker).toBe('open');
    expect(await authorize('revoked')).toBe('unavailable');
    server.always(reset());
    clocks.pass(20);
    expect(await authorize('revoked')).toBe('ok');
  });

  it('no stale response is served while the server responds to discovery with 429', async () => {
    server.next(active());
    const { authorize, count } = stale({}, { introspectionEndpoint: undefined, issuer: server.origin });
    server.at('/.well-known/openid-configuration', respond({ status: 429 }));
    expect(await authorize()).toBe('unavailable');
    expect(count('stale_served')).toBe(0);
  });

  it('no stale response is served when our own limits reject the request, because the server may be up', async () => {
    server.always(active());
    const { authorize, count } = stale({ maxAgeSeconds: 0.1 }, { limits: { perSecond: 1 }, timeoutMs: 900 });
    expect(await authorize()).toBe('ok');
    clocks.pass(0.5);
    expect(await authorize()).toBe('unavailable');
    expect([count('shed'), count('stale_served')]).toEqual([1, 0]);
  });
});
