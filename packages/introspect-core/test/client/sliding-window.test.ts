import { beforeEach, describe, expect, it } from 'vitest';
import { SlidingWindow, slidingWindowMs } from '../../src/client/sliding-window.js';

let now = 0;
beforeEach(() => {
  now = 123;
});
const windowOf = () => new SlidingWindow({ requests: 0, failures: 0 }, () => now);

describe('a sliding window', () => {
  it('counts each name by itself', () => {
    const window = windowOf();
    window.count('requests');
    window.count('requests');
    window.count('failures');
    expect([window.total('requests'), window.total('failures')]).toEqual([2, 1]);
  });

  it('has a total of zero before the first event', () => {
    expect(windowOf().total('requests')).toBe(0);
  });

  it.each([
    [0, 1],
    [9999, 1],
    [10_000, 0],
    [1_000_000, 0],
  ])('counts its first event for 10 s: after %d ms the total is %d', (passedMs, total) => {
    const window = windowOf();
    window.count('requests');
    now += passedMs;
    expect(window.total('requests')).toBe(total);
  });

  it('counts every event for at least 5 s', () => {
    const window = windowOf();
    window.count('requests');
    now += 4999;
    window.count('requests');
    now += 5000;
    expect(window.total('requests')).toBe(2);
    now += 5000;
    expect(window.total('requests')).toBe(0);
  });

  it('adds the current 5 s to the 5 s before them', () => {
    const window = windowOf();
    window.count('requests');
    now += 5000;
    window.count('requests');
    expect(window.total('requests')).toBe(2);
    now += 5000;
    window.count('requests');
    expect(window.total('requests')).toBe(2);
  });

  it('starts a new 5 s with the first event after them, not on a fixed schedule', () => {
    const window = windowOf();
    window.count('requests');
    now += 7000;
    window.count('requests');
    now += 4999;
    expect(window.total('requests')).toBe(2);
    now += 1;
    expect(window.total('requests')).toBe(1);
  });

  it('forgets the current and the previous counts when it is cleared', () => {
    const window = windowOf();
    window.count('failures');
    now += 5000;
    window.count('failures');
    window.clear();
    expect(window.total('failures')).toBe(0);
    window.count('failures');
    expect(window.total('failures')).toBe(1);
  });

  it('does not change the counts that it starts with', () => {
    const zero = Object.freeze({ requests: 0 });
    const window = new SlidingWindow(zero, () => now);
    window.count('requests');
    window.clear();
    now += slidingWindowMs;
    window.count('requests');
    expect([window.total('requests'), zero.requests]).toEqual([1, 0]);
  });
});
