import { expect, it } from 'vitest';
import { steadyClock } from '../src/steady-clock.js';
import { Clocks } from './caching.js';

it('follows the wall clock, goes on where that is set back, and follows again where it is set forward', () => {
  const clocks = new Clocks();
  const now = steadyClock(clocks);
  const start = now();
  expect(start).toBe(clocks.wallMs);
  clocks.pass(1);
  expect(now()).toBe(start + 1000);
  clocks.turn(-3600);
  expect(now()).toBe(start + 1000);
  clocks.pass(1);
  expect(now()).toBe(start + 2000);
  clocks.turn(7200);
  expect(now()).toBe(clocks.wallMs);
});
