import type { RedisFault } from './faulty-redis.js';
import type { Fault } from './faulty-server.js';
import type { Kind, Reply } from './judge.js';

/** The number of replies with each status, for each kind of token. */
type Counts = Map<Kind, Map<number, number>>;

/** The counts of one phase. */
export interface PhaseTally {
  readonly fault: Fault | RedisFault;
  readonly ms: number;
  readonly counts: Counts;
  /** The number of wrong replies for each reason. */
  readonly wrong: Map<string, number>;
  /** Replies other than 200 to tokens that were always good, while the responses of the server were valid. */
  unserved: number;
  readonly slowestMs: { known: number; others: number };
  introspections: number;
  /** The time from the end of a fault until the first new token was accepted. */
  backAfterMs: number | undefined;
  /** The memory of the demo at the end of the phase. */
  memoryMb: number | undefined;
}

export function phaseTally(fault: Fault | RedisFault, ms: number): PhaseTally {
  return {
    fault,
    ms,
    counts: new Map(),
    wrong: new Map(),
    unserved: 0,
    slowestMs: { known: 0, others: 0 },
    introspections: 0,
    backAfterMs: undefined,
    memoryMb: undefined,
  };
}

/** Adds a reply, and what is wrong with it. */
export function count(
  tally: PhaseTally,
  reply: Reply,
  { wrong, excused }: { wrong?: string | undefined; excused: boolean },
): void {
  const { kind, status, sentAt, receivedAt } = reply;
  const ofKind = tally.counts.get(kind) ?? new Map<number, number>();
  tally.counts.set(kind, ofKind.set(status, (ofKind.get(status) ?? 0) + 1));
  if (wrong !== undefined) tally.wrong.set(`${kind}: ${wrong}`, (tally.wrong.get(`${kind}: ${wrong}`) ?? 0) + 1);
  if (kind === 'good' && status !== 200 && !excused) tally.unserved++;
  const who = kind === 'good' ? 'known' : 'others';
  tally.slowestMs[who] = Math.max(tally.slowestMs[who], receivedAt - sentAt);
}

/** Returns the number of replies, or only those of a kind or with a status. */
export function total(tallies: readonly PhaseTally[], only: { kind?: Kind; status?: number } = {}): number {
  return tallies
    .flatMap(({ counts }) => [...counts])
    .filter(([kind]) => only.kind === undefined || kind === only.kind)
    .flatMap(([, statuses]) => [...statuses])
    .filter(([status]) => only.status === undefined || status === only.status)
    .reduce((sum, [, number]) => sum + number, 0);
}

/** Returns the number of wrong replies for each reason. */
export function wrongs(tallies: readonly PhaseTally[]): Map<string, number> {
  const all = new Map<string, number>();
  for (const [what, number] of tallies.flatMap(({ wrong }) => [...wrong])) all.set(what, (all.get(what) ?? 0) + number);
  return all;
}

/** Returns the largest number of times within any second. */
export function mostInASecond(times: readonly number[]): number {
  let most = 0;
  let first = 0;
  times.forEach((time, index) => {
    while (time - (times[first] ?? time) >= 1000) first++;
    most = Math.max(most, index - first + 1);
  });
  return most;
}
