import type { Fault } from './faulty-server.js';
import type { Kind, Reply } from './judge.js';

/** By kind of token, how many replies had which status. */
type Counts = Map<Kind, Map<number, number>>;

/** What happened in one phase. */
export interface PhaseTally {
  readonly fault: Fault;
  readonly ms: number;
  readonly counts: Counts;
  /** By what was wrong. */
  readonly wrong: Map<string, number>;
  /** Tokens that were good all the time, and were not served although the server gave no answers that are none. */
  unserved: number;
  readonly slowestMs: { known: number; others: number };
  questions: number;
  /** Of the phase before, where that was a fault: when the first token that was never seen passed again. */
  backAfterMs: number | undefined;
  /** Of the demo, at the end of the phase. */
  memoryMb: number | undefined;
}

export function phaseTally(fault: Fault, ms: number): PhaseTally {
  return {
    fault,
    ms,
    counts: new Map(),
    wrong: new Map(),
    unserved: 0,
    slowestMs: { known: 0, others: 0 },
    questions: 0,
    backAfterMs: undefined,
    memoryMb: undefined,
  };
}

/** Adds a reply and what the judge said of it. */
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

/** How many replies there were, of a kind and with a status where these are given. */
export function total(tallies: readonly PhaseTally[], only: { kind?: Kind; status?: number } = {}): number {
  return tallies
    .flatMap(({ counts }) => [...counts])
    .filter(([kind]) => only.kind === undefined || kind === only.kind)
    .flatMap(([, statuses]) => [...statuses])
    .filter(([status]) => only.status === undefined || status === only.status)
    .reduce((sum, [, number]) => sum + number, 0);
}

/** Adds up what was wrong. */
export function wrongs(tallies: readonly PhaseTally[]): Map<string, number> {
  const all = new Map<string, number>();
  for (const [what, number] of tallies.flatMap(({ wrong }) => [...wrong])) all.set(what, (all.get(what) ?? 0) + number);
  return all;
}

/** The most that came within a second. */
export function mostInASecond(times: readonly number[]): number {
  let most = 0;
  let first = 0;
  times.forEach((time, index) => {
    while (time - (times[first] ?? time) >= 1000) first++;
    most = Math.max(most, index - first + 1);
  });
  return most;
}
