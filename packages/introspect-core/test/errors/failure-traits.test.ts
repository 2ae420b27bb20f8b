import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isShedByLimits, traitsOf, withTraits } from '../../src/errors/failure-traits.js';

describe('the traits of a failure', () => {
  it.each([
    ['a new error', new Error('x')],
    ['a string', 'x'],
    ['nothing', undefined],
    ['null', null],
    ['an object', {}],
  ])('the traits of %s are empty', (_, failure) => {
    expect(traitsOf(failure)).toEqual({});
    expect(isShedByLimits(failure)).toBe(false);
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

  it('isShedByLimits returns true for a call that the limits shed, and false for one that the circuit breaker shed', () => {
    expect(isShedByLimits(withTraits(new Error('x'), { shedBy: 'limits' }))).toBe(true);
    expect(isShedByLimits(withTraits(new Error('x'), { shedBy: 'circuit_breaker' }))).toBe(false);
  });
});
