import {
  active,
  inactive,
  memoryStore,
  respond,
  type ScriptedServer,
  startScriptedServer,
} from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SharedCache } from '../../src/cache/shared-cache.js';
import { plainCodec } from '../../src/cache/store-codec.js';
import type { CacheOptions, CacheStore } from '../../src/index.js';
import { cachingAuthorizer } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';
import { eventLoopTurns, until } from '../support/event-loop.js';
import { holdResponse } from '../support/held-response.js';
import { lookupParts } from '../support/lookups.js';
import { mapStore } from '../support/map-store.js';

let server: ScriptedServer;
let clocks: Clocks;
let shared: ReturnType<typeof memoryStore>;
/** The names of the leases that were requested, and whether they were given. */
let leases: [key: string, ttlMs: number, isGiven: boolean][];
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  server = await startScriptedServer();
  clocks = new Clocks();
  shared = memoryStore({ now: clocks.monotonicNow });
  leases = [];
});
afterEach(async () => {
  vi.useRealTimers();
  await server.close();
});

/** The store as one process sees it. Each call takes some time, but no timer. */
function laggingStore(): CacheStore {
  const store = memoryStore({ connectTo: shared });
  const lag = () => eventLoopTurns(3);
  return {
    get: (key) => lag().then(() => store.get(key)),
    set: (key, value, ttlMs) => lag().then(() => store.set(key, value, ttlMs)),
    delete: (key) => lag().then(() => store.delete(key)),
    async lease(key, ttlMs) {
      await lag();
      const isGiven = await store.lease(key, ttlMs);
      leases.push([key, ttlMs, isGiven]);
      return isGiven;
    },
  };
}

type Options = Omit<NonNullable<Parameters<typeof cachingAuthorizer>[2]>, 'cache'> & { cache?: Partial<CacheOptions> };

function processOf({ cache, ...options }: Options = {}) {
  return cachingAuthorizer(server, clocks, { ...options, cache: { store: laggingStore(), ...cache } });
}
type Process = ReturnType<typeof processOf>;

/** Lets 100 ms pass, and gives the store time for each read. */
async function passWait(): Promise<void> {
  for (let ms = 0; ms < 100; ms++) {
    await eventLoopTurns(8);
    vi.advanceTimersByTime(1);
  }
}

/** Counts the promises that have settled. */
function settling(promises: readonly Promise<unknown>[]) {
  const settled = { count: 0 };
  for (const promise of promises) void promise.then(() => settled.count++);
  return settled;
}

/** Lets a request of each process begin at the same time, until each has asked for the lease and one introspects. */
async function meet(processes: readonly Process[]) {
  const pending = processes.map((each) => each.authorize());
  await until(() => leases.length === processes.length);
  await server.introspection(1);
  return pending;
}

/** Lets the process with the lease end, and then the others. */
async function finish(pending: readonly Promise<string>[]): Promise<string[]> {
  const settled = settling(pending);
  await until(() => settled.count > 0);
  await passWait();
  return Promise.all(pending);
}

describe.each([2, 8])('%d processes that miss the same token at the same time', (count) => {
  it.each([
    ['active', active(), 'ok'],
    ['inactive', inactive(), 'inactive'],
  ])('introspect it once if it is %s, and all use that response', async (_, response, outcome) => {
    const { held, release } = holdResponse(response);
    server.next(held);
    const processes = Array.from({ length: count }, () => processOf());
    const pending = await meet(processes);
    release();
    expect(await finish(pending)).toEqual(Array(count).fill(outcome));
    expect(server.introspections).toHaveLength(1);
    expect(leases.filter(([, , isGiven]) => isGiven)).toHaveLength(1);
    expect(leases[0]).toEqual([expect.stringMatching(/^miss\.[\w-]{43}$/), 500, true]);
    const counts = (type: 'cache_miss' | 'cache_hit') => processes.map((each) => each.count(type)).sort();
    expect(counts('cache_miss')).toEqual([...Array(count - 1).fill(0), 1]);
    expect(counts('cache_hit')).toEqual([0, ...Array(count - 1).fill(1)]);
  });

  it('share an inactive response in a sealed store, too', async () => {
    const { held, release } = holdResponse(inactive());
    server.next(held);
    const storeSecret = 'a secret of more than 32 characters';
    const pending = await meet(Array.from({ length: count }, () => processOf({ cache: { storeSecret } })));
    release();
    expect(await finish(pending)).toEqual(Array(count).fill('inactive'));
    expect(server.introspections).toHaveLength(1);
  });

  it('wait at most 100 ms, and then introspect it themselves, if the process with the lease fails', async () => {
    const { held, release } = holdResponse(respond({ status: 500 }));
    server.next(held);
    server.always(active());
    const pending = await meet(Array.from({ length: count }, () => processOf()));
    release();
    expect((await finish(pending)).sort()).toEqual([...Array(count - 1).fill('ok'), 'unavailable']);
  });
});

it('a request that comes after the lease has ended joins the introspection that still runs in its process', async () => {
  const { held, release } = holdResponse(active());
  server.next(held);
  const { authorize } = processOf();
  const first = authorize();
  await server.introspection(1);
  clocks.pass(1);
  const second = authorize();
  await eventLoopTurns(20);
  release();
  expect(await Promise.all([first, second])).toEqual(['ok', 'ok']);
  expect(leases).toHaveLength(1);
});

describe('an inactive response of another process', () => {
  it('does not end an active response in memory: the token is introspected and rechecked', async () => {
    server.next(active());
    const [one, other] = [processOf(), processOf()];
    expect(await other.authorize()).toBe('ok');
    await other.settle();
    clocks.pass(61);
    leases = [];

    const { held, release } = holdResponse(inactive());
    server.next(held);
    server.always(active());
    const rejected = one.authorize();
    await server.introspection(2);
    const waiting = other.authorize();
    await until(() => leases.length === 2);
    release();
    expect(await rejected).toBe('inactive');
    await passWait();
    expect(await waiting).toBe('ok');
    expect(server.introspections).toHaveLength(3);
  });
});

it('an inactive response of a process whose clock is ahead is not used, because its age is unknown', async () => {
  const { clocks, cache, invalidations } = lookupParts();
  const value = `${clocks.wallMs + 1} {"active":false}`;
  const store = { ...mapStore(clocks), get: async (key: string) => (key.startsWith('miss.') ? value : undefined) };
  const settings = { lifetimeMs: 60_000, leaseMs: 5000, codec: plainCodec((text) => text), onFailure: () => {} };
  const sharedCache = new SharedCache(store, cache, invalidations, { ...clocks, ...settings });
  const read = async () => {
    await sharedCache.readAwaited({ key: 'k', token: 't' });
    return cache.fresh('k', Number.POSITIVE_INFINITY)?.response;
  };
  expect(await read()).toBeUndefined();
  clocks.pass(0.001);
  expect(await read()).toEqual({ active: false });
});

it('a change that the store reports is noticed by each running read of the key, also after another read has ended', async () => {
  const { clocks, cache, invalidations } = lookupParts();
  const values: ((value: string) => void)[] = [];
  let report: (key: string) => void = () => {};
  const store: CacheStore = {
    ...mapStore(clocks),
    get: (key) => (key === 'k' ? new Promise((resolve) => void values.push(resolve)) : Promise.resolve(undefined)),
    onInvalidate: (listener) => {
      report = listener;
      return () => {};
    },
  };
  const settings = { lifetimeMs: 60_000, leaseMs: 5000, codec: plainCodec((text) => text), onFailure: () => {} };
  const sharedCache = new SharedCache(store, cache, invalidations, { ...clocks, ...settings });
  const lookup = { key: 'k', token: 't' };
  const reads = [sharedCache.read(lookup), sharedCache.read(lookup)];
  await until(() => values.length === 2);
  const value = `${clocks.wallMs} {"active":true}`;
  values[0]?.(value);
  expect(await reads[0]).toBe(true);
  report('k');
  values[1]?.(value);
  await until(() => values.length === 3); // it reads again
  values[2]?.(value);
  expect(await reads[1]).toBe(true);
});
