/**
 * The wall clock, but for that it never goes back: it is by this one that answers and marks of several processes are
 * compared, and a clock set back must not make an old one look young.
 */
export function steadyClock({ now, monotonicNow }: { now: () => number; monotonicNow: () => number }): () => number {
  let ahead = Number.NEGATIVE_INFINITY;
  return () => {
    ahead = Math.max(ahead, now() - monotonicNow());
    return ahead + monotonicNow();
  };
}
