import { vi } from 'vitest';

/** Clocks and timers that stand still until time is made to pass; `vi.useRealTimers()` ends it. */
export function virtualTime() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: 1_800_000_000_000 });
  const now = () => Date.now();
  const startedAt = now();
  return {
    /** As options: the wall clock and the monotonic one. */
    clocks: { now, monotonicNow: now },
    /** Milliseconds since the beginning. */
    passed: () => now() - startedAt,
    pass: async (ms: number) => {
      await vi.advanceTimersByTimeAsync(ms);
    },
  };
}
