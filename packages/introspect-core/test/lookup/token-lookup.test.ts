import * as v from 'valibot';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { cacheOptions } from '../../src/cache/cache-options.js';
import { type CacheOptions, IntrospectionClient, type IntrospectionResponse } from '../../src/index.js';
import type { LookupHooks } from '../../src/lookup/server-lookup.js';
import { TokenLookup } from '../../src/lookup/token-lookup.js';
import { Clocks } from '../support/clocks.js';
import { mapStore } from '../support/map-store.js';
import { scripted, scriptedTransport } from '../support/scripted-transport.js';

afterEach(() => void vi.useRealTimers());

const anyAge = Number.POSITIVE_INFINITY;
const request = { authorization: 'Bearer t' };
const version = (number: number) => ({ body: { active: true, version: number } });

interface Setup {
  /** `undefined`: no cache. */
  cache?: Partial<CacheOptions> | undefined;
  clocks?: Clocks;
  reply?: Parameters<typeof scriptedTransport>[0];
  hooks?: LookupHooks;
}

/** A lookup with a cache for 60 s over a client whose responses have the number of their request as `version`. */
function setUp(setup: Setup = {}) {
  const { clocks = new Clocks(), reply = (_: string, number: number) => version(number), hooks } = setup;
  const cache = 'cache' in setup && setup.cache === undefined ? undefined : { maxAgeSeconds: 60, ...setup.cache };
  const { transport, requests } = scriptedTransport(reply);
  const { now, monotonicNow } = clocks;
  const client = new IntrospectionClient({ ...scripted, transport, retry: { attempts: 1 }, now, monotonicNow });
  const lookup = new TokenLookup(client, cache && v.parse(cacheOptions, cache), hooks);
  return { lookup, requests, clocks, emitted: () => lookup.stats().lookups };
}

describe('TokenLookup.find', () => {
  it.each([
    ['without a cache', undefined],
    ['before the cache in memory', {}],
  ])('lets the guards of one HTTP request share a response, %s', async (_, cache) => {
    const { lookup, requests, emitted } = setUp({ cache });
    const sameRequest = { ...request, native: {} };
    for (const maxAge of [anyAge, anyAge, 0]) {
      expect(await lookup.find('t', sameRequest, maxAge)).toMatchObject({ version: 1 });
    }
    expect(requests).toHaveLength(1);
    expect(emitted()).toMatchObject({ cache_hit: 0 });
  });

  it('uses memory before the shared cache, and the shared cache before the server', async () => {
    const clocks = new Clocks();
    const store = mapStore(clocks);
    const [one, other] = [setUp({ clocks, cache: { store } }), setUp({ clocks, cache: { store } })];
    await one.lookup.find('t', request, anyAge);
    store.get.mockClear();
    expect(await one.lookup.find('t', request, anyAge)).toMatchObject({ version: 1 });
    expect(store.get).not.toHaveBeenCalled();
    expect(await other.lookup.find('t', request, anyAge)).toMatchObject({ version: 1 });
    expect(store.get).toHaveBeenCalled();
    expect([one.requests.length, other.requests.length]).toEqual([1, 0]);
  });

  it('uses a stale response only after the server has failed', async () => {
    const reply = (_: string, number: number) => (number <= 2 ? version(number) : { status: 503 });
    const { lookup, clocks, emitted } = setUp({ reply, cache: { maxAgeIfErrorSeconds: 600 } });
    await lookup.find('t', request, anyAge);
    clocks.pass(60);
    expect(await lookup.find('t', request, anyAge)).toMatchObject({ version: 2 });
    expect(emitted()).toMatchObject({ stale_served: 0, cache_hit: 0 });
    clocks.pass(60);
    expect(await lookup.find('t', request, anyAge)).toMatchObject({ version: 2 });
    expect(emitted()).toMatchObject({ stale_served: 1, cache_hit: 0 });
  });

  it('returns a response that is due for a refresh, and introspects the token in the background', async () => {
    const { lookup, requests, clocks } = setUp({ cache: { refreshAfterSeconds: 10 } });
    const waitUntil = vi.fn<(work: Promise<unknown>) => void>();
    await lookup.find('t', request, anyAge);
    clocks.pass(10);
    expect(await lookup.find('t', { ...request, waitUntil }, anyAge)).toMatchObject({ version: 1 });
    await waitUntil.mock.lastCall?.[0];
    expect(lookup.cached('t', anyAge)).toMatchObject({ version: 2 });
    expect(requests).toHaveLength(2);
  });

  it('lets concurrent HTTP requests share one introspection request', async () => {
    const { lookup, requests, emitted } = setUp({ cache: undefined });
    const found = await Promise.all([lookup.find('t', request, anyAge), lookup.find('t', request, anyAge)]);
    expect(found).toMatchObject([{ version: 1 }, { version: 1 }]);
    expect(requests).toHaveLength(1);
    expect(emitted()).toMatchObject({ coalesced: 1 });
  });

  it('returns before the write to the shared cache ends, and passes the write to waitUntil', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }); // so that the write does not reach its time limit
    const { promise: written, resolve: endWrite } = Promise.withResolvers<void>();
    const store = { ...mapStore(new Clocks()), set: vi.fn(() => written) };
    const { lookup } = setUp({ cache: { store } });
    const waitUntil = vi.fn<(work: Promise<unknown>) => void>();
    expect(await lookup.find('t', { ...request, waitUntil }, anyAge)).toMatchObject({ version: 1 });
    expect(store.set).toHaveBeenCalledTimes(1);
    expect(waitUntil).toHaveBeenCalledTimes(1);
    const hasEnded = vi.fn();
    const work = waitUntil.mock.lastCall?.[0].then(hasEnded);
    await new Promise((resolve) => setImmediate(resolve));
    expect(hasEnded).not.toHaveBeenCalled();
    endWrite();
    await work;
    expect(hasEnded).toHaveBeenCalledTimes(1);
  });

  it('repeats the introspection if the response is too old for the HTTP request, and lets both writes end', async () => {
    const clocks = new Clocks();
    const sent = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const reply = async (_: string, number: number) => {
      sent.resolve();
      await released.promise;
      return version(number);
    };
    // The flight begins, then the wall clock is set back, and then the introspection request is sent.
    const prefilter = async () => {
      clocks.stepWall(-20);
      return 'introspect' as const;
    };
    const { lookup } = setUp({ clocks, reply, hooks: { prefilter }, cache: { store: mapStore(clocks) } });
    const waitUntil = vi.fn();
    const first = lookup.find('t', request, anyAge);
    await sent.promise;
    clocks.stepWall(20);
    const second = lookup.find('t', { ...request, waitUntil }, 10_000);
    await new Promise((resolve) => setImmediate(resolve)); // it joins the flight
    released.resolve();
    expect(await Promise.all([first, second])).toMatchObject([{ version: 1 }, { version: 2 }]);
    expect(waitUntil).toHaveBeenCalledTimes(2);
  });
});

describe('TokenLookup.cached', () => {
  it('returns the response in memory synchronously, and emits "cache_hit"', async () => {
    const { lookup, requests, emitted } = setUp();
    expect(lookup.cached('t', anyAge)).toBeUndefined();
    const response = (await lookup.find('t', request, anyAge)) as IntrospectionResponse;
    expect(lookup.cached('t', anyAge)).toBe(response);
    expect(emitted()).toMatchObject({ cache_hit: 1, cache_miss: 1 });
    expect(requests).toHaveLength(1);
  });

  it.each<[string, Setup, seconds: number, maxAgeMs: number]>([
    ['no cache is configured', { cache: undefined }, 0, anyAge],
    ['the response is due for a refresh', { cache: { refreshAfterSeconds: 10 } }, 10, anyAge],
    ['the shared cache must be read', { cache: { store: mapStore(new Clocks()) } }, 5, anyAge],
    ['the response is not fresh', { cache: { maxAgeIfErrorSeconds: 600 } }, 60, anyAge],
    ['the response is older than the policy allows', {}, 10, 10_000],
  ])('returns undefined and emits nothing if %s', async (_, setup, seconds, maxAgeMs) => {
    const { lookup, clocks, emitted } = setUp(setup);
    await lookup.find('t', request, anyAge);
    clocks.pass(seconds);
    expect(lookup.cached('t', maxAgeMs)).toBeUndefined();
    expect(emitted()).toMatchObject({ cache_hit: 0 });
  });
});
