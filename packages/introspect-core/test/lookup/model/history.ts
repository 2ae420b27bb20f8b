import type { InvalidationTarget } from '../../../src/index.js';
import type { VirtualTime } from '../../support/virtual-time.js';
import { type Setting, tokens } from './setting.js';

/**
 * How an introspection ended: with a response, with an error (its `code`), or because no request waited for it any
 * longer.
 */
export type Outcome = 'active' | 'inactive' | 'unavailable' | 'invalid_response' | 'invalid_client' | 'abandoned';

/** A position in the order of all events, and its time. */
export interface Moment {
  readonly order: number;
  readonly elapsed: number;
  readonly wall: number;
  readonly tick: number;
}

export interface Introspection {
  readonly number: number;
  readonly process: number;
  readonly token: number;
  readonly requested: Moment;
  ended: Moment | undefined;
  outcome: Outcome | undefined;
  /** When an active response ends: its `exp` in whole seconds, as milliseconds. */
  endsAt: number;
  /** Whether an inactive response may be used without a recheck. */
  confirmed: boolean;
}

export interface Request {
  readonly number: number;
  readonly process: number;
  readonly token: number;
  readonly maxResponseAgeMs: number;
  readonly began: Moment;
  /** The last invalidation before the request that concerns the token, by the order of events. */
  readonly invalidatedBefore: number;
  /** A response that is cached for the request, so that no introspection is needed. */
  readonly known: Introspection | undefined;
  readonly controller: AbortController;
  settled: boolean;
}

/**
 * Processes that share a store treat a response as invalidated if it was requested within this time after the
 * invalidation.
 */
const toleranceMs = 5000;

/** What one process has seen of one token. */
export class Thread {
  /** The introspection that is running. */
  running: Introspection | undefined;
  /** The last introspections that ended, the latest first, except abandoned ones. */
  ended: Introspection[] = [];
  lastResponse: Introspection | undefined;
  lastActive: Introspection | undefined;
  lastInactive: Introspection | undefined;
  /** The inactive response by which a request was last rejected. */
  usedInactive: Introspection | undefined;
  /** The last invalidation in this process that concerns the token, in the order of events and in time. */
  invalidated = 0;
  invalidatedAt = -Infinity;
  /** All invalidations, in the order of events. */
  readonly invalidations: number[] = [];
  /** The last invalidation that also concerns inactive responses: of the token itself, or of all. */
  invalidatedAsToken = 0;
  /** The invalidations by other processes that the store accepted. */
  readonly invalidatedElsewhere: { readonly asOf: Moment; readonly stored: Moment }[] = [];
}

/** What has happened: introspections, responses, requests and invalidations. */
export class History {
  readonly time: VirtualTime;
  readonly setting: Setting;
  readonly threads: readonly (readonly Thread[])[];
  readonly introspections: Introspection[] = [];
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

  /** The wall clock of a process. */
  wallOf(process: number): number {
    return this.time.wall + (process === 1 ? (this.setting.wallDifferenceMs ?? 0) : 0);
  }

  /** By how much the age of a response of one process may be wrong in another one. */
  differenceMs(one: { process: number }, other: { process: number }): number {
    return Math.abs(this.wallOf(one.process) - this.wallOf(other.process));
  }

  /** Whether the wall clocks of the processes differ, so that not everything about times is certain. */
  get clocksDiffer(): boolean {
    return this.differenceMs({ process: 0 }, { process: 1 }) > 0;
  }

  /** Whether the cache never evicts an entry. */
  get isRoomy(): boolean {
    return this.setting.cache.maxEntries >= tokens.length;
  }

  introspected(process: number, token: number): Introspection {
    const thread = this.thread({ process, token });
    const number = this.introspections.length;
    const introspection: Introspection = {
      number,
      process,
      token,
      requested: this.moment(),
      ended: undefined,
      outcome: undefined,
      endsAt: Infinity,
      confirmed: true,
    };
    if (thread.running !== undefined && !this.setting.isWorkerd) {
      this.violations.push(`introspection ${number} begins while introspection ${thread.running.number} is running`);
    }
    thread.running = introspection;
    this.introspections.push(introspection);
    return introspection;
  }

  ended(introspection: Introspection, outcome: Outcome, exp = Infinity): void {
    const thread = this.thread(introspection);
    introspection.ended = this.moment();
    introspection.outcome = outcome;
    introspection.endsAt = Math.floor(exp) * 1000;
    thread.running = undefined;
    if (outcome === 'inactive') {
      introspection.confirmed = !this.isKnownActive(thread) || thread.ended[0]?.outcome === 'inactive';
      thread.lastInactive = newer(introspection, thread.lastInactive);
    }
    if (outcome === 'active') thread.lastActive = newer(introspection, thread.lastActive);
    if (outcome === 'active' || outcome === 'inactive') thread.lastResponse = newer(introspection, thread.lastResponse);
    if (outcome !== 'abandoned') thread.ended = [introspection, ...thread.ended.slice(0, 99)];
  }

  invalidated(process: number, target: InvalidationTarget, asOf: Moment): void {
    for (const token of tokensNamedBy(target)) {
      const thread = this.thread({ process, token });
      thread.invalidated = asOf.order;
      thread.invalidations.push(asOf.order);
      thread.invalidatedAt = asOf.elapsed;
      if ('token' in target || 'all' in target) thread.invalidatedAsToken = asOf.order;
    }
  }

  /** Records that an invalidation has reached the store. */
  invalidatedEverywhere(process: number, target: InvalidationTarget, asOf: Moment): void {
    const stored = this.moment();
    for (const token of tokensNamedBy(target)) {
      this.thread({ process: 1 - process, token }).invalidatedElsewhere.push({ asOf, stored });
    }
  }

  /** What the other process has seen of the token. */
  elsewhere({ process, token }: { process: number; token: number }): Thread {
    return this.thread({ process: 1 - process, token });
  }

  /** Returns the age of a response at a moment: the larger of its ages by the two clocks. */
  ageMs({ requested }: Introspection, at: { elapsed: number; wall: number } = this.time): number {
    return Math.max(at.elapsed - requested.elapsed, at.wall - requested.wall);
  }

  /** Returns whether an active response has ended with its `exp`, by either clock of a process. */
  hasExpired(introspection: Introspection, process: { process: number } = introspection): boolean {
    const { endsAt, ended } = introspection;
    if (ended === undefined) return false;
    const toleranceMs = this.differenceMs({ process: 0 }, process);
    return (
      this.wallOf(process.process) >= endsAt || this.time.elapsed - ended.elapsed >= endsAt - ended.wall + toleranceMs
    );
  }

  /**
   * Returns whether a cached active response makes an inactive one unconfirmed. Returns false if that is not certain.
   */
  isKnownActive({ lastActive, lastInactive, invalidated }: Thread): boolean {
    if (lastActive?.ended === undefined || !this.isRoomy || this.setting.isWorkerd) return false;
    if (lastInactive?.confirmed && lastInactive.requested.order > lastActive.requested.order) return false;
    const { requested, ended, endsAt } = lastActive;
    const knownMs = Math.max(60_000, this.setting.cache.maxAgeSeconds * 1000);
    if (this.ageMs(lastActive) >= knownMs || invalidated > requested.order) return false;
    if (this.hasExpired(lastActive) || (endsAt !== Infinity && (this.lastStep > ended.order || this.clocksDiffer)))
      return false;
    return this.setting.store === undefined || this.#isUnknownElsewhere(lastActive);
  }

  /** Returns whether no other process had a response of its own about the token, nor invalidated it. */
  #isUnknownElsewhere({ process, token, requested }: Introspection): boolean {
    const [own, other] = [this.thread({ process, token }), this.elsewhere({ process, token })];
    const invalidatedAt = Math.max(own.invalidatedAt, other.invalidatedAt);
    return this.lastStep === 0 && other.lastActive === undefined && invalidatedAt + toleranceMs < requested.elapsed;
  }
}

/** Returns the introspection that was requested later. */
function newer(introspection: Introspection, known: Introspection | undefined): Introspection {
  return known !== undefined && known.requested.order > introspection.requested.order ? known : introspection;
}

/** Returns the indexes of the tokens that an invalidation concerns. */
function tokensNamedBy(target: InvalidationTarget): number[] {
  const [[kind, value] = []] = Object.entries(target);
  return tokens.flatMap((claims: Readonly<Record<string, string>>, token) => {
    const named = kind === 'all' || (kind === 'token' ? value === tokenText(token) : claims[String(kind)] === value);
    return named ? [token] : [];
  });
}

export function tokenText(token: number): string {
  // Tokens with the same end meet in the front table.
  return `secret-token-${token}${token < 4 ? 'e'.repeat(43) : ''}`;
}
