import { setTimeout as delay } from 'node:timers/promises';

/** Measures time and waits. A test passes its own, so that it need not wait. */
export interface Clock {
  /** Returns milliseconds since any fixed moment. */
  now(): number;
  pause(ms: number): Promise<unknown>;
}

export const systemClock: Clock = { now: () => performance.now(), pause: (ms) => delay(ms) };
