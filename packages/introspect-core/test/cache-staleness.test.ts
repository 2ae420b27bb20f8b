import {
  type Answer,
  active,
  hangBeforeHeaders,
  inactive,
  json,
  redirect,
  reset,
  respond,
  type ScriptedServer,
  startScriptedServer,
} from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Authorizer, UnavailableError } from '../src/index.js';
import { Clocks, caching, held, until } from './caching.js';

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

describe('maxStalenessSeconds', () => {
  it('takes only answers younger than it', async () => {
    server.always(active());
    const { ask } = caching(server, clocks);
    await ask();
    clocks.pass(9.999);
    expect(await ask('t', { maxStalenessSeconds: 10 })).toBe('ok');
    expect(server.questions).toHaveLength(1);
    clocks.pass(0.001);
    expect(await ask()).toBe('ok');
    expect(server.questions).toHaveLength(1);
    expect(await ask('t', { maxStalenessSeconds: 10 })).toBe('ok');
    expect(server.questions).toHaveLength(2);
  });

  it('0 always asks, within one tick of the clock, and keeps its answer for the others', async () => {
    server.next(active({ sub: 'first' }), active({ sub: 'second' }));
    const { authorizer } = caching(server, clocks);
    await authorizer.authorize('Bearer t');
    expect(await authorizer.authorize('Bearer t', { maxStalenessSeconds: 0 })).toMatchObject({ sub: 'second' });
    expect(await authorizer.authorize('Bearer t')).toMatchObject({ sub: 'second' });
    expect(server.questions).toHaveLength(2);
  });

  it('0 takes no inactive answer that was kept either: the token may be good by now', async () => {
    server.next(inactive(), active());
    const { ask } = caching(server, clocks);
    expect(await ask()).toBe('inactive');
    expect(await ask('t', { maxStalenessSeconds: 0 })).toBe('ok');
    expect(await ask()).toBe('ok');
  });

  it('0 joins a question that is running, and is joined', async () => {
    const { waits, release } = held(active());
    server.always(waits);
    const { ask, told, events } = caching(server, clocks);
    const first = ask();
    await server.question(1);
    const rest = [ask('t', { maxStalenessSeconds: 0 }), ask(), ask('t', { maxStalenessSeconds: 0 })];
    await until(() => told('coalesced') === 3);
    release();
    expect(await Promise.all([first, ...rest])).toEqual(Array(4).fill('ok'));
    expect(server.questions).toHaveLength(1);
    expect(events).toEqual([{ type: 'miss' }, ...Array(3).fill({ type: 'coalesced' })]);
  });

  it('bounds also what two guards on one request of a framework share without a cache', async () => {
    server.always(active());
    const { introspectionEndpoint } = server;
    const options = { introspectionEndpoint, clientId: 'api', clientSecret: 'secret' };
    const authorizer = new Authorizer({ ...options, monotonicNow: clocks.monotonicNow });
    const request = { authorization: 'Bearer t', native: {} };
    await authorizer.authorize(request);
    await authorizer.authorize(request, { maxStalenessSeconds: 0 });
    expect(server.questions).toHaveLength(2);
    clocks.pass(4);
    await authorizer.authorize(request, { maxStalenessSeconds: 5 });
    expect(server.questions).toHaveLength(2);
    await authorizer.authorize(request, { maxStalenessSeconds: 4 });
    expect(server.questions).toHaveLength(3);
    clocks.pass(5);
    await authorizer.authorize(request);
    expect(server.questions).toHaveLength(4);
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
    const always = { maxStalenessSeconds: 0 };
    const other = caching(server, clocks, { cache: { store } });
    expect(await other.authorizer.authorize('Bearer t', always)).toMatchObject({ version: 2 });
    server.always(active());
    const hanging = caching(server, clocks, {
      cache: { store: { ...store, get: () => new Promise<never>(() => {}) } },
    });
    expect(await hanging.ask('t', always)).toBe('ok');
    expect(hanging.events).toEqual([{ type: 'miss' }]);
  });
});

describe('staleIfErrorSeconds', () => {
  const stale = (cache: object = {}, options: object = {}) =>
    caching(server, clocks, { cache: { maxAgeSeconds: 60, staleIfErrorSeconds: 300, ...cache }, ...options });

  it.each<[string, Answer]>([
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
    expect(events.filter(({ type }) => type === 'stale')).toEqual([
      { type: 'stale', ageSeconds: 60 },
      { type: 'stale', ageSeconds: 300 },
    ]);
    expect(server.questions).toHaveLength(3);
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
    await server.question(2);
    vi.advanceTimersByTime(5000);
    expect(await late).toBe('ok');
    expect(told('stale')).toBe(1);
  });

  it.each<[string, Answer, string]>([
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
    expect(told('stale')).toBe(0);
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
    await authorizer.forget({ sub: 'mickey' });
    for (const token of ['a', 'b']) expect(await ask(token)).toBe('unavailable');
  });

  it('serves no route that takes only younger answers', async () => {
    server.next(active());
    server.always(reset());
    const { ask } = stale();
    await ask();
    clocks.pass(100);
    expect(await ask('t', { maxStalenessSeconds: 0 })).toBe('unavailable');
    expect(await ask('t', { maxStalenessSeconds: 100 })).toBe('unavailable');
    expect(await ask('t', { maxStalenessSeconds: 100.001 })).toBe('ok');
  });

  it('serves a route that takes only younger answers than it got, if the kept one is young enough', async () => {
    server.next(active());
    server.always(reset());
    const { ask } = stale({ maxAgeSeconds: 1 });
    await ask();
    clocks.pass(5);
    expect(await ask('t', { maxStalenessSeconds: 10 })).toBe('ok');
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
      await server.question(2);
      controller.abort(reason);
      await expect(leaves).rejects.toBe(reason);
      expect(told('stale')).toBe(0);
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

  it('serves nothing while the server answers 429, nor for 10 s after: it can be reached', async () => {
    server.next(active());
    server.always(respond({ status: 429 }));
    const { ask, told } = stale({ maxAgeSeconds: 1 });
    await ask();
    clocks.pass(1);
    expect(await ask()).toBe('unavailable');
    server.always(respond({ status: 503 }));
    clocks.pass(9.999);
    expect(await ask()).toBe('unavailable');
    expect(told('stale')).toBe(0);
    clocks.pass(0.001);
    expect(await ask()).toBe('ok');
  });

  it('serves nothing while the circuit breaker is open because of 429: a flood must not lengthen a life', async () => {
    server.next(active());
    server.always(respond({ status: 429 }));
    const { ask, told, authorizer } = stale(
      { maxAgeSeconds: 1 },
      { circuitBreaker: { minimumQuestions: 5, openMs: 1000 } },
    );
    await ask('revoked');
    clocks.pass(1);
    for (let i = 0; i < 10; i++) expect(await ask(`flood-${i}`)).toBe('unavailable');
    expect(authorizer.stats().circuitBreaker).toBe('open');
    expect(await ask('revoked')).toBe('unavailable');
    expect([told('stale'), told('breaker_opened')]).toEqual([0, 1]);
  });

  it('serves nothing while discovery is answered 429', async () => {
    server.next(active());
    const { ask, told } = stale({}, { introspectionEndpoint: undefined, issuer: server.origin });
    server.at('/.well-known/openid-configuration', respond({ status: 429 }));
    expect(await ask()).toBe('unavailable');
    expect(told('stale')).toBe(0);
  });

  it('does not serve because our own limits turned a question away: the server may well be there', async () => {
    server.always(active());
    const { ask, told } = stale({ maxAgeSeconds: 0.1 }, { limits: { perSecond: 1 }, timeoutMs: 900 });
    expect(await ask()).toBe('ok');
    clocks.pass(0.5);
    expect(await ask()).toBe('unavailable');
    expect([told('shed'), told('stale')]).toEqual([1, 0]);
  });
});
