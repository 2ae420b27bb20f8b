import { expect, it } from 'vitest';
import { steadyClock } from '../../src/runtime/steady-clock.js';
import { Clocks } from '../support/clocks.js';

it('a steady clock follows the wall clock, continues when that is set back, and follows it again when it is set forward', () => {
  const clocks = new Clocks();
  const now = steadyClock(clocks, 60_000);
  const start = now();
  expect(start).toBe(clocks.wallMs);
  clocks.pass(1);
  expect(now()).toBe(start + 1000);
  clocks.stepWall(-3600);
  expect(now()).toBe(start + 1000);
  clocks.pass(1);
  expect(now()).toBe(start + 2000);
  clocks.stepWall(7200);
  expect(now()).toBe(clocks.wallMs);
});

it('a steady clock follows a wall clock that was set back, once that is long enough ago', () => {
  const clocks = new Clocks();
  const now = steadyClock(clocks, 60_000);
  const start = now();
  clocks.stepWall(-3600);
  clocks.pass(60);
  expect(now()).toBe(start + 60_000);
  clocks.pass(0.001);
  expect(now()).toBe(clocks.wallMs);
});
