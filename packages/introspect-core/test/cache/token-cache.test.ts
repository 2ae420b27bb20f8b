import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CacheSettings } from '../../src/cache/cache-options.js';
import { Invalidations } from '../../src/cache/invalidations.js';
import { type CachedResponse, expiryOf, TokenCache } from '../../src/cache/token-cache.js';
import type { ActiveToken } from '../../src/index.js';
import { Clocks, mapStore } from '../support/caching.js';

const anyAge = Number.POSITIVE_INFINITY;
const seconds = 1000;

let clocks: Clocks;
let marks: Invalidations;
beforeEach(() => {
  clocks = new Clocks();
  marks = new Invalidations(clocks, 3600 * seconds);
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
      store: undefined,
      localMaxAgeMs: 5 * seconds,
      ...settings,
    },
    clocks,
    marks,
  );

const dated = (epoch = 0) => {
  return { ...clocks.age.requestTime(), sequence: marks.sequence, epoch };
};
const active = (claims: object = {}): CachedResponse & { response: ActiveToken } => ({
  response: { active: true, ...claims },
  ...dated(),
});
const inactive = (): CachedResponse => ({ response: { active: false }, ...dated() });

describe('what is kept', () => {
  it('is fresh while it is younger than its age, and no longer', () => {
    const cache = cacheOf();
    const good = active({ sub: 'a' });
    cache.set('good', good);
    cache.set('bad', inactive());
    clocks.pass(2.999);
    expect(cache.fresh('good', anyAge)?.response).toBe(good.response);
    expect(cache.fresh('bad', anyAge)?.response).toEqual({ active: false });
    clocks.pass(0.001);
    expect(cache.fresh('bad', anyAge)).toBeUndefined();
    clocks.pass(56.999);
    expect(cache.fresh('good', anyAge)?.response).toBe(good.response);
    clocks.pass(0.001);
    expect(cache.fresh('good', anyAge)).toBeUndefined();
  });

  it.each([
    ['active', active],
    ['inactive', inactive],
  ])('serves only those for whom it is young enough: %s', (_, made) => {
    const cache = cacheOf();
    cache.set('k', made());
    expect(cache.fresh('k', 0)).toBeUndefined();
    clocks.pass(2);
    expect(cache.fresh('k', 2 * seconds)).toBeUndefined();
    expect(cache.fresh('k', 2 * seconds + 1)).toBeDefined();
  });

  it('gives way to what was asked later, whichever arrives first', () => {
    const cache = cacheOf();
    const older = active({ sub: 'older' });
    clocks.pass(1);
    const newer = active({ sub: 'newer' });
    expect(cache.set('k', newer)).toBe('kept');
    expect(cache.set('k', older)).toBe('older');
    expect(cache.fresh('k', anyAge)?.response).toBe(newer.response);
    clocks.pass(1);
    expect(cache.set('k', inactive())).toBe('kept');
    expect(cache.set('k', newer)).toBe('older');
    expect(cache.fresh('k', anyAge)?.response.active).toBe(false);
    clocks.pass(1);
    expect(cache.set('k', active())).toBe('kept');
    expect(cache.fresh('k', anyAge)?.response.active).toBe(true);
  });

  it('is kept apart and bounded: bad tokens evict bad ones, the least recently used first', () => {
    const cache = cacheOf({ maxEntries: 2 });
    cache.set('good', active());
    for (const key of ['a', 'b']) cache.set(key, inactive());
    cache.fresh('a', anyAge);
    cache.set('c', inactive());
    expect(cache.fresh('a', anyAge)).toBeDefined();
    expect(cache.fresh('b', anyAge)).toBeUndefined();
    expect(cache.fresh('good', anyAge)).toBeDefined();
    for (const key of ['d', 'e']) cache.set(key, active());
    expect(cache.fresh('good', anyAge)).toBeUndefined();
    expect(cache.fresh('a', anyAge)).toBeDefined();
  });

  it('is gone when it is dropped, or all is', () => {
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

describe('what is stale', () => {
  it('serves up to its bound, at any age that is allowed for, and never when it is inactive', () => {
    const cache = cacheOf({ maxAgeIfErrorMs: 90 * seconds });
    cache.set('k', active({ sub: 'a' }));
    cache.set('bad', inactive());
    clocks.pass(90);
    expect(cache.stale('k', anyAge)).toEqual({ response: { active: true, sub: 'a' }, ageMs: 90 * seconds });
    expect(cache.stale('k', 90 * seconds)).toBeUndefined();
    expect(cache.stale('k', 90 * seconds + 1)).toBeDefined();
    expect(cache.stale('bad', anyAge)).toBeUndefined();
    expect(cache.stale('unknown', anyAge)).toBeUndefined();
    clocks.pass(0.001);
    expect(cache.stale('k', anyAge)).toBeUndefined();
  });

  it.each<[string, () => void]>([
    ['expired by the wall clock', () => clocks.turn(10)],
    ['expired by the monotonic clock', () => [clocks.pass(10), clocks.turn(-10)]],
    ['forgotten', () => marks.add('all:')],
  ])('serves nobody once it is %s', (_, happen) => {
    const cache = cacheOf({ maxAgeIfErrorMs: 90 * seconds });
    cache.set('k', active({ exp: clocks.in(10) }));
    expect(cache.stale('k', anyAge)).toBeDefined();
    happen();
    expect(cache.stale('k', anyAge)).toBeUndefined();
    expect(cache.fresh('k', anyAge)).toBeUndefined();
  });
});

describe('a suspicion', () => {
  const known = () => {
    const cache = cacheOf({ maxAgeIfErrorMs: 300 * seconds });
    cache.set('k', active({ exp: clocks.in(300) }));
    return cache;
  };

  it('lets nothing serve, until an answer settles it', () => {
    const cache = known();
    clocks.pass(10);
    expect(cache.markUnconfirmed('k', inactive())).toBe(true);
    expect(cache.fresh('k', anyAge)).toBeUndefined();
    expect(cache.stale('k', anyAge)).toBeUndefined();
    expect(cache.set('k', active({ sub: 'again' }))).toBe('kept');
    expect(cache.fresh('k', anyAge)?.response).toEqual({ active: true, sub: 'again' });
  });

  it('is not settled by an answer that was asked for before it, from here or from the second tier', () => {
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
    ['unknown', () => marks.add('all:')],
    ['expired', () => clocks.turn(300)],
    ['active longer ago than a minute', () => clocks.pass(60)],
  ])('does not arise of a token that is %s', (_, happen) => {
    const cache = known();
    happen();
    expect(cache.markUnconfirmed('k', inactive())).toBe(false);
    expect(cache.markUnconfirmed('other', inactive())).toBe(false);
  });

  it('arises as long as an answer would be fresh, where that is more than a minute', () => {
    const cache = cacheOf({ maxAgeMs: 120 * seconds });
    cache.set('k', active());
    clocks.pass(119.999);
    expect(cache.markUnconfirmed('k', inactive())).toBe(true);
  });
});

describe('a renewal', () => {
  it.each([
    [0, 10],
    [0.5, 9.75],
    [1 - Number.EPSILON, 9.5],
  ])('is due up to a twentieth early, by chance (%d): at %d s', (chance, due) => {
    vi.spyOn(Math, 'random').mockReturnValue(chance);
    const cache = cacheOf({ refreshAfterMs: 10 * seconds });
    const asked = active();
    cache.set('k', asked);
    const kept = cache.fresh('k', anyAge);
    if (kept === undefined) throw new Error('it is not kept');
    clocks.pass(due - 0.01);
    expect(cache.takeRefresh(kept)).toBe(false);
    clocks.pass(0.011);
    expect(cache.takeRefresh(kept)).toBe(true);
    expect(cache.takeRefresh(kept)).toBe(false);
    clocks.pass(0.499);
    expect(cache.takeRefresh(kept)).toBe(false);
    clocks.pass(0.001);
    expect(cache.takeRefresh(kept)).toBe(true);
  });
});

describe('with a second tier', () => {
  const shared = (settings: Partial<CacheSettings> = {}) => cacheOf({ store: mapStore(clocks), ...settings });

  it('an answer is used here for its local age, and again once it was read there', () => {
    const cache = shared();
    const asked = active();
    cache.set('k', asked);
    clocks.pass(4.999);
    expect(cache.fresh('k', anyAge)).toBeDefined();
    clocks.pass(0.001);
    expect(cache.fresh('k', anyAge)).toBeUndefined();
    cache.promote('k', asked);
    clocks.pass(4.999);
    expect(cache.fresh('k', anyAge)).toBeDefined();
    clocks.pass(50);
    cache.promote('k', asked);
    expect(cache.fresh('k', anyAge)).toBeDefined();
    clocks.pass(0.001);
    expect(cache.fresh('k', anyAge)).toBeUndefined();
  });

  it('what is newer there replaces what is here, also an inactive answer', () => {
    const cache = shared();
    cache.set('k', active({ sub: 'older' }));
    cache.set('bad', inactive());
    clocks.pass(1);
    for (const key of ['k', 'bad']) cache.promote(key, active({ sub: 'newer' }));
    for (const key of ['k', 'bad']) expect(cache.fresh(key, anyAge)?.response).toEqual({ active: true, sub: 'newer' });
  });

  it('what is older there replaces nothing', () => {
    const cache = shared();
    const older = active({ sub: 'older' });
    clocks.pass(1);
    cache.set('k', active({ sub: 'newer' }));
    cache.set('bad', inactive());
    for (const key of ['k', 'bad']) cache.promote(key, older);
    expect(cache.fresh('k', anyAge)?.response).toEqual({ active: true, sub: 'newer' });
    expect(cache.fresh('bad', anyAge)?.response).toEqual({ active: false });
  });

  it('news of a key, or of any, has active answers read again, and leaves inactive ones alone', () => {
    const cache = shared();
    const asked = active();
    for (const key of ['a', 'b']) cache.set(key, asked);
    cache.set('bad', inactive());
    for (const key of ['a', 'bad', 'unknown']) cache.revalidate(key);
    expect(['a', 'b', 'bad'].map((key) => cache.fresh(key, anyAge) !== undefined)).toEqual([false, true, true]);
    cache.revalidateAll();
    expect(['a', 'b', 'bad'].map((key) => cache.fresh(key, anyAge) !== undefined)).toEqual([false, false, true]);
    for (const key of ['a', 'b']) cache.promote(key, { ...asked, epoch: cache.epoch });
    expect(['a', 'b', 'bad'].map((key) => cache.fresh(key, anyAge) !== undefined)).toEqual([true, true, true]);
  });

  it('an answer that was being read when news came is read again', () => {
    const cache = shared();
    const asked = active();
    cache.revalidateAll();
    cache.promote('k', asked);
    expect(cache.fresh('k', anyAge)).toBeUndefined();
  });
});

describe('expiryOf', () => {
  it.each<[exp: number | undefined, ms: number]>([
    [undefined, Number.POSITIVE_INFINITY],
    [10, 10_000],
    [10.9, 10_000],
    [-10.5, -11_000],
    [0, 0],
    [253402300800, 253402300800000],
    [1e306, Number.POSITIVE_INFINITY],
  ])('an exp of %d', (exp, ms) => {
    expect(expiryOf({ active: true, ...(exp !== undefined && { exp }) })).toBe(ms);
  });

  it('an inactive answer has none', () => {
    expect(expiryOf({ active: false })).toBe(Number.POSITIVE_INFINITY);
  });
});
