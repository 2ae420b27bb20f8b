import { describe, expect, it } from 'vitest';
import type { CacheSettings } from '../../src/cache/cache-options.js';
import { expiryOf, hasPassed, isFresh, isUsableIfError } from '../../src/cache/freshness.js';
import type { IntrospectionResponse } from '../../src/index.js';

describe('expiryOf', () => {
  it.each<[exp: number | undefined, ms: number]>([
    [undefined, Number.POSITIVE_INFINITY],
    [10, 10_000],
    [10.9, 10_000],
    [-10.5, -11_000],
    [0, 0],
    [253402300800, 253402300800000],
    [1e306, Number.POSITIVE_INFINITY],
  ])('returns the time of an exp of %d in whole seconds', (exp, ms) => {
    expect(expiryOf({ active: true, ...(exp !== undefined && { exp }) })).toBe(ms);
  });

  it('returns Infinity for an inactive response', () => {
    expect(expiryOf({ active: false })).toBe(Number.POSITIVE_INFINITY);
  });
});

const settings = { maxAgeMs: 60, inactiveMaxAgeMs: 3, maxAgeIfErrorMs: 600 } as CacheSettings;

it.each([
  [true, 59, true],
  [true, 60, false],
  [false, 2, true],
  [false, 3, false],
])('isFresh: active %s, at the age of %d → %s', (active, ageMs, expected) => {
  expect(isFresh({ active } as IntrospectionResponse, ageMs, settings)).toBe(expected);
});

it.each([
  [600, 600, true],
  [601, 600, false],
  [0, 0, false],
])('isUsableIfError: at the age of %d of at most %d → %s', (ageMs, maxAgeIfErrorMs, expected) => {
  expect(isUsableIfError(ageMs, { ...settings, maxAgeIfErrorMs })).toBe(expected);
});

it.each([
  [5, 4, false],
  [5, 5, true],
  [0, 0, true],
  [undefined, 5, false],
])('hasPassed: the time %j, now %d → %s', (time, now, expected) => {
  expect(hasPassed(time, now)).toBe(expected);
});
