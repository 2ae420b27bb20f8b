import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { SharedCache } from '../../src/cache/shared-cache.js';
import { UnavailableError } from '../../src/errors/errors.js';
import type { LookupResult } from '../../src/lookup/lookup-pipeline.js';
import { backgroundRefresh } from '../../src/lookup/response-refresh.js';
import { lookupParts, nextLookup } from '../support/lookups.js';

let parts: ReturnType<typeof lookupParts>;
beforeEach(() => {
  parts = lookupParts();
});

const refresh = (introspect: () => LookupResult | Promise<LookupResult>, getsLease?: boolean) => {
  const sharedCache: Partial<SharedCache> | undefined =
    getsLease === undefined ? undefined : { mayRefresh: async () => getsLease };
  const server = nextLookup(introspect);
  const work = backgroundRefresh({
    ...parts,
    sharedCache: sharedCache as SharedCache | undefined,
    introspect: server,
    signal: new AbortController().signal,
  });
  return { server, done: work(parts.query()) };
};

describe('a background refresh', () => {
  it.each([undefined, true])('a background refresh introspects and emits "refreshed" (lease: %j)', async (lease) => {
    const { done } = refresh(() => parts.fromServer(), lease);
    await done;
    expect(parts.events).toEqual([{ type: 'refreshed', active: true }]);
  });

  it('a background refresh without the lease does not introspect, and the next use reads the shared cache', async () => {
    const revalidate = vi.spyOn(parts.cache, 'revalidate');
    const { server, done } = refresh(() => parts.fromServer(), false);
    await done;
    expect(server).not.toHaveBeenCalled();
    expect(revalidate.mock.calls).toEqual([['k']]);
  });

  it('a background refresh ends when the write to the shared cache has ended', async () => {
    const write = Promise.withResolvers<void>();
    const order: string[] = [];
    const { done } = refresh(() => parts.fromServer({ pendingWrite: write.promise }));
    const ended = done.then(() => order.push('refresh'));
    await vi.waitUntil(() => parts.events.length > 0, 60_000);
    order.push('write');
    write.resolve();
    await ended;
    expect(order).toEqual(['write', 'refresh']);
  });

  it('a background refresh that fails rejects nothing and emits nothing', async () => {
    await refresh(() => Promise.reject(new UnavailableError('down'))).done;
    await refresh(() => ({ from: 'prefilter', reason: 'expired' })).done;
    expect(parts.events).toEqual([]);
  });
});
