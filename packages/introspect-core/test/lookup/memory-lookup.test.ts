import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SharedCache } from '../../src/cache/shared-cache.js';
import { fromMemory, readShared } from '../../src/lookup/memory-lookup.js';
import { lookupParts, nextLookup } from '../support/lookups.js';

afterEach(() => void vi.unstubAllGlobals());

const setUp = (settings: Parameters<typeof lookupParts>[0] = {}) => {
  const parts = lookupParts(settings);
  const read = vi.fn(async () => false);
  const refresh = vi.fn(async () => {});
  const next = nextLookup(() => parts.fromServer());
  return { ...parts, read, refresh, next, find: fromMemory({ ...parts, readShared: read, refresh })(next) };
};
let parts: ReturnType<typeof setUp>;
beforeEach(() => {
  parts = setUp();
});

describe('the lookup in memory', () => {
  it('the lookup in memory returns a fresh response and emits "cache_hit", without the shared cache or the server', async () => {
    parts.cache.set('k', parts.received());
    expect(await parts.find(parts.query())).toEqual({ from: 'cache', response: { active: true } });
    expect(parts.events).toEqual([{ type: 'cache_hit', active: true }]);
    expect(parts.read).not.toHaveBeenCalled();
    expect(parts.next).not.toHaveBeenCalled();
  });

  it('the lookup in memory returns a response that the shared cache puts into memory', async () => {
    parts.read.mockImplementation(async () => {
      parts.cache.set('k', parts.received());
      return true;
    });
    expect(await parts.find(parts.query())).toMatchObject({ from: 'cache' });
    expect(parts.next).not.toHaveBeenCalled();
  });

  it('the lookup in memory calls the next stage if the shared cache has no response', async () => {
    expect(await parts.find(parts.query())).toMatchObject({ from: 'server' });
    expect(parts.read).toHaveBeenCalledTimes(1);
    expect(parts.events).toEqual([]);
  });

  it('the lookup in memory calls the next stage without the shared cache if no cached response may be used', async () => {
    parts.cache.set('k', parts.received());
    expect(await parts.find(parts.query({ maxResponseAgeMs: 0 }))).toMatchObject({ from: 'server' });
    expect(parts.read).not.toHaveBeenCalled();
  });
});

describe('a response that is due for a refresh', () => {
  beforeEach(() => {
    parts = setUp({ refreshAfterMs: 10_000 });
    parts.cache.set('k', parts.received());
    parts.clocks.pass(10);
  });

  it('a response that is due for a refresh is used while one refresh runs in the background', async () => {
    parts.refresh.mockImplementation(() => new Promise(() => {}));
    expect(await parts.find(parts.query())).toMatchObject({ from: 'cache' });
    expect(await parts.find(parts.query())).toMatchObject({ from: 'cache' });
    expect(parts.refresh).toHaveBeenCalledTimes(1);
  });

  it('a response that is due for a refresh is refreshed first on workerd without waitUntil', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    parts.refresh.mockImplementation(
      async () => void parts.cache.set('k', parts.received({ active: true, sub: 'new' })),
    );
    expect(await parts.find(parts.query())).toMatchObject({ response: { sub: 'new' } });
  });

  it('a response that was invalidated while the request waited for the refresh is not used', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    parts.refresh.mockImplementation(async () => parts.invalidations.add('token:k'));
    expect(await parts.find(parts.query())).toMatchObject({ from: 'server' });
    expect(parts.read).not.toHaveBeenCalled();
  });
});

describe('a read of the shared cache', () => {
  it('a read of the shared cache is shared by concurrent lookups of one token', async () => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const sharedCache = { read: vi.fn(() => promise) };
    const read = readShared(sharedCache as Partial<SharedCache> as SharedCache);
    const both = Promise.all([read(parts.query()), read(parts.query())]);
    resolve(true);
    expect(await both).toEqual([true, true]);
    expect(sharedCache.read).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ key: 'k', token: 't' }));
  });

  it('a read without a shared cache returns false', async () => {
    expect(await readShared(undefined)(parts.query())).toBe(false);
  });
});
