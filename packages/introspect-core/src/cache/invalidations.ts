import type { InvalidationKind } from '../events/events.js';
import type { IntrospectionResponse } from '../protocol/introspection-response.js';
import type { RequestTime } from '../runtime/age-clock.js';

/** What to forget: the answer about a token, or all answers in which a member has this value, or all. */
export type InvalidationTarget =
  | { readonly token: string }
  | { readonly sub: string }
  | { readonly jti: string }
  | { readonly client_id: string }
  | { readonly all: true };

/** What a mark goes by. A token is named by its key, never by itself. */
export type TombstoneName = `${InvalidationKind}:${string}`;

interface Tombstone {
  /** Counts marks, since two things may happen within one tick of a clock. */
  readonly sequence: number;
  /** By a wall clock that never goes back, for answers that another one asked for. */
  readonly createdAt: number;
  /** By the monotonic clock: from then on no answer from before can be of use. */
  readonly until: number;
}

/** An answer and when it was asked for. */
export interface SequencedResponse extends RequestTime {
  readonly response: IntrospectionResponse;
  /** How many marks there were by then; raised when newer ones were seen not to concern it. */
  sequence: number;
}

const kinds: readonly InvalidationKind[] = ['token', 'sub', 'jti', 'client_id', 'all'];
/** Marks outlast the answers that they concern by this: questions were running. */
export const tombstoneSlackMs = 120_000;
/** How far the wall clocks of processes that share answers may be apart. */
const clockToleranceMs = 5000;
const maxTombstones = 10_000;
const claims = ['sub', 'jti', 'client_id'] as const;

/**
 * What a target names.
 *
 * @throws TypeError unless it names one thing: an `undefined` by mistake must not forget nothing, or everything
 */
export function checkedTarget(target: InvalidationTarget): [kind: InvalidationKind, value: string] {
  const members = Object.entries(Object(target) as Record<string, unknown>);
  const [kind, value] = members[0] ?? [];
  if (members.length === 1 && kind === 'all' && value === true) return [kind, ''];
  const known = kinds.find((each) => each === kind && each !== 'all');
  if (members.length === 1 && known !== undefined && typeof value === 'string' && value !== '') return [known, value];
  throw new TypeError(
    'invalidate: give one of { token }, { sub }, { jti }, { client_id }, as a string that is not empty, or { all: true }',
  );
}

/**
 * Whether an answer from the store was asked for after a mark was left, by the wall clocks of two processes. In doubt it
 * was not, nor where the mark is no number: that costs a question.
 */
export function isAfterTombstone(stamp: number, leftAt: number): boolean {
  return stamp > leftAt + clockToleranceMs;
}

/** The names under which an answer can be forgotten. */
export function tombstoneNames(key: string, answer: IntrospectionResponse): TombstoneName[] {
  const names: TombstoneName[] = ['all:', `token:${key}`];
  if (!answer.active) return names;
  for (const kind of claims) {
    const value = answer[kind];
    if (value !== undefined) names.push(`${kind}:${value}`);
  }
  return names;
}

/**
 * What has been forgotten: an answer asked for before its mark was left is not to be kept or served after it, also when
 * it arrives later.
 *
 * Bounded: marks end with the life of the answers that they concern, and too many of them become one that forgets all.
 */
export class Invalidations {
  readonly #marks = new Map<TombstoneName, Tombstone>();
  readonly #clocks: { steadyNow: () => number; monotonicNow: () => number };
  readonly #lifetimeMs: number;
  #order = 0;

  /** @param lifetimeMs how long an answer may be of use after it was asked for */
  constructor(clocks: { steadyNow: () => number; monotonicNow: () => number }, lifetimeMs: number) {
    this.#clocks = clocks;
    this.#lifetimeMs = lifetimeMs;
  }

  /** Counts the marks; an answer remembers the count of when it was asked for. */
  get sequence(): number {
    return this.#order;
  }

  add(name: TombstoneName): void {
    const now = this.#clocks.monotonicNow();
    for (const [old, { until }] of this.#marks) {
      if (until > now) break; // the rest is younger
      this.#marks.delete(old);
    }
    const overflows = this.#marks.size >= maxTombstones;
    if (overflows) this.#marks.clear();
    const left = overflows ? 'all:' : name;
    this.#marks.delete(left); // so that the youngest is the last
    this.#order++;
    this.#marks.set(left, {
      sequence: this.#order,
      createdAt: this.#clocks.steadyNow(),
      until: now + this.#lifetimeMs,
    });
  }

  /** Whether an answer was asked for before a mark that concerns it. */
  invalidates(key: string, asked: SequencedResponse): boolean {
    if (asked.sequence === this.#order) return false;
    if (this.#clocks.monotonicNow() - asked.requestedAt > this.#lifetimeMs) return true; // its mark may be gone
    if (this.#concerning(key, asked.response).some(({ sequence }) => sequence > asked.sequence)) return true;
    asked.sequence = this.#order;
    return false;
  }

  /** The same for an answer from the store, which has only a stamp. */
  invalidatesShared(key: string, answer: IntrospectionResponse, stamp: number): boolean {
    return this.#concerning(key, answer).some(({ createdAt }) => !isAfterTombstone(stamp, createdAt));
  }

  #concerning(key: string, answer: IntrospectionResponse): Tombstone[] {
    return tombstoneNames(key, answer).flatMap((name) => this.#marks.get(name) ?? []);
  }
}
