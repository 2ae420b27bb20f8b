import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SharedCache } from '../../src/cache/shared-cache.js';
import { InvalidResponseError, UnavailableError } from '../../src/errors/errors.js';
import { leaseOnMiss } from '../../src/lookup/lease-on-miss.js';
import { LookupDeadline } from '../../src/lookup/lookup-deadline.js';
import type { LookupResult, TokenQuery } from '../../src/lookup/lookup-pipeline.js';
import { RecentKeys } from '../../src/lookup/recent-keys.js';
import { Clocks } from '../support/clocks.js';
import { eventLoopTurns } from '../support/event-loop.js';
import { lookupParts, nextLookup } from '../support/lookups.js';
import { mapStore } from '../support/map-store.js';
import { virtualTime } from '../support/virtual-time.js';

let time: ReturnType<typeof virtualTime>;
beforeEach(() => {
  time = virtualTime();
});
afterEach(() => void vi.useRealTimers());

/** The stage in front of a server, and a shared cache whose lease another process has. */
function setUp({ lease = async () => false as boolean | undefined, timeoutMs = 5000 } = {}) {
  const parts = lookupParts();
  const { monotonicNow } = time.clocks;
  const shared = { isFailing: false, leaseForMiss: vi.fn(lease), readAwaited: vi.fn(async () => {}) };
  const running = new Set<string>();
  const next = nextLookup((): LookupResult | Promise<LookupResult> => parts.fromServer());
  const stage = leaseOnMiss({
    ...parts,
    sharedCache: shared as Partial<SharedCache> as SharedCache,
    isIntrospecting: (key) => running.has(key),
    timeLimit: new LookupDeadline({ origin: 'https://as.example', timeoutMs, monotonicNow }),
    monotonicNow,
  });
  const lookup = stage(next);
  const find = (change: Partial<TokenQuery> = {}) =>
    lookup(parts.query({ endsAt: monotonicNow() + timeoutMs, ...change }));
  /** Returns after how many milliseconds the lookup goes on to the server. */
  const waitMs = async (change: Partial<TokenQuery> = {}) => {
    next.mockClear();
    const startedAt = time.passed();
    const result = find(change).catch(() => {});
    while (next.mock.calls.length === 0 && time.passed() - startedAt < 1000) await time.pass(1);
    await result;
    return time.passed() - startedAt;
  };
  return { ...parts, shared, running, next, find, waitMs };
}

describe('a miss, with a store that has leases', () => {
  it('goes to the server without a wait if this process gets the lease, and says that others may wait', async () => {
    const { find, next, shared } = setUp({ lease: async () => true });
    await expect(find()).resolves.toMatchObject({ from: 'server' });
    expect(next.mock.calls).toEqual([[expect.objectContaining({ key: 'k', isAwaited: true })]]);
    expect(shared.leaseForMiss).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ key: 'k' }), 500);
    expect(shared.readAwaited).not.toHaveBeenCalled();
  });

  it('waits for the response of the process with the lease, and emits a hit', async () => {
    const { find, next, shared, cache, received, events } = setUp();
    shared.readAwaited.mockImplementation(async () => {
      if (time.passed() >= 30) cache.set('k', received());
    });
    const found = find();
    await time.pass(30);
    await expect(found).resolves.toEqual({ from: 'cache', response: { active: true } });
    expect(events).toEqual([{ type: 'cache_hit', active: true }]);
    expect(next).not.toHaveBeenCalled();
    expect(shared.readAwaited).toHaveBeenCalledTimes(4);
  });

  it('goes to the server after a wait of at most 100 ms', async () => {
    const { waitMs, next, shared } = setUp();
    const ms = await waitMs();
    expect(ms).toBeGreaterThan(80);
    expect(ms).toBeLessThanOrEqual(100);
    expect(next.mock.calls).toEqual([[expect.objectContaining({ isAwaited: false })]]);
    expect(shared.readAwaited.mock.calls.length).toBeLessThanOrEqual(6);
  });

  it.each<[string, Parameters<typeof setUp>[0], number]>([
    ['lease hangs', { lease: () => new Promise<never>(() => {}) }, 100],
    ['lease fails', { lease: async () => undefined }, 0],
    ['time limit ends', { timeoutMs: 40 }, 40],
  ])('waits no longer than possible if the %s', async (_, options, ms) => {
    expect(await setUp(options).waitMs()).toBeLessThanOrEqual(ms + 1);
  });

  it('stops to wait when the store fails', async () => {
    const { waitMs, shared } = setUp();
    shared.readAwaited.mockImplementation(async () => {
      shared.isFailing = true;
    });
    expect(await waitMs()).toBeLessThan(10);
  });

  it('waits on if the response in the store is too old for the policy', async () => {
    const { waitMs, shared, cache, received, age } = setUp();
    shared.readAwaited.mockImplementation(async () => {
      cache.promote('k', {
        ...received(),
        response: { active: true },
        requestedAt: age.requestTime().requestedAt - 2000,
      });
    });
    expect(await waitMs({ maxResponseAgeMs: 1000 })).toBeGreaterThan(80);
  });

  it('rejects when the caller leaves while it waits', async () => {
    const { find, next } = setUp();
    const controller = new AbortController();
    const found = find({ request: { authorization: 'Bearer t', signal: controller.signal } });
    await time.pass(5);
    controller.abort('left');
    await expect(found).rejects.toBe('left');
    expect(next).not.toHaveBeenCalled();
  });

  it('asks for the lease once, and waits once, for concurrent requests', async () => {
    const { find, shared, next } = setUp();
    const found = Promise.all([find(), find(), find()]);
    await time.pass(100);
    await found;
    expect(shared.leaseForMiss).toHaveBeenCalledOnce();
    expect(next).toHaveBeenCalledTimes(3);
  });
});

describe('a miss goes to the server without a lease and without a wait', () => {
  it('if the policy accepts no earlier response', async () => {
    const { find, shared } = setUp();
    await find({ maxResponseAgeMs: 0 });
    expect(shared.leaseForMiss).not.toHaveBeenCalled();
  });

  it('if this process introspects the token already', async () => {
    const { find, shared, running } = setUp();
    running.add('k');
    await find();
    expect(shared.leaseForMiss).not.toHaveBeenCalled();
  });

  it('if the last call of the store failed', async () => {
    const { find, shared } = setUp();
    shared.isFailing = true;
    await find();
    expect(shared.leaseForMiss).not.toHaveBeenCalled();
  });

  it('while the last introspection found the server unavailable', async () => {
    const { waitMs, shared, next, fromServer } = setUp();
    next.mockRejectedValueOnce(new UnavailableError('down'));
    await waitMs();
    shared.leaseForMiss.mockClear();
    next.mockRejectedValueOnce(new InvalidResponseError('strange'));
    expect(await waitMs({ key: 'another' })).toBeLessThanOrEqual(1);
    next.mockResolvedValueOnce({ from: 'prefilter', reason: 'expired' });
    expect(await waitMs({ key: 'another' })).toBeLessThanOrEqual(1);
    next.mockResolvedValueOnce(fromServer());
    expect(await waitMs({ key: 'another' })).toBeLessThanOrEqual(1);
    expect(shared.leaseForMiss).not.toHaveBeenCalled();
    await waitMs({ key: 'a third' });
    expect(shared.leaseForMiss).toHaveBeenCalledOnce();
  });

  it.each([true, false])(
    'for 500 ms after it has asked for the lease (given: %j) without a response',
    async (lease) => {
      const { waitMs, shared, next } = setUp({ lease: async () => lease });
      next.mockRejectedValue(new InvalidResponseError('strange'));
      await waitMs();
      shared.leaseForMiss.mockClear();
      expect(await waitMs()).toBeLessThanOrEqual(1);
      await time.pass(490);
      expect(await waitMs()).toBeLessThanOrEqual(1);
      expect(shared.leaseForMiss).not.toHaveBeenCalled();
      await time.pass(10);
      await waitMs();
      expect(shared.leaseForMiss).toHaveBeenCalledOnce();
    },
  );

  it.each([
    [499, 0],
    [500, 1],
  ])('for 500 ms after this process has introspected the token: after %j ms it asks %j times', async (ms, times) => {
    const { waitMs, shared } = setUp({ lease: async () => true });
    await waitMs({ maxResponseAgeMs: 0 });
    await time.pass(ms);
    await waitMs();
    expect(shared.leaseForMiss).toHaveBeenCalledTimes(times);
  });
});

describe('a response of another process', () => {
  it('is used even if each hit must compare the entry with the store, because the store was just read', async () => {
    const parts = lookupParts({ store: mapStore(new Clocks()), localMaxAgeMs: 0 });
    const { cache, received } = parts;
    const readAwaited = async () => void cache.promote('k', { ...received(), response: { active: true } });
    const shared: Partial<SharedCache> = { isFailing: false, leaseForMiss: async () => false, readAwaited };
    const stage = leaseOnMiss({
      ...parts,
      sharedCache: shared as SharedCache,
      isIntrospecting: () => false,
      timeLimit: new LookupDeadline({ origin: 'https://as.example', timeoutMs: 5000, ...parts.clocks }),
      monotonicNow: parts.clocks.monotonicNow,
    });
    const find = stage(nextLookup(() => expect.unreachable()));
    await expect(find(parts.query())).resolves.toEqual({ from: 'cache', response: { active: true } });
  });
});

describe('a miss requests the lease', () => {
  it('and then reads the store without a pause, and the second time after 5 ms', async () => {
    const { find, shared } = setUp();
    const found = find();
    await eventLoopTurns();
    expect(shared.readAwaited).toHaveBeenCalledOnce();
    await time.pass(5);
    expect(shared.readAwaited).toHaveBeenCalledTimes(2);
    await time.pass(95);
    await found;
  });

  it('after an introspection that failed for another reason than an unavailable server', async () => {
    const { waitMs, shared, next } = setUp();
    next.mockRejectedValueOnce(new InvalidResponseError('strange'));
    await waitMs();
    shared.leaseForMiss.mockClear();
    await waitMs({ key: 'another' });
    expect(shared.leaseForMiss).toHaveBeenCalledOnce();
  });
});

describe('RecentKeys', () => {
  it('remembers each key for its own time, in whichever order the keys are added', () => {
    let now = 0;
    const recent = new RecentKeys(500, () => now);
    const known = () => ['a', 'b', 'c'].filter((key) => recent.has(key));
    recent.add('a');
    now = 100;
    recent.add('b');
    now = 200;
    recent.add('a');
    expect(known()).toEqual(['a', 'b']);
    now = 599;
    expect(known()).toEqual(['a', 'b']);
    now = 600;
    recent.add('c');
    expect(known()).toEqual(['a', 'c']);
    now = 700;
    expect(known()).toEqual(['c']);
  });
});
