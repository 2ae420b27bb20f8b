import { type ActiveToken, type IntrospectionResponse, takeBodyLength } from '../protocol/introspection-response.js';
import type { AgeClock } from '../runtime/age-clock.js';
import { BoundedEntries } from './bounded-entries.js';
import type { CacheSettings } from './cache-options.js';
import type { AskedAnswer, ForgetMarks } from './forget-marks.js';

/** For how long an active answer speaks against an inactive one, which may be a fault of the server's own. */
const knownActiveMs = 60_000;
/** Answers are renewed up to this part earlier, by chance, so that hot ones are not all renewed at once. */
const renewalJitter = 0.05;
/** How long a renewal keeps the next one off, whatever becomes of it. */
const renewalPauseMs = 500;

/** The clocks of a cache. */
export interface CacheClocks {
  /** The wall clock. */
  now(): number;
  /** The wall clock, except that it never goes back. */
  steadyNow(): number;
  monotonicNow(): number;
  readonly age: AgeClock;
}

interface ClockTime {
  readonly now: number;
  readonly monotonicNow: number;
}

/** An answer, and when it was asked for. */
export interface DatedAnswer extends AskedAnswer {
  /** How often {@link TokenCache.rereadAll} had been called by then. */
  generation: number;
}

/**
 * A cache entry. In its times, `undefined` means never.
 *
 * A process may have very many entries, so they are small: values that can be computed are not stored, and times that
 * need not be exact are whole numbers, for which engines need less memory.
 */
export interface KeptAnswer extends DatedAnswer {
  /** When its `exp` is reached by the monotonic clock, computed from the wall clock when the entry was cached. */
  readonly expiresAt: number | undefined;
  /** When to read the second tier again. Compare it with {@link AgeClock.timeFor}. */
  rereadAt: number | undefined;
  /** When to renew the entry. Compare it with {@link AgeClock.timeFor}. */
  renewAt: number | undefined;
  /** The token was called inactive since, or it is what called it so: until that is settled, nothing serves this answer. */
  isDoubted: boolean;
}

/**
 * The answers that are kept in this process, and the rules by which they may be used again.
 *
 * Active and inactive ones are kept apart, each bounded, the least recently used going first: a flood of unknown tokens
 * evicts no good one.
 *
 * The age of an entry is the larger of its ages by the wall clock and by the monotonic clock. An entry has expired when
 * its `exp` has passed by either clock. So a clock that is set back revives no entry, and time in which the machine was
 * suspended counts. No timer runs: an expired entry stays until it is read or evicted.
 */
export class TokenCache {
  readonly #active: BoundedEntries<KeptAnswer>;
  readonly #inactive: BoundedEntries<KeptAnswer>;
  readonly #settings: CacheSettings;
  readonly #clocks: CacheClocks;
  readonly #marks: ForgetMarks;
  #generation = 0;

  constructor(settings: CacheSettings, clocks: CacheClocks, marks: ForgetMarks) {
    const { maxEntries, maxBytes } = settings;
    this.#active = new BoundedEntries({ maxEntries, maxSize: maxBytes });
    // Each has size 1, because an inactive response has no content.
    this.#inactive = new BoundedEntries({ maxEntries, maxSize: maxEntries });
    this.#settings = settings;
    this.#clocks = clocks;
    this.#marks = marks;
  }

  get generation(): number {
    return this.#generation;
  }

  /**
   * What may be used without a question: fresh, and younger than `maxStalenessMs`.
   *
   * @param justRead whether the second tier has just been looked at
   */
  fresh(key: string, maxStalenessMs: number, justRead = false): KeptAnswer | undefined {
    const kept = this.#active.get(key) ?? this.#inactive.get(key);
    if (kept === undefined) return undefined;
    const time = this.#look();
    const { maxAgeMs, inactiveMaxAgeMs } = this.#settings;
    const entryTime = this.#entryTime(kept, time);
    const ageMs = entryTime - kept.askedAt;
    if (ageMs >= (kept.answer.active ? maxAgeMs : inactiveMaxAgeMs) || ageMs >= maxStalenessMs) return undefined;
    if (kept.isDoubted || (isOver(kept.rereadAt, entryTime) && !justRead)) return undefined;
    if (kept.generation !== this.#generation && kept.answer.active) return undefined;
    return this.#lives(key, kept, time) ? kept : undefined;
  }

  /** What may serve while the server is unreachable: an active answer, no older than `staleIfErrorMs`. */
  stale(key: string, maxStalenessMs: number): { answer: IntrospectionResponse; ageMs: number } | undefined {
    const kept = this.#active.peek(key);
    if (kept === undefined || kept.isDoubted) return undefined;
    const time = this.#look();
    const ageMs = this.#entryTime(kept, time) - kept.askedAt;
    const { staleIfErrorMs } = this.#settings;
    if (staleIfErrorMs === 0 || ageMs > staleIfErrorMs || ageMs >= maxStalenessMs) return undefined;
    return this.#lives(key, kept, time) ? { answer: kept.answer, ageMs } : undefined;
  }

  /** Whether a token is known as active, or was when it was last asked about: it has not expired since. */
  knows(key: string): boolean {
    const kept = this.#active.peek(key);
    return kept !== undefined && this.#lives(key, kept, this.#look());
  }

  /** How many answers lie here, also those that have ended. */
  get entries(): { active: number; inactive: number } {
    return { active: this.#active.count, inactive: this.#inactive.count };
  }

  /** Whether it is time to renew an answer. */
  isDue(kept: KeptAnswer): boolean {
    return kept.renewAt !== undefined && isOver(kept.renewAt, this.#entryTime(kept, this.#look()));
  }

  /** Whether it is time to renew an answer. Whoever is told so is the only one for a while. */
  takeRenewal(kept: KeptAnswer): boolean {
    if (!this.isDue(kept)) return false;
    kept.renewAt = Math.floor(this.#entryTime(kept, this.#look())) + renewalPauseMs;
    return true;
  }

  /**
   * Takes note that a token was called inactive. Where it is known as active, nothing is served from now on, and the
   * result is `true`: the server is to be asked once more before that is believed.
   */
  suspect(key: string, asked: DatedAnswer): boolean {
    const kept = this.#active.peek(key);
    if (kept === undefined) return false;
    const time = this.#look();
    const knownMs = Math.max(knownActiveMs, this.#settings.maxAgeMs);
    if (this.#entryTime(kept, time) - kept.askedAt >= knownMs || !this.#lives(key, kept, time)) return false;
    kept.isDoubted = true;
    this.#setInactive(key, asked, true); // the doubt outlives what is doubted
    return true;
  }

  /** Caches a response that this process requested, except when a newer one is known or it is too large. */
  keep(key: string, asked: DatedAnswer): 'kept' | 'older' | 'too_large' {
    if (this.#newestAskedAt(key) > asked.askedAt) return 'older';
    if (!asked.answer.active) {
      this.#setInactive(key, asked, false);
      this.#active.delete(key);
      return 'kept';
    }
    this.#inactive.delete(key);
    return this.#setActive(key, asked, { now: this.#clocks.now(), lookedAt: asked.askedAt }) ? 'kept' : 'too_large';
  }

  /** The active answer that is known, if one is: also where it has ended. */
  known(key: string): KeptAnswer | undefined {
    return this.#active.peek(key);
  }

  /**
   * Caches an active response from the second tier. If a newer one is known, keeps that, and counts it as read again.
   *
   * @returns `false` if the newer one is inactive or in doubt, or if the response is too large
   */
  adopt(key: string, asked: DatedAnswer & { readonly answer: ActiveToken }): boolean {
    const kept = this.#active.peek(key);
    if (this.#newestAskedAt(key) < asked.askedAt) {
      this.#inactive.delete(key);
      return this.#setActive(key, asked, { now: this.#clocks.steadyNow(), lookedAt: this.#clocks.monotonicNow() });
    }
    if (kept === undefined || kept.isDoubted) return false;
    kept.rereadAt = Math.floor(this.#clocks.monotonicNow() + this.#settings.localMaxAgeMs);
    kept.generation = asked.generation;
    return true;
  }

  /** The second tier has news of a key. */
  reread(key: string): void {
    const kept = this.#active.peek(key);
    if (kept !== undefined) kept.rereadAt = Number.NEGATIVE_INFINITY;
  }

  /** The second tier has news that may concern any key. */
  rereadAll(): void {
    this.#generation++;
  }

  /** Forgets what is known of a key. */
  drop(key: string): void {
    this.#active.delete(key);
    this.#inactive.delete(key);
  }

  clear(): void {
    this.#active.clear();
    this.#inactive.clear();
  }

  /**
   * @param now the wall clock by which `exp` is to be understood
   * @param lookedAt since when the second tier need not be looked at
   * @returns `false` for a response that is too large
   */
  #setActive(key: string, asked: DatedAnswer, { now, lookedAt }: { now: number; lookedAt: number }): boolean {
    const { refreshAfterMs, store, localMaxAgeMs } = this.#settings;
    const leftMs = expiryOf(asked.answer) - now;
    const renewAt = asked.askedAt + refreshAfterMs * (1 - renewalJitter * Math.random());
    const kept: KeptAnswer = {
      ...asked,
      expiresAt: leftMs === Number.POSITIVE_INFINITY ? undefined : Math.floor(this.#clocks.monotonicNow() + leftMs),
      rereadAt: store === undefined ? undefined : Math.floor(lookedAt + localMaxAgeMs),
      renewAt: renewAt === Number.POSITIVE_INFINITY ? undefined : Math.floor(renewAt),
      isDoubted: false,
    };
    return this.#active.set(key, kept, takeBodyLength(asked.answer));
  }

  #setInactive(key: string, asked: DatedAnswer, isDoubted: boolean): void {
    this.#inactive.set(key, { ...asked, expiresAt: undefined, rereadAt: undefined, renewAt: undefined, isDoubted }, 1);
  }

  #look(): ClockTime {
    return { now: this.#clocks.now(), monotonicNow: this.#clocks.monotonicNow() };
  }

  #entryTime(kept: KeptAnswer, { now, monotonicNow }: ClockTime): number {
    return this.#clocks.age.timeFor(kept, now, monotonicNow);
  }

  #newestAskedAt(key: string): number {
    const never = Number.NEGATIVE_INFINITY;
    return Math.max(this.#active.peek(key)?.askedAt ?? never, this.#inactive.peek(key)?.askedAt ?? never);
  }

  /** Whether it is neither expired nor forgotten; drops it where it is. */
  #lives(key: string, kept: KeptAnswer, { now, monotonicNow }: ClockTime): boolean {
    const lives =
      !isOver(kept.expiresAt, monotonicNow) && now < expiryOf(kept.answer) && !this.#marks.forgets(key, kept);
    if (!lives) (kept.answer.active ? this.#active : this.#inactive).delete(key);
    return lives;
  }
}

function isOver(at: number | undefined, now: number): boolean {
  return at !== undefined && now >= at;
}

/** When an answer expires, in milliseconds since the epoch. A fraction of a second is left away. */
export function expiryOf(answer: IntrospectionResponse): number {
  return answer.active && answer.exp !== undefined ? Math.floor(answer.exp) * 1000 : Number.POSITIVE_INFINITY;
}
