import { describe, expect, it } from 'vitest';
import { AgeClock } from '../../src/runtime/age-clock.js';
import { Clocks } from '../support/clocks.js';

function ageClock() {
  const clocks = new Clocks();
  return { clocks, age: new AgeClock(clocks) };
}

describe('AgeClock', () => {
  it('the age includes the time that both clocks count', () => {
    const { clocks, age } = ageClock();
    const requested = age.requestTime();
    clocks.pass(12.5);
    expect(age.ageMs(requested)).toBe(12_500);
  });

  it('the age includes the time in which the machine was suspended and only the wall clock ran', () => {
    const { clocks, age } = ageClock();
    const requested = age.requestTime();
    clocks.pass(1);
    clocks.stepWall(3600);
    expect(age.ageMs(requested)).toBe(3_601_000);
  });

  it('the age is that of the monotonic clock after the wall clock was set back', () => {
    const { clocks, age } = ageClock();
    const requested = age.requestTime();
    clocks.pass(1);
    clocks.stepWall(-3600);
    expect(age.ageMs(requested)).toBe(1000);
    clocks.pass(10);
    expect(age.ageMs(requested)).toBe(11_000);
    const after = age.requestTime();
    clocks.pass(1);
    expect(age.ageMs(after)).toBe(1000);
  });

  it('a request time has a small whole number for the wall clock, even if the clocks have fractions', () => {
    const { clocks, age } = ageClock();
    age.requestTime();
    clocks.monotonicMs += 0.4;
    expect(age.requestTime().drift).toBe(0);
    clocks.stepWall(60);
    expect(age.requestTime().drift).toBe(60_000);
  });

  it('an age clock distinguishes two moments within one tick of the clock', () => {
    const { age } = ageClock();
    const [first, second] = [age.moment(), age.moment()];
    expect(second.sequence).toBeGreaterThan(first.sequence);
    expect(age.ageMs(first, second)).toBe(0);
  });

  it('an age clock converts a wall clock time into a request time, and back', () => {
    const { clocks, age } = ageClock();
    age.requestTime();
    clocks.pass(100);
    const stamp = clocks.wallMs - 30_000;
    const requested = age.requestTimeOf(stamp, clocks.wallMs);
    expect(age.ageMs(requested)).toBe(30_000);
    expect(age.wallTimeOf(requested)).toBe(stamp);
    clocks.pass(5);
    clocks.stepWall(60);
    expect(age.ageMs(requested)).toBe(95_000);
    expect(age.wallTimeOf(requested)).toBe(stamp);
  });
});
