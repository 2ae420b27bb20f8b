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

describe('a lease', () => {
  /** A process whose answer, the first of the server's, is due for renewal. */
  const due = async (lease: NonNullable<CacheStore['lease']>) => {
    server.next(...[1, 2].map((version) => active({ version })));
    const first = cachingAuthorizer(server, clocks, { cache: { store: { ...store, lease }, refreshAfterSeconds: 10 } });
    await first.authorize();
    await first.settle();
    clocks.pass(10);
    expect(await first.authorize()).toBe('ok');
    return first;
  };

  it.each([
    [true, 2],
    [false, 1],
  ])('that is %s decides who renews: %d questions', async (granted, questions) => {
    const lease = vi.fn(async () => granted);
    const { settle } = await due(lease);
    await settle();
    expect(server.introspections).toHaveLength(questions);
    const [key] = [...store.entries.keys()];
    expect(lease).toHaveBeenCalledExactlyOnceWith(key, 5000);
  });

  it('that another process has leaves this one to find the new answer in the store', async () => {
    const first = await due(async () => false);
    await first.settle();
    const other = cachingAuthorizer(server, clocks, { cache: { store } });
    await other.authorize('t', { maxResponseAgeSeconds: 0 });
    await other.settle();
    clocks.pass(5);
    expect(await first.authorizer.authorize('Bearer t')).toMatchObject({ version: 2 });
    expect(server.introspections).toHaveLength(2);
  });

  it('is asked for again after half a second, not by every request', async () => {
    const lease = vi.fn(async () => false);
    const { authorize, settle } = await due(lease);
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
  ])('ends with the question or before the next renewal: %j, %j, %d ms', async (options, cache, ttlMs) => {
    server.always(active());
    const lease = vi.fn(async (_key: string, _ttlMs: number) => false);
    const { authorize, settle } = cachingAuthorizer(server, clocks, {
      ...options,
      cache: { store: { ...store, lease }, ...cache },
    });
    await authorize();
    clocks.pass(11);
    await authorize();
    await authorize();
    await settle();
    expect(lease.mock.calls[0]?.[1]).toBe(ttlMs);
  });
});
