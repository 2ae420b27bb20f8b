import { active, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CacheStore } from '../../src/index.js';
import { cachingAuthorizer } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';
import { mapStore } from '../support/map-store.js';

let server: ScriptedServer;
let clocks: Clocks;
let store: ReturnType<typeof mapStore>;
beforeEach(async () => {
  server = await startScriptedServer();
  clocks = new Clocks();
  store = mapStore(clocks);
});
afterEach(() => server.close());

/** Gives this process each lease for a miss, and calls `lease` for those of a refresh. */
const forRefresh =
  (lease: NonNullable<CacheStore['lease']>): NonNullable<CacheStore['lease']> =>
  async (key, ttlMs) =>
    key.startsWith('miss.') || lease(key, ttlMs);

describe('a lease', () => {
  /** A process whose cached response is due for a refresh. */
  const dueForRefresh = async (lease: NonNullable<CacheStore['lease']>) => {
    server.next(...[1, 2].map((version) => active({ version })));
    const first = cachingAuthorizer(server, clocks, {
      cache: { store: { ...store, lease: forRefresh(lease) }, refreshAfterSeconds: 10 },
    });
    await first.authorize();
    await first.settle();
    clocks.pass(10);
    expect(await first.authorize()).toBe('ok');
    return first;
  };

  it.each([
    [true, 2],
    [false, 1],
  ])('a lease decides who refreshes: lease() returns %s → %d introspections', async (granted, introspections) => {
    const lease = vi.fn(async () => granted);
    const { settle } = await dueForRefresh(lease);
    await settle();
    expect(server.introspections).toHaveLength(introspections);
    const [key] = [...store.entries.keys()];
    expect(lease).toHaveBeenCalledExactlyOnceWith(key, 5000);
  });

  it('a lease that another process has: this process reads the refreshed response from the store', async () => {
    const first = await dueForRefresh(async () => false);
    await first.settle();
    const other = cachingAuthorizer(server, clocks, { cache: { store } });
    await other.authorize('t', { maxResponseAgeSeconds: 0 });
    await other.settle();
    clocks.pass(5);
    expect(await first.authorizer.authorize('Bearer t')).toMatchObject({ version: 2 });
    expect(server.introspections).toHaveLength(2);
  });

  it('a lease that is not granted is requested again after 0.5 s, not by each request', async () => {
    const lease = vi.fn(async () => false);
    const { authorize, settle } = await dueForRefresh(lease);
    await authorize();
    await settle();
    expect(lease).toHaveBeenCalledTimes(1);
    clocks.pass(0.5);
    await authorize();
    await settle();
    expect(lease).toHaveBeenCalledTimes(2);
  });

  it.each([
    [{ timeoutMs: 700 }, { refreshAfterSeconds: 10 }, 700],
    [{}, { refreshAfterSeconds: 0.2501 }, 250],
    [{}, { refreshAfterSeconds: 0 }, 1],
  ])('a lease ends with timeoutMs or before the next refresh: %j, %j → %d ms', async (options, cache, ttlMs) => {
    server.always(active());
    const lease = vi.fn(async (_key: string, _ttlMs: number) => false);
    const { authorize, settle } = cachingAuthorizer(server, clocks, {
      ...options,
      cache: { store: { ...store, lease: forRefresh(lease) }, ...cache },
    });
    await authorize();
    clocks.pass(11);
    await authorize();
    await authorize();
    await settle();
    expect(lease.mock.calls[0]?.[1]).toBe(ttlMs);
  });
});
