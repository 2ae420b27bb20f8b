import { vi } from 'vitest';
import { eventLoopTurns } from './event-loop.js';

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/**
 * Time that passes only when a test says so: a monotonic clock, a wall clock that can be stepped, and timers. It advances
 * without real timers, so that a model can run millions of steps.
 */
export class VirtualTime {
  /** Milliseconds that have passed. */
  elapsed = 0;
  wall = Date.UTC(2030, 0, 1);
  /** Counts the calls of `settle`. Events with the same tick happened together. */
  tick = 0;
  readonly #timers = new Map<number, Timer>();
  #lastTimer = 0;

  get timers(): number {
    return this.#timers.size;
  }

  readonly setTimeout = (run: () => void, ms = 0): number => {
    this.#lastTimer++;
    this.#timers.set(this.#lastTimer, { at: this.elapsed + Math.max(1, Math.ceil(ms)), run });
    return this.#lastTimer;
  };

  readonly clearTimeout = (timer: number): void => {
    this.#timers.delete(timer);
  };

  /** Runs everything that waits only for promises: that is done before the next immediate. */
  async settle(): Promise<void> {
    await eventLoopTurns();
    this.tick++;
  }

  /** Lets time pass. After each timer that falls due, runs everything that it caused. */
  async advance(ms: number): Promise<void> {
    const until = this.elapsed + ms;
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      const [id, { at, run }] = next;
      this.#timers.delete(id);
      this.#passTo(at);
      run();
      await this.settle();
    }
    this.#passTo(until);
    await this.settle();
  }

  #passTo(at: number): void {
    this.wall += at - this.elapsed;
    this.elapsed = at;
  }

  #next(until: number): [number, Timer] | undefined {
    let first: [number, Timer] | undefined;
    for (const entry of this.#timers)
      if (entry[1].at <= until && entry[1].at < (first?.[1].at ?? Infinity)) first = entry;
    return first;
  }
}

/**
 * Replaces the timers and `Date` of this process until `vi.useRealTimers()`. Time passes only when a test says so. Real
 * sockets work meanwhile, because the timers are those of vitest.
 */
export function virtualTime() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: 1_800_000_000_000 });
  const now = () => Date.now();
  const startedAt = now();
  return {
    /** The options for the wall clock and the monotonic clock. */
    clocks: { now, monotonicNow: now },
    /** Milliseconds since the start. */
    passed: () => now() - startedAt,
    pass: async (ms: number) => {
      await vi.advanceTimersByTimeAsync(ms);
    },
  };
}
