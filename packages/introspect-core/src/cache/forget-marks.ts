import type { ForgetKind } from '../events/events.js';
import type { IntrospectionResponse } from '../protocol/introspection-response.js';
import type { RequestTime } from '../runtime/age-clock.js';

/** What to forget: the answer about a token, or all answers in which a member has this value, or all. */
export type ForgetTarget =
  | { readonly token: string }
  | { readonly sub: string }
  | { readonly jti: string }
  | { readonly client_id: string }
  | { readonly all: true };

/** What a mark goes by. A token is named by its key, never by itself. */
export type MarkName = `${ForgetKind}:${string}`;

interface Mark {
  /** Counts marks, since two things may happen within one tick of a clock. */
  readonly order: number;
  /** By a wall clock that never goes back, for answers that another one asked for. */
  readonly leftAt: number;
  /** By the monotonic clock: from then on no answer from before can be of use. */
  readonly until: number;
}

/** An answer and when it was asked for. */
export interface AskedAnswer extends RequestTime {
  readonly answer: IntrospectionResponse;
  /** How many marks there were by then; raised when newer ones were seen not to concern it. */
  order: number;
}

const kinds: readonly ForgetKind[] = ['token', 'sub', 'jti', 'client_id', 'all'];
/** Marks outlast the answers that they concern by this: questions were running. */
export const markSlackMs = 120_000;
/** How far the wall clocks of processes that share answers may be apart. */
const clockToleranceMs = 5000;
const maxMarks = 10_000;
const claims = ['sub', 'jti', 'client_id'] as const;

/**
 * What a target names.
 *
 * @throws TypeError unless it names one thing: an `undefined` by mistake must not forget nothing, or everything
 */
export function forgetTarget(target: ForgetTarget): [kind: ForgetKind, value: string] {
  const members = Object.entries(Object(target) as Record<string, unknown>);
  const [kind, value] = members[0] ?? [];
  if (members.length === 1 && kind === 'all' && value === true) return [kind, ''];
  const known = kinds.find((each) => each === kind && each !== 'all');
  if (members.length === 1 && known !== undefined && typeof value === 'string' && value !== '') return [known, value];
  throw new TypeError(
    'forget: give one of { token }, { sub }, { jti }, { client_id }, as a string that is not empty, or { all: true }',
  );
}

/**
 * Whether an answer from the store was asked for after a mark was left, by the wall clocks of two processes. In doubt it
 * was not, nor where the mark is no number: that costs a question.
 */
export function isAfterMark(stamp: number, leftAt: number): boolean {
  return stamp > leftAt + clockToleranceMs;
}

/** The names under which an answer can be forgotten. */
export function markNames(key: string, answer: IntrospectionResponse): MarkName[] {
  const names: MarkName[] = ['all:', `token:${key}`];
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
export class ForgetMarks {
  readonly #marks = new Map<MarkName, Mark>();
  readonly #clocks: { steadyNow: () => number; monotonicNow: () => number };
  readonly #lifetimeMs: number;
  #order = 0;

  /** @param lifetimeMs how long an answer may be of use after it was asked for */
  constructor(clocks: { steadyNow: () => number; monotonicNow: () => number }, lifetimeMs: number) {
    this.#clocks = clocks;
    this.#lifetimeMs = lifetimeMs;
  }

  /** Counts the marks; an answer remembers the count of when it was asked for. */
  get order(): number {
    return this.#order;
  }

  leave(name: MarkName): void {
    const now = this.#clocks.monotonicNow();
    for (const [old, { until }] of this.#marks) {
      if (until > now) break; // the rest is younger
      this.#marks.delete(old);
    }
    const overflows = this.#marks.size >= maxMarks;
    if (overflows) this.#marks.clear();
    const left = overflows ? 'all:' : name;
    this.#marks.delete(left); // so that the youngest is the last
    this.#order++;
    this.#marks.set(left, { order: this.#order, leftAt: this.#clocks.steadyNow(), until: now + this.#lifetimeMs });
  }

  /** Whether an answer was asked for before a mark that concerns it. */
  forgets(key: string, asked: AskedAnswer): boolean {
    if (asked.order === this.#order) return false;
    if (this.#clocks.monotonicNow() - asked.askedAt > this.#lifetimeMs) return true; // its mark may be gone
    if (this.#concerning(key, asked.answer).some(({ order }) => order > asked.order)) return true;
    asked.order = this.#order;
    return false;
  }

  /** The same for an answer from the store, which has only a stamp. */
  forgetsStamped(key: string, answer: IntrospectionResponse, stamp: number): boolean {
    return this.#concerning(key, answer).some(({ leftAt }) => !isAfterMark(stamp, leftAt));
  }

  #concerning(key: string, answer: IntrospectionResponse): Mark[] {
    return markNames(key, answer).flatMap((name) => this.#marks.get(name) ?? []);
  }
}
