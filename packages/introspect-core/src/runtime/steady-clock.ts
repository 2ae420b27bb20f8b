/**
 * Returns a wall clock that does not go back: after the system clock was set back, it goes on as before for `memoryMs`.
 * Otherwise an earlier response would look younger than it is. A new tombstone (the record of an `invalidate`) would look
 * older than responses that it must invalidate.
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
