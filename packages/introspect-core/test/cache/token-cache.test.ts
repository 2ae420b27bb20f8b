import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CacheSettings } from '../../src/cache/cache-options.js';
import { Invalidations } from '../../src/cache/invalidations.js';
import { TokenCache } from '../../src/cache/token-cache.js';
import type { ActiveToken, IntrospectionResponse } from '../../src/index.js';
import { Clocks } from '../support/clocks.js';
import { mapStore } from '../support/map-store.js';

const anyAge = Number.POSITIVE_INFINITY;
const seconds = 1000;

let clocks: Clocks;
let invalidations: Invalidations;
beforeEach(() => {
  clocks = new Clocks();
  invalidations = new Invalidations(clocks, 3600 * seconds);
});
afterEach(() => void vi.restoreAllMocks());

const cacheOf = (settings: Partial<CacheSettings> = {}) =>
  new TokenCache(
    {
      maxAgeMs: 60 * seconds,
      inactiveMaxAgeMs: 3 * seconds,
      refreshAfterMs: Number.POSITIVE_INFINITY,
      maxAgeIfErrorMs: 0,
      maxEntries: 100,
      maxBytes: 1000,
      frontEntries: 0,
      store: undefined,
      storeSecrets: undefined,
      localMaxAgeMs: 5 * seconds,
      ...settings,
    },
    clocks,
    invalidations,
  );

const requestedNow = () => ({ ...clocks.age.requestTime(), sequence: invalidations.sequence, epoch: 0 });
const received = <Response extends IntrospectionResponse>(response: Response) => ({
  response,
  prepared: response,
  ...requestedNow(),
});
const active = (claims: object = {}) => received<ActiveToken>({ active: true, ...claims });
const inactive = () => received({ active: false });

describe('TokenCache', () => {
  it('returns a fresh entry until it has the maximum age of active or inactive responses', () => {
    const cache = cacheOf();
    const valid = active({ sub: 'a' });
    cache.set('valid', valid);
    cache.set('invalid', inactive());
    clocks.pass(2.999);
    expect(cache.fresh('valid', anyAge)?.response).toBe(valid.response);
    expect(cache.fresh('invalid', anyAge)?.response).toEqual({ active: false });
    clocks.pass(0.001);
    expect(cache.fresh('invalid', anyAge)).toBeUndefined();
    clocks.pass(56.999);
    expect(cache.fresh('valid', anyAge)?.response).toBe(valid.response);
    clocks.pass(0.001);
    expect(cache.fresh('valid', anyAge)).toBeUndefined();
  });

  it.each([
    ['active', active],
    ['inactive', inactive],
  ])('returns no %s entry that is older than a policy allows', (_, create) => {
    const cache = cacheOf();
    cache.set('k', create());
    expect(cache.fresh('k', 0)).toBeUndefined();
    clocks.pass(2);
    expect(cache.fresh('k', 2 * seconds)).toBeUndefined();
    expect(cache.fresh('k', 2 * seconds + 1)).toBeDefined();
  });

  it('keeps the response that was requested later, in whichever order they arrive', () => {
    const cache = cacheOf();
    const older = active({ sub: 'older' });
    clocks.pass(1);
    const newer = active({ sub: 'newer' });
    expect(cache.set('k', newer)).toBe('cached');
    expect(cache.set('k', older)).toBe('older');
    expect(cache.fresh('k', anyAge)?.response).toBe(newer.response);
    clocks.pass(1);
    expect(cache.set('k', inactive())).toBe('cached');
    expect(cache.set('k', newer)).toBe('older');
    expect(cache.fresh('k', anyAge)?.response.active).toBe(false);
    clocks.pass(1);
    expect(cache.set('k', active())).toBe('cached');
    expect(cache.fresh('k', anyAge)?.response.active).toBe(true);
  });

  it('evicts the least recently used entry, and limits active and inactive ones separately', () => {
    const cache = cacheOf({ maxEntries: 2 });
    cache.set('valid', active());
    for (const key of ['a', 'b']) cache.set(key, inactive());
    cache.fresh('a', anyAge);
    cache.set('c', inactive());
    expect(cache.fresh('a', anyAge)).toBeDefined();
    expect(cache.fresh('b', anyAge)).toBeUndefined();
    expect(cache.fresh('valid', anyAge)).toBeDefined();
    for (const key of ['d', 'e']) cache.set(key, active());
    expect(cache.fresh('valid', anyAge)).toBeUndefined();
    expect(cache.fresh('a', anyAge)).toBeDefined();
  });

  it('returns no entry after delete or clear', () => {
    const cache = cacheOf({ maxAgeIfErrorMs: 60 * seconds });
    cache.set('a', active());
    cache.set('b', inactive());
    cache.delete('a');
    cache.delete('b');
    expect([cache.fresh('a', anyAge), cache.fresh('b', anyAge), cache.stale('a', anyAge)]).toEqual(
      Array(3).fill(undefined),
    );
    cache.set('a', active());
    cache.set('b', inactive());
    cache.clear();
    expect([cache.fresh('a', anyAge), cache.fresh('b', anyAge), cache.stale('a', anyAge)]).toEqual(
      Array(3).fill(undefined),
    );
  });
});

describe('TokenCache.stale', () => {
  it('returns an active response up to maxAgeIfErrorMs and the age that a policy allows, and no inactive one', () => {
    const cache = cacheOf({ maxAgeIfErrorMs: 90 * seconds });
    cache.set('k', active({ sub: 'a' }));
    cache.set('invalid', inactive());
    clocks.pass(90);
    expect(cache.stale('k', anyAge)).toEqual({ prepared: { active: true, sub: 'a' }, ageMs: 90 * seconds });
    expect(cache.stale('k', 90 * seconds)).toBeUndefined();
    expect(cache.stale('k', 90 * seconds + 1)).toBeDefined();
    expect(cache.stale('invalid', anyAge)).toBeUndefined();
    expect(cache.stale('unknown', anyAge)).toBeUndefined();
    clocks.pass(0.001);
    expect(cache.stale('k', anyAge)).toBeUndefined();
  });

  it.each<[string, () => void]>([
    ['expired by the wall clock', () => clocks.stepWall(10)],
    ['expired by the monotonic clock', () => [clocks.pass(10), clocks.stepWall(-10)]],
    ['invalidated', () => invalidations.add('all:')],
  ])('returns no response that is %s', (_, change) => {
    const cache = cacheOf({ maxAgeIfErrorMs: 90 * seconds });
    cache.set('k', active({ exp: clocks.in(10) }));
    expect(cache.stale('k', anyAge)).toBeDefined();
    change();
    expect(cache.stale('k', anyAge)).toBeUndefined();
    expect(cache.fresh('k', anyAge)).toBeUndefined();
  });
});

describe('an unconfirmed entry', () => {
  const known = () => {
    const cache = cacheOf({ maxAgeIfErrorMs: 300 * seconds });
    cache.set('k', active({ exp: clocks.in(300) }));
    return cache;
  };

  it('is not used, fresh or stale, until a newer response is cached', () => {
    const cache = known();
    clocks.pass(10);
    expect(cache.markUnconfirmed('k', inactive())).toBe(true);
    expect(cache.fresh('k', anyAge)).toBeUndefined();
    expect(cache.stale('k', anyAge)).toBeUndefined();
    expect(cache.set('k', active({ sub: 'again' }))).toBe('cached');
    expect(cache.fresh('k', anyAge)?.response).toEqual({ active: true, sub: 'again' });
  });

  it('is not replaced by an older response from this process or from the shared cache', () => {
    const cache = known();
    clocks.pass(1);
    const before = active({ sub: 'before' });
    clocks.pass(1);
    cache.markUnconfirmed('k', inactive());
    expect(cache.set('k', before)).toBe('older');
    cache.promote('k', before);
    expect(cache.fresh('k', anyAge)).toBeUndefined();
  });

  it.each<[string, () => unknown]>([
    ['invalidated', () => invalidations.add('all:')],
    ['expired', () => clocks.stepWall(300)],
    ['active longer ago than a minute', () => clocks.pass(60)],
  ])('does not come from a token that is %s', (_, change) => {
    const cache = known();
    change();
    expect(cache.markUnconfirmed('k', inactive())).toBe(false);
    expect(cache.markUnconfirmed('other', inactive())).toBe(false);
  });

  it('can come from a response of any fresh age if maxAgeMs is more than a minute', () => {
    const cache = cacheOf({ maxAgeMs: 120 * seconds });
    cache.set('k', active());
    clocks.pass(119.999);
    expect(cache.markUnconfirmed('k', inactive())).toBe(true);
  });
});

describe('a refresh', () => {
  it.each([
    [0, 10],
    [0.5, 9.75],
    [1 - Number.EPSILON, 9.5],
  ])('is due up to 5 % early, by the random number %d at %d s, and begins at most once in 500 ms', (chance, due) => {
    vi.spyOn(Math, 'random').mockReturnValue(chance);
    const cache = cacheOf({ refreshAfterMs: 10 * seconds });
    const received = active();
    cache.set('k', received);
    const entry = cache.fresh('k', anyAge);
    if (entry === undefined) throw new Error('the cache has no entry');
    clocks.pass(due - 0.01);
    expect(cache.takeRefresh(entry)).toBe(false);
    clocks.pass(0.011);
    expect(cache.takeRefresh(entry)).toBe(true);
    expect(cache.takeRefresh(entry)).toBe(false);
    clocks.pass(0.499);
    expect(cache.takeRefresh(entry)).toBe(false);
    clocks.pass(0.001);
    expect(cache.takeRefresh(entry)).toBe(true);
  });
});

describe('TokenCache with a shared cache', () => {
  const shared = (settings: Partial<CacheSettings> = {}) => cacheOf({ store: mapStore(clocks), ...settings });

  it('uses an entry for localMaxAgeMs, and again after the shared cache was read', () => {
    const cache = shared();
    const received = active();
    cache.set('k', received);
    clocks.pass(4.999);
    expect(cache.fresh('k', anyAge)).toBeDefined();
    clocks.pass(0.001);
    expect(cache.fresh('k', anyAge)).toBeUndefined();
    cache.promote('k', received);
    clocks.pass(4.999);
    expect(cache.fresh('k', anyAge)).toBeDefined();
    clocks.pass(50);
    cache.promote('k', received);
    expect(cache.fresh('k', anyAge)).toBeDefined();
    clocks.pass(0.001);
    expect(cache.fresh('k', anyAge)).toBeUndefined();
  });

  it('replaces an active or inactive entry with a newer one of the shared cache', () => {
    const cache = shared();
    cache.set('k', active({ sub: 'older' }));
    cache.set('invalid', inactive());
    clocks.pass(1);
    for (const key of ['k', 'invalid']) cache.promote(key, active({ sub: 'newer' }));
    for (const key of ['k', 'invalid'])
      expect(cache.fresh(key, anyAge)?.response).toEqual({ active: true, sub: 'newer' });
  });

  it('does not replace an entry with an older one of the shared cache', () => {
    const cache = shared();
    const older = active({ sub: 'older' });
    clocks.pass(1);
    cache.set('k', active({ sub: 'newer' }));
    cache.set('invalid', inactive());
    for (const key of ['k', 'invalid']) cache.promote(key, older);
    expect(cache.fresh('k', anyAge)?.response).toEqual({ active: true, sub: 'newer' });
    expect(cache.fresh('invalid', anyAge)?.response).toEqual({ active: false });
  });

  it('requires a read of the shared cache after revalidate or revalidateAll, except for inactive entries', () => {
    const cache = shared();
    const received = active();
    for (const key of ['a', 'b']) cache.set(key, received);
    cache.set('invalid', inactive());
    for (const key of ['a', 'invalid', 'unknown']) cache.revalidate(key);
    expect(['a', 'b', 'invalid'].map((key) => cache.fresh(key, anyAge) !== undefined)).toEqual([false, true, true]);
    cache.revalidateAll();
    expect(['a', 'b', 'invalid'].map((key) => cache.fresh(key, anyAge) !== undefined)).toEqual([false, false, true]);
    for (const key of ['a', 'b']) cache.promote(key, { ...received, epoch: cache.epoch });
    expect(['a', 'b', 'invalid'].map((key) => cache.fresh(key, anyAge) !== undefined)).toEqual([true, true, true]);
  });

  it('requires another read of the shared cache if revalidateAll was called during the first one', () => {
    const cache = shared();
    const received = active();
    cache.revalidateAll();
    cache.promote('k', received);
    expect(cache.fresh('k', anyAge)).toBeUndefined();
  });
});
