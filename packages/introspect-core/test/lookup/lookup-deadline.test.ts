import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LookupDeadline } from '../../src/lookup/lookup-deadline.js';
import { never } from '../support/scripted-transport.js';
import { virtualTime } from '../support/virtual-time.js';

let time: ReturnType<typeof virtualTime>;
let limit: LookupDeadline;
beforeEach(() => {
  time = virtualTime();
  const { monotonicNow } = time.clocks;
  limit = new LookupDeadline({ origin: 'https://as.example', timeoutMs: 1000, monotonicNow });
});
afterEach(() => void vi.useRealTimers());

it('a time limit gives work only the time that is left since it began', async () => {
  const endsAt = limit.endFromNow();
  await time.pass(600);
  expect(limit.leftMs(endsAt)).toBe(400);
  const signals: AbortSignal[] = [];
  const outcome = limit
    .run(endsAt, undefined, (signal) => {
      signals.push(signal);
      return never();
    })
    .catch((error) => error);
  await time.pass(399);
  expect(signals[0]?.aborted).toBe(false);
  await time.pass(1);
  expect(signals[0]?.aborted).toBe(true);
  expect(await outcome).toMatchObject({ code: 'unavailable', message: expect.stringContaining('"timeoutMs"') });
});

it('a time limit that has passed leaves 0 ms, never less', async () => {
  const endsAt = limit.endFromNow();
  await time.pass(5000);
  expect(limit.leftMs(endsAt)).toBe(0);
});

it('work under a time limit ends with the reason of the caller’s signal', async () => {
  const controller = new AbortController();
  const outcome = limit.run(limit.endFromNow(), controller.signal, () => never());
  controller.abort('the caller left');
  await expect(outcome).rejects.toBe('the caller left');
});
