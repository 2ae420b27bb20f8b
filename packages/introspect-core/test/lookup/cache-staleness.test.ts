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
import { Clocks, caching, held, until } from '../support/caching.js';

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
  it('takes only answers younger than it', async () => {
    server.always(active());
    const { ask } = caching(server, clocks);
    await ask();
    clocks.pass(9.999);
    expect(await ask('t', { maxResponseAgeSeconds: 10 })).toBe('ok');
    expect(server.introspections).toHaveLength(1);
    clocks.pass(0.001);
    expect(await ask()).toBe('ok');
    expect(server.introspections).toHaveLength(1);
    expect(await ask('t', { maxResponseAgeSeconds: 10 })).toBe('ok');
    expect(server.introspections).toHaveLength(2);
  });

  it('0 always asks, within one tick of the clock, and keeps its answer for the others', async () => {
    server.next(active({ sub: 'first' }), active({ sub: 'second' }));
    const { authorizer } = caching(server, clocks);
    await authorizer.authorize('Bearer t');
    expect(await authorizer.authorize('Bearer t', { maxResponseAgeSeconds: 0 })).toMatchObject({ sub: 'second' });
    expect(await authorizer.authorize('Bearer t')).toMatchObject({ sub: 'second' });
    expect(server.introspections).toHaveLength(2);
  });

  it('0 takes no inactive answer that was kept either: the token may be good by now', async () => {
    server.next(inactive(), active());
    const { ask } = caching(server, clocks);
    expect(await ask()).toBe('inactive');
    expect(await ask('t', { maxResponseAgeSeconds: 0 })).toBe('ok');
    expect(await ask()).toBe('ok');
  });

  it('0 uses no response that was requested before the token was revoked', async () => {
    const { waits, release } = held(active());
    server.next(waits, inactive());
    const { ask, told } = caching(server, clocks);
    const first = ask();
    await server.introspection(1);
    const strict = ask('t', { maxResponseAgeSeconds: 0 });
    await until(() => told('cache_miss') === 2);
    release();
    expect([await first, await strict]).toEqual(['ok', 'inactive']);
  });

  it('0 shares the introspection that waits for the running one to end, so there are at most two', async () => {
    const questions = [held(active({ version: 1 })), held(active({ version: 2 })), held(active({ version: 3 }))];
    server.next(...questions.map(({ waits }) => waits));
    const { authorizer, told } = caching(server, clocks);
    const versionOf = async (policy: object) => (await authorizer.authorize('Bearer t', policy)).version;
    const strict = { maxResponseAgeSeconds: 0 };
    const versions = [versionOf({})];
    await server.introspection(1);
    for (let i = 0; i < 20; i++) versions.push(versionOf(strict));
    versions.push(versionOf({}));
    await until(() => told('coalesced') === 20);
    expect([told('cache_miss'), server.introspections.length]).toEqual([2, 1]);
    questions[0]?.release();
    await server.introspection(2);
    versions.push(versionOf(strict), versionOf({}));
    await until(() => told('cache_miss') === 3);
    questions[1]?.release();
    await server.introspection(3);
    questions[2]?.release();
    expect(await Promise.all(versions)).toEqual([1, ...Array(20).fill(2), 1, 3, 1]);
    expect(server.introspections).toHaveLength(3);
  });

  it('shares a running introspection only if it began recently enough', async () => {
    const { waits, release } = held(active({ version: 1 }));
    server.next(waits, active({ version: 2 }));
    const { authorizer, told } = caching(server, clocks);
    const versionOf = async (policy: object) => (await authorizer.authorize('Bearer t', policy)).version;
    const first = versionOf({});
    await server.introspection(1);
    clocks.pass(1.3);
    const rest = [versionOf({ maxResponseAgeSeconds: 1.4 }), versionOf({ maxResponseAgeSeconds: 1.3 })];
    await until(() => told('coalesced') === 1 && told('cache_miss') === 2);
    release();
    expect(await Promise.all([first, ...rest])).toEqual([1, 1, 2]);
  });

  it('shares no response that was requested before the wall clock was set forward again', async () => {
    const questions = [held(active({ version: 1 })), held(active({ version: 2 }))];
    server.next(...questions.map(({ waits }) => waits), active({ version: 3 }));
    const { authorizer, told } = caching(server, clocks);
    const first = authorizer.authorize('Bearer t');
    await server.introspection(1);
    clocks.turn(-3600);
    await authorizer.invalidate({ all: true });
    questions[0]?.release();
    await server.introspection(2);
    clocks.turn(60);
    const recent = authorizer.authorize('Bearer t', { maxResponseAgeSeconds: 30 });
    await until(() => told('coalesced') === 1);
    questions[1]?.release();
    expect(await first).toMatchObject({ version: 2 });
    expect(await recent).toMatchObject({ version: 3 });
  });

  it('0 shares no earlier response without a cache either', async () => {
    const { waits, release } = held(active());
    server.next(waits, inactive());
    const { introspectionEndpoint } = server;
    const authorizer = new Authorizer({ introspectionEndpoint, clientId: 'api', clientSecret: 'secret' });
    const first = authorizer.authorize('Bearer t');
    await server.introspection(1);
    const strict = authorizer.authorize('Bearer t', { maxResponseAgeSeconds: 0 });
    const refused = expect(strict).rejects.toMatchObject({ reason: 'inactive' });
    release();
    expect(await first).toEqual({ active: true });
    await refused;
  });

  it('0 waits at most timeoutMs for a running introspection and its own together', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    server.always(hangBeforeHeaders());
    const { ask, told } = caching(server, clocks, { timeoutMs: 1000 });
    const first = ask();
    await server.introspection(1);
    vi.advanceTimersByTime(600);
    const strict = ask('t', { maxResponseAgeSeconds: 0 });
    await until(() => told('cache_miss') === 2);
    vi.advanceTimersByTime(400);
    expect(await first).toBe('unavailable');
    await server.introspection(2);
    vi.advanceTimersByTime(600);
    expect(await strict).toBe('unavailable');
  });

  it('0 lets a waiting caller hang up, and aborts the introspection that no caller waits for', async () => {
    const { waits, release } = held(active());
    server.next(waits);
    const { authorizer, ask, told } = caching(server, clocks);
    const first = ask();
    await server.introspection(1);
    const controller = new AbortController();
    const leaves = authorizer.authorize(
      { authorization: 'Bearer t', signal: controller.signal },
      { maxResponseAgeSeconds: 0 },
    );
    await until(() => told('cache_miss') === 2);
    controller.abort('left');
    await expect(leaves).rejects.toBe('left');
    release();
    expect(await first).toBe('ok');
    expect(server.introspections).toHaveLength(1);
  });

  it.each([undefined, { maxAgeSeconds: 60 }])(
    '0 on two guards of one HTTP request costs one introspection, with cache %j',
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

  it('0 on a second guard uses no response that the first guard shared with an earlier request', async () => {
    const { waits, release } = held(active({ version: 1 }));
    server.next(waits, active({ version: 2 }));
    const { authorizer, told } = caching(server, clocks);
    const earlier = authorizer.authorize('Bearer t');
    await server.introspection(1);
    const request = { authorization: 'Bearer t', native: {} };
    const lax = authorizer.authorize(request);
    await until(() => told('coalesced') === 1);
    release();
    expect([await earlier, await lax]).toMatchObject([{ version: 1 }, { version: 1 }]);
    expect(await authorizer.authorize(request, { maxResponseAgeSeconds: 0 })).toMatchObject({ version: 2 });
  });

  it('0 does not go by the store, and does not wait for it', async () => {
    server.next(active({ version: 1 }), active({ version: 2 }));
    const values = new Map<string, string>();
    const store = {
      get: async (key: string) => values.get(key),
      set: async (key: string, value: string) => void values.set(key, value),
      delete: async () => {},
    };
    await caching(server, clocks, { cache: { store } }).ask();
    await until(() => values.size === 1);
    const always = { maxResponseAgeSeconds: 0 };
    const other = caching(server, clocks, { cache: { store } });
    expect(await other.authorizer.authorize('Bearer t', always)).toMatchObject({ version: 2 });
    server.always(active());
    const hanging = caching(server, clocks, {
      cache: { store: { ...store, get: () => new Promise<never>(() => {}) } },
    });
    expect(await hanging.ask('t', always)).toBe('ok');
    expect(hanging.events).toEqual([{ type: 'cache_miss' }]);
  });
});

describe('maxAgeIfErrorSeconds', () => {
  const stale = (cache: object = {}, options: object = {}) =>
    caching(server, clocks, { cache: { maxAgeSeconds: 60, maxAgeIfErrorSeconds: 300, ...cache }, ...options });

  it.each<[string, ScriptedResponse]>([
    ['resets', reset()],
    ['answers 500', respond({ status: 500 })],
    ['answers 503', respond({ status: 503 })],
  ])('lets an old answer serve while the server %s, and tells its age each time', async (_, fault) => {
    server.next(active({ sub: 'mickey' }));
    server.always(fault);
    const { authorizer, ask, events } = stale();
    await ask();
    clocks.pass(60);
    expect(await authorizer.authorize('Bearer t')).toEqual({ active: true, sub: 'mickey' });
    clocks.pass(240);
    expect(await ask()).toBe('ok');
    expect(events.filter(({ type }) => type === 'stale_served')).toEqual([
      { type: 'stale_served', ageSeconds: 60 },
      { type: 'stale_served', ageSeconds: 300 },
    ]);
    expect(server.introspections).toHaveLength(3);
    clocks.pass(0.001);
    expect(await ask()).toBe('unavailable');
  });

  it('lets it serve when the server gives no answer until the deadline', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    server.next(active(), hangBeforeHeaders());
    const { ask, told } = stale();
    await ask();
    clocks.pass(60);
    const late = ask();
    await server.introspection(2);
    vi.advanceTimersByTime(5000);
    expect(await late).toBe('ok');
    expect(told('stale_served')).toBe(1);
  });

  it.each<[string, ScriptedResponse, string]>([
    ['redirects', redirect('https://elsewhere.example/'), 'invalid_response'],
    ['answers a page', respond({ headers: { 'content-type': 'text/html' }, body: '<html>' }), 'invalid_response'],
    ['answers garbage', json({ active: 'true' }), 'invalid_response'],
    ['answers 404', respond({ status: 404 }), 'invalid_response'],
    ['refuses our credentials', json({ error: 'invalid_client' }, { status: 401 }), 'invalid_client'],
  ])('does not when the server %s: it can be reached', async (_, fault, code) => {
    server.next(active());
    server.always(fault);
    const { ask, told } = stale();
    await ask();
    clocks.pass(60);
    expect(await ask()).toBe(code);
    expect(told('stale_served')).toBe(0);
  });

  it('is 0 unless given', async () => {
    server.next(active());
    server.always(reset());
    const { ask } = caching(server, clocks);
    await ask();
    clocks.pass(59.999);
    expect(await ask()).toBe('ok');
    clocks.pass(0.001);
    expect(await ask()).toBe('unavailable');
  });

  it('never goes past exp', async () => {
    server.next(active({ exp: clocks.in(100) }));
    server.always(reset());
    const { ask } = stale();
    await ask();
    clocks.pass(99.999);
    expect(await ask()).toBe('ok');
    clocks.pass(0.001);
    expect(await ask()).toBe('unavailable');
  });

  it('never goes past exp by a skew', async () => {
    server.next(active({ exp: clocks.in(100) }));
    server.always(reset());
    const { ask } = stale({}, { clockSkewSeconds: 60 });
    await ask();
    clocks.pass(100);
    expect(await ask()).toBe('unavailable');
  });

  it('is not for an inactive answer', async () => {
    server.next(inactive());
    server.always(reset());
    const { ask } = stale();
    expect(await ask()).toBe('inactive');
    clocks.pass(3);
    expect(await ask()).toBe('unavailable');
  });

  it('is not for a token that was forgotten', async () => {
    server.next(active({ sub: 'mickey' }), active({ sub: 'mickey' }));
    server.always(reset());
    const { authorizer, ask } = stale();
    for (const token of ['a', 'b']) await ask(token);
    await authorizer.invalidate({ sub: 'mickey' });
    for (const token of ['a', 'b']) expect(await ask(token)).toBe('unavailable');
  });

  it('serves no route that takes only younger answers', async () => {
    server.next(active());
    server.always(reset());
    const { ask } = stale();
    await ask();
    clocks.pass(100);
    expect(await ask('t', { maxResponseAgeSeconds: 0 })).toBe('unavailable');
    expect(await ask('t', { maxResponseAgeSeconds: 100 })).toBe('unavailable');
    expect(await ask('t', { maxResponseAgeSeconds: 100.001 })).toBe('ok');
  });

  it('serves a route that takes only younger answers than it got, if the kept one is young enough', async () => {
    server.next(active());
    server.always(reset());
    const { ask } = stale({ maxAgeSeconds: 1 });
    await ask();
    clocks.pass(5);
    expect(await ask('t', { maxResponseAgeSeconds: 10 })).toBe('ok');
  });

  it('judges what it serves', async () => {
    server.next(active({ scope: 'read' }));
    server.always(reset());
    const { ask } = stale();
    await ask();
    clocks.pass(60);
    expect(await ask('t', { scopes: ['write'] })).toBe('insufficient_scope');
  });

  it.each(['left', new UnavailableError('gone')])(
    'serves nobody who has left: his reason is his own, %s',
    async (reason) => {
      server.next(active(), hangBeforeHeaders());
      const { ask, authorizer, told } = stale();
      await ask();
      clocks.pass(60);
      const controller = new AbortController();
      const leaves = authorizer.authorize({ authorization: 'Bearer t', signal: controller.signal });
      await server.introspection(2);
      controller.abort(reason);
      await expect(leaves).rejects.toBe(reason);
      expect(told('stale_served')).toBe(0);
    },
  );

  it('ends when the server answers again', async () => {
    server.next(active({ sub: 'old' }), reset(), active({ sub: 'new' }));
    const { authorizer } = stale();
    const subjects = [];
    for (let i = 0; i < 3; i++) {
      subjects.push((await authorizer.authorize('Bearer t')).sub);
      clocks.pass(60);
    }
    expect(subjects).toEqual(['old', 'old', 'new']);
  });

  it('uses no stale response while the server answers 429, nor for 10 s after', async () => {
    server.next(active());
    server.always(respond({ status: 429 }));
    const { ask, told } = stale({ maxAgeSeconds: 1 });
    await ask();
    clocks.pass(1);
    expect(await ask()).toBe('unavailable');
    server.always(respond({ status: 503 }));
    clocks.pass(9.999);
    expect(await ask()).toBe('unavailable');
    expect(told('stale_served')).toBe(0);
    clocks.pass(0.001);
    expect(await ask()).toBe('ok');
  });

  it('uses no stale response while the circuit breaker is open because of 429', async () => {
    server.next(active());
    server.always(respond({ status: 429 }));
    const { ask, told, authorizer } = stale(
      { maxAgeSeconds: 1 },
      { circuitBreaker: { minimumRequests: 5, openMs: 1000 } },
    );
    await ask('revoked');
    clocks.pass(1);
    for (let i = 0; i < 10; i++) expect(await ask(`flood-${i}`)).toBe('unavailable');
    expect(authorizer.stats().circuitBreaker).toBe('open');
    expect(await ask('revoked')).toBe('unavailable');
    expect([told('stale_served'), told('breaker_opened')]).toEqual([0, 1]);
  });

  it('uses no stale response while the breaker that a 429 opened stays open, and uses one once a probe fails otherwise', async () => {
    server.next(active());
    server.always(respond({ status: 429 }));
    const { ask, authorizer } = stale({ maxAgeSeconds: 1 }, { circuitBreaker: { minimumRequests: 5, openMs: 60_000 } });
    await ask('revoked');
    clocks.pass(1);
    for (let i = 0; i < 5; i++) await ask(`flood-${i}`);
    clocks.pass(40);
    expect(authorizer.stats().circuitBreaker).toBe('open');
    expect(await ask('revoked')).toBe('unavailable');
    server.always(reset());
    clocks.pass(20);
    expect(await ask('revoked')).toBe('ok');
  });

  it('uses no stale response while the server answers discovery with 429', async () => {
    server.next(active());
    const { ask, told } = stale({}, { introspectionEndpoint: undefined, issuer: server.origin });
    server.at('/.well-known/openid-configuration', respond({ status: 429 }));
    expect(await ask()).toBe('unavailable');
    expect(told('stale_served')).toBe(0);
  });

  it('does not serve because our own limits turned a question away: the server may well be there', async () => {
    server.always(active());
    const { ask, told } = stale({ maxAgeSeconds: 0.1 }, { limits: { perSecond: 1 }, timeoutMs: 900 });
    expect(await ask()).toBe('ok');
    clocks.pass(0.5);
    expect(await ask()).toBe('unavailable');
    expect([told('shed'), told('stale_served')]).toEqual([1, 0]);
  });
});
