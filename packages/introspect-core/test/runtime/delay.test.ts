import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { delay } from '../../src/runtime/delay.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

it('a delay ends after its time, and leaves no listener behind', async () => {
  const { signal } = new AbortController();
  const over = vi.fn();
  const waiting = delay(1000, signal).then(over);
  await vi.advanceTimersByTimeAsync(999);
  expect(over).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  await waiting;
  expect(over).toHaveBeenCalledOnce();
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

it('a delay whose signal is aborted rejects immediately with the reason, and leaves no timer behind', async () => {
  const controller = new AbortController();
  const waiting = delay(1000, controller.signal);
  controller.abort('left');
  await expect(waiting).rejects.toBe('left');
  expect(vi.getTimerCount()).toBe(0);
});

it('a delay with an aborted signal rejects without a timer', async () => {
  await expect(delay(1000, AbortSignal.abort('left'))).rejects.toBe('left');
  expect(vi.getTimerCount()).toBe(0);
});
