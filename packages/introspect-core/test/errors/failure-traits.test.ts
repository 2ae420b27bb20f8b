import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isShed, traitsOf, withTraits } from '../../src/errors/failure-traits.js';

describe('the traits of a failure', () => {
  it.each([
    ['a new error', new Error('x')],
    ['a string', 'x'],
    ['nothing', undefined],
    ['null', null],
    ['an object', {}],
  ])('the traits of %s are empty', (_, failure) => {
    expect(traitsOf(failure)).toEqual({});
    expect(isShed(failure)).toBe(false);
  });

  it('traits are added to earlier ones, and a later value of a trait replaces the earlier one', () => {
    const failure = withTraits(new Error('x'), { isTransient: true, outcome: 'failed' });
    expect(withTraits(failure, { isRateLimit: true, outcome: 'unknown' })).toBe(failure);
    expect(traitsOf(failure)).toEqual({ isTransient: true, isRateLimit: true, outcome: 'unknown' });
  });

  it('traits are not visible on the error itself, which may be frozen', () => {
    const failure = withTraits(Object.freeze(new Error('x')), { isTransient: true });
    expect(traitsOf(failure).isTransient).toBe(true);
    expect(inspect(failure, { showHidden: true })).not.toContain('isTransient');
  });

  it('traits belong to one error, not to errors that have it as their cause', () => {
    const cause = withTraits(new Error('x'), { isTransient: true });
    expect(traitsOf(new Error('y', { cause }))).toEqual({});
  });

  it('isShed returns true for a rejection by the limits, and false for one by the circuit breaker', () => {
    expect(isShed(withTraits(new Error('x'), { rejectedBy: 'limits' }))).toBe(true);
    expect(isShed(withTraits(new Error('x'), { rejectedBy: 'circuit_breaker' }))).toBe(false);
  });
});
