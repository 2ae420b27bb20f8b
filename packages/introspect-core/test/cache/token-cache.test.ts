import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CacheSettings } from '../../src/cache/cache-options.js';
import { ForgetMarks } from '../../src/cache/forget-marks.js';
import { type DatedAnswer, expiryOf, TokenCache } from '../../src/cache/token-cache.js';
import type { ActiveToken } from '../../src/index.js';
import { Clocks, mapStore } from '../support/caching.js';

const anyAge = Number.POSITIVE_INFINITY;
const seconds = 1000;

let clocks: Clocks;
let marks: ForgetMarks;
beforeEach(() => {
  clocks = new Clocks();
  marks = new ForgetMarks(clocks, 3600 * seconds);
});
afterEach(() => void vi.restoreAllMocks());

const cacheOf = (settings: Partial<CacheSettings> = {}) =>
  new TokenCache(
    {
      maxAgeMs: 60 * seconds,
      inactiveMaxAgeMs: 3 * seconds,
      refreshAfterMs: Number.POSITIVE_INFINITY,
      staleIfErrorMs: 0,
      maxEntries: 100,
      maxBytes: 1000,
      store: undefined,
      localMaxAgeMs: 5 * seconds,
      ...settings,
    },
    clocks,
    marks,
  );

const dated = (generation = 0) => {
  return { ...clocks.age.requestTime(), order: marks.order, generation };
};
const active = (claims: object = {}): DatedAnswer & { answer: ActiveToken } => ({
  answer: { active: true, ...claims },
  ...dated(),
});
const inactive = (): DatedAnswer => ({ answer: { active: false }, ...dated() });

describe('what is kept', () => {
  it('is fresh while it is younger than its age, and no longer', () => {
    const cache = cacheOf();
    const good = active({ sub: 'a' });
    cache.keep('good', good);
    cache.keep('bad', inactive());
    clocks.pass(2.999);
    expect(cache.fresh('good', anyAge)?.answer).toBe(good.answer);
    expect(cache.fresh('bad', anyAge)?.answer).toEqual({ active: false });
    clocks.pass(0.001);
    expect(cache.fresh('bad', anyAge)).toBeUndefined();
    clocks.pass(56.999);
    expect(cache.fresh('good', anyAge)?.answer).toBe(good.answer);
    clocks.pass(0.001);
    expect(cache.fresh('good', anyAge)).toBeUndefined();
  });

  it.each([
    ['active', active],
    ['inactive', inactive],
  ])('serves only those for whom it is young enough: %s', (_, made) => {
    const cache = cacheOf();
    cache.keep('k', made());
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
    expect(cache.keep('k', newer)).toBe('kept');
    expect(cache.keep('k', older)).toBe('older');
    expect(cache.fresh('k', anyAge)?.answer).toBe(newer.answer);
    clocks.pass(1);
    expect(cache.keep('k', inactive())).toBe('kept');
    expect(cache.keep('k', newer)).toBe('older');
    expect(cache.fresh('k', anyAge)?.answer.active).toBe(false);
    clocks.pass(1);
    expect(cache.keep('k', active())).toBe('kept');
    expect(cache.fresh('k', anyAge)?.answer.active).toBe(true);
  });

  it('is kept apart and bounded: bad tokens evict bad ones, the least recently used first', () => {
    const cache = cacheOf({ maxEntries: 2 });
    cache.keep('good', active());
    for (const key of ['a', 'b']) cache.keep(key, inactive());
    cache.fresh('a', anyAge);
    cache.keep('c', inactive());
    expect(cache.fresh('a', anyAge)).toBeDefined();
    expect(cache.fresh('b', anyAge)).toBeUndefined();
    expect(cache.fresh('good', anyAge)).toBeDefined();
    for (const key of ['d', 'e']) cache.keep(key, active());
    expect(cache.fresh('good', anyAge)).toBeUndefined();
    expect(cache.fresh('a', anyAge)).toBeDefined();
  });

  it('is gone when it is dropped, or all is', () => {
    const cache = cacheOf({ staleIfErrorMs: 60 * seconds });
    cache.keep('a', active());
    cache.keep('b', inactive());
    cache.drop('a');
    cache.drop('b');
    expect([cache.fresh('a', anyAge), cache.fresh('b', anyAge), cache.stale('a', anyAge)]).toEqual(
      Array(3).fill(undefined),
    );
    cache.keep('a', active());
    cache.keep('b', inactive());
    cache.clear();
    expect([cache.fresh('a', anyAge), cache.fresh('b', anyAge), cache.stale('a', anyAge)]).toEqual(
      Array(3).fill(undefined),
    );
  });
});

describe('what is stale', () => {
  it('serves up to its bound, at any age that is allowed for, and never when it is inactive', () => {
    const cache = cacheOf({ staleIfErrorMs: 90 * seconds });
    cache.keep('k', active({ sub: 'a' }));
    cache.keep('bad', inactive());
    clocks.pass(90);
    expect(cache.stale('k', anyAge)).toEqual({ answer: { active: true, sub: 'a' }, ageMs: 90 * seconds });
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
    ['forgotten', () => marks.leave('all:')],
  ])('serves nobody once it is %s', (_, happen) => {
    const cache = cacheOf({ staleIfErrorMs: 90 * seconds });
    cache.keep('k', active({ exp: clocks.in(10) }));
    expect(cache.stale('k', anyAge)).toBeDefined();
    happen();
    expect(cache.stale('k', anyAge)).toBeUndefined();
    expect(cache.fresh('k', anyAge)).toBeUndefined();
  });
});

describe('a suspicion', () => {
  const known = () => {
    const cache = cacheOf({ staleIfErrorMs: 300 * seconds });
    cache.keep('k', active({ exp: clocks.in(300) }));
    return cache;
  };

  it('lets nothing serve, until an answer settles it', () => {
    const cache = known();
    clocks.pass(10);
    expect(cache.suspect('k', inactive())).toBe(true);
    expect(cache.fresh('k', anyAge)).toBeUndefined();
    expect(cache.stale('k', anyAge)).toBeUndefined();
    expect(cache.keep('k', active({ sub: 'again' }))).toBe('kept');
    expect(cache.fresh('k', anyAge)?.answer).toEqual({ active: true, sub: 'again' });
  });

  it('is not settled by an answer that was asked for before it, from here or from the second tier', () => {
    const cache = known();
    clocks.pass(1);
    const before = active({ sub: 'before' });
    clocks.pass(1);
    cache.suspect('k', inactive());
    expect(cache.keep('k', before)).toBe('older');
    cache.adopt('k', before);
    expect(cache.fresh('k', anyAge)).toBeUndefined();
  });

  it.each<[string, () => unknown]>([
    ['unknown', () => marks.leave('all:')],
    ['expired', () => clocks.turn(300)],
    ['active longer ago than a minute', () => clocks.pass(60)],
  ])('does not arise of a token that is %s', (_, happen) => {
    const cache = known();
    happen();
    expect(cache.suspect('k', inactive())).toBe(false);
    expect(cache.suspect('other', inactive())).toBe(false);
  });

  it('arises as long as an answer would be fresh, where that is more than a minute', () => {
    const cache = cacheOf({ maxAgeMs: 120 * seconds });
    cache.keep('k', active());
    clocks.pass(119.999);
    expect(cache.suspect('k', inactive())).toBe(true);
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
    cache.keep('k', asked);
    const kept = cache.fresh('k', anyAge);
    if (kept === undefined) throw new Error('it is not kept');
    clocks.pass(due - 0.01);
    expect(cache.takeRenewal(kept)).toBe(false);
    clocks.pass(0.011);
    expect(cache.takeRenewal(kept)).toBe(true);
    expect(cache.takeRenewal(kept)).toBe(false);
    clocks.pass(0.499);
    expect(cache.takeRenewal(kept)).toBe(false);
    clocks.pass(0.001);
    expect(cache.takeRenewal(kept)).toBe(true);
  });
});

describe('with a second tier', () => {
  const shared = (settings: Partial<CacheSettings> = {}) => cacheOf({ store: mapStore(clocks), ...settings });

  it('an answer is used here for its local age, and again once it was read there', () => {
    const cache = shared();
    const asked = active();
    cache.keep('k', asked);
    clocks.pass(4.999);
    expect(cache.fresh('k', anyAge)).toBeDefined();
    clocks.pass(0.001);
    expect(cache.fresh('k', anyAge)).toBeUndefined();
    cache.adopt('k', asked);
    clocks.pass(4.999);
    expect(cache.fresh('k', anyAge)).toBeDefined();
    clocks.pass(50);
    cache.adopt('k', asked);
    expect(cache.fresh('k', anyAge)).toBeDefined();
    clocks.pass(0.001);
    expect(cache.fresh('k', anyAge)).toBeUndefined();
  });

  it('what is newer there replaces what is here, also an inactive answer', () => {
    const cache = shared();
    cache.keep('k', active({ sub: 'older' }));
    cache.keep('bad', inactive());
    clocks.pass(1);
    for (const key of ['k', 'bad']) cache.adopt(key, active({ sub: 'newer' }));
    for (const key of ['k', 'bad']) expect(cache.fresh(key, anyAge)?.answer).toEqual({ active: true, sub: 'newer' });
  });

  it('what is older there replaces nothing', () => {
    const cache = shared();
    const older = active({ sub: 'older' });
    clocks.pass(1);
    cache.keep('k', active({ sub: 'newer' }));
    cache.keep('bad', inactive());
    for (const key of ['k', 'bad']) cache.adopt(key, older);
    expect(cache.fresh('k', anyAge)?.answer).toEqual({ active: true, sub: 'newer' });
    expect(cache.fresh('bad', anyAge)?.answer).toEqual({ active: false });
  });

  it('news of a key, or of any, has active answers read again, and leaves inactive ones alone', () => {
    const cache = shared();
    const asked = active();
    for (const key of ['a', 'b']) cache.keep(key, asked);
    cache.keep('bad', inactive());
    for (const key of ['a', 'bad', 'unknown']) cache.reread(key);
    expect(['a', 'b', 'bad'].map((key) => cache.fresh(key, anyAge) !== undefined)).toEqual([false, true, true]);
    cache.rereadAll();
    expect(['a', 'b', 'bad'].map((key) => cache.fresh(key, anyAge) !== undefined)).toEqual([false, false, true]);
    for (const key of ['a', 'b']) cache.adopt(key, { ...asked, generation: cache.generation });
    expect(['a', 'b', 'bad'].map((key) => cache.fresh(key, anyAge) !== undefined)).toEqual([true, true, true]);
  });

  it('an answer that was being read when news came is read again', () => {
    const cache = shared();
    const asked = active();
    cache.rereadAll();
    cache.adopt('k', asked);
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
