import { describe, expect, it } from 'vitest';
import { expiryOf } from '../../src/cache/cache-entry.js';

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
