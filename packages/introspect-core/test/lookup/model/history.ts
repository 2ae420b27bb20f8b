import type { InvalidationTarget } from '../../../src/index.js';
import type { VirtualTime } from '../../support/virtual-time.js';
import { type Setting, tokens } from './setting.js';

/** What became of a question: an answer, a kind of fault (an error's `code`), or nobody waited for it any longer. */
export type Outcome = 'active' | 'inactive' | 'unavailable' | 'invalid_response' | 'invalid_client' | 'abandoned';

/** Where in the order of all events something happened, and when. */
export interface Moment {
  readonly order: number;
  readonly elapsed: number;
  readonly wall: number;
  readonly tick: number;
}

export interface Question {
  readonly number: number;
  readonly process: number;
  readonly token: number;
  readonly asked: Moment;
  ended: Moment | undefined;
  outcome: Outcome | undefined;
  /** Of an active answer, in whole seconds, in milliseconds. */
  endsAt: number;
  /** Of an inactive answer: whether it may be believed. */
  confirmed: boolean;
}

export interface Request {
  readonly number: number;
  readonly process: number;
  readonly token: number;
  readonly maxResponseAgeMs: number;
  readonly began: Moment;
  /** The last `forget` before the request that named the token in any way, by the order of events. */
  readonly forgottenBefore: number;
  /** An answer that is there for it, so that nothing needs to be asked. */
  readonly known: Question | undefined;
  readonly controller: AbortController;
  settled: boolean;
}

/** Processes that share a store take what was asked so soon after a `forget` for forgotten. */
const toleranceMs = 5000;

/** What one process has seen of one token. */
export class Thread {
  /** The question that is running. */
  running: Question | undefined;
  /** The last questions that ended, the latest first; not those for whose answer nobody waited. */
  ended: Question[] = [];
  lastAnswer: Question | undefined;
  lastActive: Question | undefined;
  lastInactive: Question | undefined;
  /** An inactive answer by which a request has been refused. */
  believed: Question | undefined;
  /** The last `forget` here that named the token in any way, in the order of events and in time. */
  forgotten = 0;
  forgottenAt = -Infinity;
  /** All of them, in the order of events. */
  readonly forgets: number[] = [];
  /** The same for what also concerns an inactive answer: a `forget` of the token itself, or of all. */
  forgottenAsToken = 0;
  /** Those in other processes that the store took. */
  readonly forgottenElsewhere: { readonly asOf: Moment; readonly stored: Moment }[] = [];
}

/** What has happened: the questions and their answers, the requests, and what was forgotten. */
export class History {
  readonly time: VirtualTime;
  readonly setting: Setting;
  readonly threads: readonly (readonly Thread[])[];
  readonly questions: Question[] = [];
  readonly pending = new Set<Request>();
  readonly violations: string[] = [];
  /** The order of the last step of the wall clock. */
  lastStep = 0;
  storeEverFailed = false;
  storeEverSlow = false;
  #order = 0;

  constructor(time: VirtualTime, setting: Setting) {
    this.time = time;
    this.setting = setting;
    this.threads = [0, 1].map(() => tokens.map(() => new Thread()));
  }

  thread({ process, token }: { process: number; token: number }): Thread {
    const thread = this.threads[process]?.[token];
    if (thread === undefined) throw new RangeError(`no token ${token} in process ${process}`);
    return thread;
  }

  moment(): Moment {
    const { elapsed, wall, tick } = this.time;
    this.#order++;
    return { order: this.#order, elapsed, wall, tick };
  }

  /** Whether nothing is ever evicted. */
  get isRoomy(): boolean {
    return this.setting.cache.maxEntries >= tokens.length;
  }

  asked(process: number, token: number): Question {
    const thread = this.thread({ process, token });
    const number = this.questions.length;
    const question: Question = {
      number,
      process,
      token,
      asked: this.moment(),
      ended: undefined,
      outcome: undefined,
      endsAt: Infinity,
      confirmed: true,
    };
    if (thread.running !== undefined && !this.setting.isWorkerd) {
      this.violations.push(`question ${number} is asked while question ${thread.running.number} is running`);
    }
    thread.running = question;
    this.questions.push(question);
    return question;
  }

  ended(question: Question, outcome: Outcome, exp = Infinity): void {
    const thread = this.thread(question);
    question.ended = this.moment();
    question.outcome = outcome;
    question.endsAt = Math.floor(exp) * 1000;
    thread.running = undefined;
    if (outcome === 'inactive') {
      question.confirmed = !this.#isKnownActive(thread) || thread.ended[0]?.outcome === 'inactive';
      thread.lastInactive = newer(question, thread.lastInactive);
    }
    if (outcome === 'active') thread.lastActive = newer(question, thread.lastActive);
    if (outcome === 'active' || outcome === 'inactive') thread.lastAnswer = newer(question, thread.lastAnswer);
    if (outcome !== 'abandoned') thread.ended = [question, ...thread.ended.slice(0, 99)];
  }

  forgot(process: number, target: InvalidationTarget, asOf: Moment): void {
    for (const token of tokensNamedBy(target)) {
      const thread = this.thread({ process, token });
      thread.forgotten = asOf.order;
      thread.forgets.push(asOf.order);
      thread.forgottenAt = asOf.elapsed;
      if ('token' in target || 'all' in target) thread.forgottenAsToken = asOf.order;
    }
  }

  /** A `forget` has reached the store. */
  forgotEverywhere(process: number, target: InvalidationTarget, asOf: Moment): void {
    const stored = this.moment();
    for (const token of tokensNamedBy(target)) {
      this.thread({ process: 1 - process, token }).forgottenElsewhere.push({ asOf, stored });
    }
  }

  /** What the other process has seen of the token. */
  elsewhere({ process, token }: { process: number; token: number }): Thread {
    return this.thread({ process: 1 - process, token });
  }

  /** Returns the age of a response at a moment: the larger of its ages by the two clocks. */
  ageMs({ asked }: Question, at: { elapsed: number; wall: number } = this.time): number {
    return Math.max(at.elapsed - asked.elapsed, at.wall - asked.wall);
  }

  /** Whether an active answer has ended with its `exp`, by either clock. */
  hasExpired({ endsAt, ended }: Question): boolean {
    if (ended === undefined) return false;
    return this.time.wall >= endsAt || this.time.elapsed - ended.elapsed >= endsAt - ended.wall;
  }

  /** Whether a kept answer speaks against an inactive one. Where that is not certain, it does not. */
  #isKnownActive({ lastActive, lastInactive, forgotten }: Thread): boolean {
    if (lastActive?.ended === undefined || !this.isRoomy || this.setting.isWorkerd) return false;
    if (lastInactive?.confirmed && lastInactive.asked.order > lastActive.asked.order) return false;
    const { asked, ended, endsAt } = lastActive;
    const knownMs = Math.max(60_000, this.setting.cache.maxAgeSeconds * 1000);
    if (this.ageMs(lastActive) >= knownMs || forgotten > asked.order) return false;
    if (this.hasExpired(lastActive) || (endsAt !== Infinity && this.lastStep > ended.order)) return false;
    return this.setting.store === undefined || this.#isUnknownElsewhere(lastActive);
  }

  /** Whether no other process had an answer of its own about the token, nor forgot it. */
  #isUnknownElsewhere({ process, token, asked }: Question): boolean {
    const [own, other] = [this.thread({ process, token }), this.elsewhere({ process, token })];
    const forgottenAt = Math.max(own.forgottenAt, other.forgottenAt);
    return this.lastStep === 0 && other.lastActive === undefined && forgottenAt + toleranceMs < asked.elapsed;
  }
}

/** The one that was asked later. */
function newer(question: Question, known: Question | undefined): Question {
  return known !== undefined && known.asked.order > question.asked.order ? known : question;
}

/** The numbers of the tokens that a `forget` concerns. */
function tokensNamedBy(target: InvalidationTarget): number[] {
  const [[kind, value] = []] = Object.entries(target);
  return tokens.flatMap((claims: Readonly<Record<string, string>>, token) => {
    const named = kind === 'all' || (kind === 'token' ? value === tokenText(token) : claims[String(kind)] === value);
    return named ? [token] : [];
  });
}

export function tokenText(token: number): string {
  return `secret-token-${token}`;
}
