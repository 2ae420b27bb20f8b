/**
 * The wall clock, but for that it does not go back until `memoryMs` after it was set back: an answer that was stamped before
 * must not look younger than it is, and a mark not older.
 */
export function steadyClock(
  { now, monotonicNow }: { now: () => number; monotonicNow: () => number },
  memoryMs: number,
): () => number {
  let ahead = Number.NEGATIVE_INFINITY;
  let seenAt = 0;
  return () => {
    const monotonic = monotonicNow();
    const seen = now() - monotonic;
    if (seen >= ahead || monotonic - seenAt > memoryMs) {
      ahead = seen;
      seenAt = monotonic;
    }
    return ahead + monotonic;
  };
}
