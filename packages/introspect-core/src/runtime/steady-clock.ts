/**
 * Returns a wall clock that does not go back: after it was set back, it goes on as before for `memoryMs`. Otherwise a
 * response from before would look younger than it is, and a tombstone older.
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
