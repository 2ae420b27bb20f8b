import {
  active,
  inactive,
  json,
  reset,
  type ScriptedResponse,
  type ScriptedServer,
  startScriptedServer,
} from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { delay } from '../../src/runtime/delay.js';
import { cachingAuthorizer } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';
import { until } from '../support/event-loop.js';
import { holdResponse } from '../support/held-response.js';
import { mapStore } from '../support/map-store.js';

vi.mock('../../src/runtime/delay.js', { spy: true });

let server: ScriptedServer;
let clocks: Clocks;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  server = await startScriptedServer();
  clocks = new Clocks();
});
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await server.close();
});

/** Returns how long each wait before a recheck is. */
const waits = () => vi.mocked(delay).mock.calls.map(([ms]) => ms);

/** Resolves with the length of a wait, once it has begun. `number` counts the waits from 1. */
async function waitOf(number = 1): Promise<number> {
  await until(() => waits().length >= number);
  return waits()[number - 1] ?? Number.NaN;
}

/** Lets the time of a wait pass. */
async function endWait(number = 1): Promise<void> {
  const ms = Math.ceil(await waitOf(number));
  clocks.monotonicMs += ms;
  clocks.wallMs += ms;
  vi.advanceTimersByTime(ms);
}

const always = { maxResponseAgeSeconds: 0 };

/**
 * An authorizer that has cached the token as active. The server then gives these responses, and after them
 * `inactive`.
 */
async function cachedAsActive(
  responses: ScriptedResponse[],
  { claims = {}, ...options }: { claims?: Record<string, unknown>; cache?: object; timeoutMs?: number } = {},
) {
  server.next(active(claims), ...responses);
  server.always(inactive());
  const cached = cachingAuthorizer(server, clocks, options);
  expect(await cached.authorize()).toBe('ok');
  return cached;
}

beforeEach(() => void vi.mocked(delay).mockClear());

describe('an inactive response about a token that is cached as active', () => {
  it('a revoked token is rechecked once, and then rejected as inactive', async () => {
    const { authorize, events } = await cachedAsActive([]);
    clocks.pass(1);
    const pending = authorize('t', always);
    await endWait();
    expect(await pending).toBe('inactive');
    expect(server.introspections).toHaveLength(3);
    expect(events.at(-1)).toEqual({ type: 'rechecked', active: false });
    expect(await authorize()).toBe('inactive');
    clocks.pass(2.9);
    expect(await authorize()).toBe('inactive');
    expect(server.introspections).toHaveLength(3);
    clocks.pass(0.1);
    expect(await authorize()).toBe('inactive');
    expect(server.introspections).toHaveLength(4);
    expect(waits()).toHaveLength(1);
  });

  it('a token whose recheck is active stays active', async () => {
    const { authorize, events } = await cachedAsActive([inactive(), active({ sub: 'still' })]);
    const pending = authorize('t', always);
    await endWait();
    expect(await pending).toBe('ok');
    expect(events.at(-1)).toEqual({ type: 'rechecked', active: true });
    expect(await authorize()).toBe('ok');
    expect(server.introspections).toHaveLength(3);
  });

  it('concurrent requests wait for the recheck, and get its result', async () => {
    const { held, release } = holdResponse(inactive());
    const { authorize, count } = await cachedAsActive([inactive(), held]);
    const pending = authorize('t', always);
    await waitOf();
    const settled = vi.fn();
    const others = [authorize(), authorize('t', { maxResponseAgeSeconds: 30 })];
    for (const each of others) each.then(settled);
    await until(() => count('coalesced') === 2);
    expect(settled).not.toHaveBeenCalled();
    await endWait();
    await server.introspection(3);
    others.push(authorize());
    await until(() => count('coalesced') === 3);
    expect(settled).not.toHaveBeenCalled();
    release();
    expect(await Promise.all([pending, ...others])).toEqual(Array(4).fill('inactive'));
    expect(server.introspections).toHaveLength(3);
  });

  it('an inactive response to a background refresh is rechecked too', async () => {
    const { authorize, settle, count, events } = await cachedAsActive([inactive(), inactive()], {
      cache: { refreshAfterSeconds: 10 },
    });
    clocks.pass(10);
    expect(await authorize()).toBe('ok');
    await waitOf();
    const waiting = authorize();
    await until(() => count('coalesced') === 1);
    await endWait();
    expect(await waiting).toBe('inactive');
    await settle();
    expect(events.slice(-2)).toEqual([
      { type: 'rechecked', active: false },
      { type: 'refreshed', active: false },
    ]);
  });

  it.each<[string, ScriptedResponse, string]>([
    ['fails with a reset', reset(), 'unavailable'],
    ['gets garbage', json({ active: 'no' }), 'invalid_response'],
  ])('a token whose recheck %s is neither accepted nor rejected as inactive', async (_, fault, code) => {
    const { authorize, count } = await cachedAsActive([inactive(), fault, fault], {
      cache: { maxAgeIfErrorSeconds: 300 },
    });
    const pending = authorize('t', always);
    await endWait();
    expect(await pending).toBe(code);
    expect(count('rechecked')).toBe(0);
    expect(await authorize()).toBe(code);
    expect(count('stale_served')).toBe(0);
    expect(server.introspections).toHaveLength(4);
  });

  it('an inactive response is rechecked again after a recheck that failed', async () => {
    const { authorize } = await cachedAsActive([inactive(), reset(), inactive(), active()]);
    const pending = authorize('t', always);
    await endWait();
    expect(await pending).toBe('unavailable');
    const again = authorize();
    await endWait(2);
    expect(await again).toBe('ok');
    expect(server.introspections).toHaveLength(5);
  });

  it('a caller can hang up during a recheck, and the next request introspects the token again', async () => {
    const { authorize, authorizer } = await cachedAsActive([inactive(), active({ sub: 'again' })]);
    const controller = new AbortController();
    const leaves = authorizer.authorize({ authorization: 'Bearer t', signal: controller.signal }, always);
    await waitOf();
    controller.abort('left');
    await expect(leaves).rejects.toBe('left');
    expect(await authorize()).toBe('ok');
    expect(server.introspections).toHaveLength(3);
  });

  it('the shared entry is deleted before the token is rechecked', async () => {
    const store = mapStore(clocks);
    const { authorize, settle } = await cachedAsActive([inactive(), active()], { cache: { store } });
    await settle();
    expect(store.entries.size).toBe(1);
    const pending = authorize('t', always);
    await waitOf();
    await settle();
    expect(store.entries.size).toBe(0);
    await endWait();
    expect(await pending).toBe('ok');
    await settle();
    expect(store.entries.size).toBe(1);
  });

  it('the shared entry is not used during a recheck, even if the store does not delete it', async () => {
    const store = { ...mapStore(clocks), delete: () => new Promise<void>(() => {}) };
    const { authorize, count } = await cachedAsActive([], { cache: { store } });
    const pending = authorize('t', always);
    await waitOf();
    const other = authorize();
    await until(() => count('coalesced') === 1);
    await endWait();
    expect(await Promise.all([pending, other])).toEqual(['inactive', 'inactive']);
  });
});

describe('the wait before a recheck', () => {
  it.each([
    [0, undefined, 1000],
    [0.5, undefined, 1125],
    [1, undefined, 1250],
    [0, 2000, 1000],
    [0, 1999, 999.5],
    [1, 1000, 500],
    [1, 10, 5],
  ])(
    'the wait before a recheck, with the random number %d and timeoutMs %s, is %d ms',
    async (chance, timeoutMs, ms) => {
      const { authorize } = await cachedAsActive([], timeoutMs === undefined ? {} : { timeoutMs });
      vi.spyOn(Math, 'random').mockReturnValue(chance);
      const pending = authorize('t', always);
      expect(await waitOf()).toBe(ms);
      await endWait();
      expect(await pending).toBe('inactive');
    },
  );

  it('the wait before a recheck is half of the time that is left after a slow first response', async () => {
    const { held, release } = holdResponse(inactive());
    const { authorize } = await cachedAsActive([held]);
    const pending = authorize('t', always);
    await server.introspection(2);
    clocks.pass(4);
    release();
    expect(await waitOf()).toBe(500);
    await endWait();
    expect(await pending).toBe('inactive');
  });

  it('a recheck that exceeds the time limit of the whole lookup rejects with unavailable', async () => {
    const { held } = holdResponse(inactive());
    const { authorize } = await cachedAsActive([inactive(), held], { timeoutMs: 2000 });
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const pending = authorize('t', always);
    await endWait();
    await server.introspection(3);
    vi.advanceTimersByTime(1000);
    expect(await pending).toBe('unavailable');
  });
});

describe('an inactive response that is not rechecked', () => {
  it.each<[what: string, options: object, act: (cached: Awaited<ReturnType<typeof cachedAsActive>>) => unknown]>([
    ['a minute after the last active response', {}, () => clocks.pass(60)],
    ['after the exp of the cached response', { claims: { exp: 1_750_000_010 } }, () => clocks.pass(10)],
    ['after the token was invalidated', {}, ({ authorizer }) => authorizer.invalidate({ token: 't' })],
    [
      'after its subject was invalidated',
      { claims: { sub: 's' } },
      ({ authorizer }) => authorizer.invalidate({ sub: 's' }),
    ],
    ['after all tokens were invalidated', {}, ({ authorizer }) => authorizer.invalidate({ all: true })],
  ])('an inactive response %s is used without a recheck', async (_, options, act) => {
    const cached = await cachedAsActive([], options);
    await act(cached);
    expect(await cached.authorize('t', always)).toBe('inactive');
    expect(server.introspections).toHaveLength(2);
    expect(waits()).toEqual([]);
    expect(cached.count('rechecked')).toBe(0);
  });

  it('an inactive response about an unknown token is used without a recheck', async () => {
    const { authorize } = cachingAuthorizer(server, clocks);
    expect(await authorize()).toBe('inactive');
    expect(await authorize('t', always)).toBe('inactive');
    expect(server.introspections).toHaveLength(2);
    expect(waits()).toEqual([]);
  });

  it('an inactive response within a minute of the last active one is rechecked, even if maxAgeSeconds is shorter', async () => {
    const { authorize } = await cachedAsActive([], { cache: { maxAgeSeconds: 1 } });
    clocks.pass(59.999);
    const pending = authorize();
    await endWait();
    expect(await pending).toBe('inactive');
    expect(server.introspections).toHaveLength(3);
  });

  it('an inactive response after more than a minute is rechecked if maxAgeSeconds is longer', async () => {
    const { authorize } = await cachedAsActive([], { cache: { maxAgeSeconds: 300 } });
    clocks.pass(299);
    const pending = authorize('t', always);
    await endWait();
    expect(await pending).toBe('inactive');
    expect(server.introspections).toHaveLength(3);
  });
});
