import { type ActiveToken, type IntrospectionResponse, takeBodyLength } from '../protocol/introspection-response.js';
import type { AgeClock } from '../runtime/age-clock.js';
import { BoundedEntries } from './bounded-entries.js';
import type { CacheSettings } from './cache-options.js';
import type { Invalidations, SequencedResponse } from './invalidations.js';

/** For how long an active answer speaks against an inactive one, which may be a fault of the server's own. */
const recheckWindowMs = 60_000;
/** Answers are renewed up to this part earlier, by chance, so that hot ones are not all renewed at once. */
const refreshJitter = 0.05;
/** How long a renewal keeps the next one off, whatever becomes of it. */
const refreshPauseMs = 500;

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
export interface CachedResponse extends SequencedResponse {
  /** How often {@link TokenCache.revalidateAll} had been called by then. */
  epoch: number;
}

/**
 * A cache entry. In its times, `undefined` means never.
 *
 * A process may have very many entries, so they are small: values that can be computed are not stored, and times that
 * need not be exact are whole numbers, for which engines need less memory.
 */
export interface CacheEntry extends CachedResponse {
  /** When its `exp` is reached by the monotonic clock, computed from the wall clock when the entry was cached. */
  readonly expiresAt: number | undefined;
  /** When to read the second tier again. Compare it with {@link AgeClock.timeFor}. */
  revalidateAt: number | undefined;
  /** When to renew the entry. Compare it with {@link AgeClock.timeFor}. */
  refreshAt: number | undefined;
  /** The token was called inactive since, or it is what called it so: until that is settled, nothing serves this answer. */
  isUnconfirmed: boolean;
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
  readonly #active: BoundedEntries<CacheEntry>;
  readonly #inactive: BoundedEntries<CacheEntry>;
  readonly #settings: CacheSettings;
  readonly #clocks: CacheClocks;
  readonly #marks: Invalidations;
  #generation = 0;

  constructor(settings: CacheSettings, clocks: CacheClocks, marks: Invalidations) {
    const { maxEntries, maxBytes } = settings;
    this.#active = new BoundedEntries({ maxEntries, maxSize: maxBytes });
    // Each has size 1, because an inactive response has no content.
    this.#inactive = new BoundedEntries({ maxEntries, maxSize: maxEntries });
    this.#settings = settings;
    this.#clocks = clocks;
    this.#marks = marks;
  }

  get epoch(): number {
    return this.#generation;
  }

  /**
   * What may be used without a question: fresh, and younger than `maxResponseAgeMs`.
   *
   * @param justRead whether the second tier has just been looked at
   */
  fresh(key: string, maxResponseAgeMs: number, justRead = false): CacheEntry | undefined {
    const kept = this.#active.get(key) ?? this.#inactive.get(key);
    if (kept === undefined) return undefined;
    const time = this.#look();
    const { maxAgeMs, inactiveMaxAgeMs } = this.#settings;
    const entryTime = this.#entryTime(kept, time);
    const ageMs = entryTime - kept.requestedAt;
    if (ageMs >= (kept.response.active ? maxAgeMs : inactiveMaxAgeMs) || ageMs >= maxResponseAgeMs) return undefined;
    if (kept.isUnconfirmed || (hasPassed(kept.revalidateAt, entryTime) && !justRead)) return undefined;
    if (kept.epoch !== this.#generation && kept.response.active) return undefined;
    return this.#lives(key, kept, time) ? kept : undefined;
  }

  /** What may serve while the server is unreachable: an active answer, no older than `maxAgeIfErrorMs`. */
  stale(key: string, maxResponseAgeMs: number): { response: IntrospectionResponse; ageMs: number } | undefined {
    const kept = this.#active.peek(key);
    if (kept === undefined || kept.isUnconfirmed) return undefined;
    const time = this.#look();
    const ageMs = this.#entryTime(kept, time) - kept.requestedAt;
    const { maxAgeIfErrorMs } = this.#settings;
    if (maxAgeIfErrorMs === 0 || ageMs > maxAgeIfErrorMs || ageMs >= maxResponseAgeMs) return undefined;
    return this.#lives(key, kept, time) ? { response: kept.response, ageMs } : undefined;
  }

  /** Whether a token is known as active, or was when it was last asked about: it has not expired since. */
  hasActive(key: string): boolean {
    const kept = this.#active.peek(key);
    return kept !== undefined && this.#lives(key, kept, this.#look());
  }

  /** How many answers lie here, also those that have ended. */
  get entries(): { active: number; inactive: number } {
    return { active: this.#active.count, inactive: this.#inactive.count };
  }

  /** Whether it is time to renew an answer. */
  isRefreshDue(kept: CacheEntry): boolean {
    return kept.refreshAt !== undefined && hasPassed(kept.refreshAt, this.#entryTime(kept, this.#look()));
  }

  /** Whether it is time to renew an answer. Whoever is told so is the only one for a while. */
  takeRefresh(kept: CacheEntry): boolean {
    if (!this.isRefreshDue(kept)) return false;
    kept.refreshAt = Math.floor(this.#entryTime(kept, this.#look())) + refreshPauseMs;
    return true;
  }

  /**
   * Takes note that a token was called inactive. Where it is known as active, nothing is served from now on, and the
   * result is `true`: the server is to be asked once more before that is believed.
   */
  markUnconfirmed(key: string, asked: CachedResponse): boolean {
    const kept = this.#active.peek(key);
    if (kept === undefined) return false;
    const time = this.#look();
    const knownMs = Math.max(recheckWindowMs, this.#settings.maxAgeMs);
    if (this.#entryTime(kept, time) - kept.requestedAt >= knownMs || !this.#lives(key, kept, time)) return false;
    kept.isUnconfirmed = true;
    this.#setInactive(key, asked, true); // the doubt outlives what is doubted
    return true;
  }

  /** Caches a response that this process requested, except when a newer one is known or it is too large. */
  set(key: string, asked: CachedResponse): 'kept' | 'older' | 'too_large' {
    if (this.#newestAskedAt(key) > asked.requestedAt) return 'older';
    if (!asked.response.active) {
      this.#setInactive(key, asked, false);
      this.#active.delete(key);
      return 'kept';
    }
    this.#inactive.delete(key);
    return this.#setActive(key, asked, { now: this.#clocks.now(), lookedAt: asked.requestedAt }) ? 'kept' : 'too_large';
  }

  /** The active answer that is known, if one is: also where it has ended. */
  activeEntry(key: string): CacheEntry | undefined {
    return this.#active.peek(key);
  }

  /**
   * Caches an active response from the second tier. If a newer one is known, keeps that, and counts it as read again.
   *
   * @returns `false` if the newer one is inactive or in doubt, or if the response is too large
   */
  promote(key: string, asked: CachedResponse & { readonly response: ActiveToken }): boolean {
    const kept = this.#active.peek(key);
    if (this.#newestAskedAt(key) < asked.requestedAt) {
      this.#inactive.delete(key);
      return this.#setActive(key, asked, { now: this.#clocks.steadyNow(), lookedAt: this.#clocks.monotonicNow() });
    }
    if (kept === undefined || kept.isUnconfirmed) return false;
    kept.revalidateAt = Math.floor(this.#clocks.monotonicNow() + this.#settings.localMaxAgeMs);
    kept.epoch = asked.epoch;
    return true;
  }

  /** The second tier has news of a key. */
  revalidate(key: string): void {
    const kept = this.#active.peek(key);
    if (kept !== undefined) kept.revalidateAt = Number.NEGATIVE_INFINITY;
  }

  /** The second tier has news that may concern any key. */
  revalidateAll(): void {
    this.#generation++;
  }

  /** Forgets what is known of a key. */
  delete(key: string): void {
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
  #setActive(key: string, asked: CachedResponse, { now, lookedAt }: { now: number; lookedAt: number }): boolean {
    const { refreshAfterMs, store, localMaxAgeMs } = this.#settings;
    const leftMs = expiryOf(asked.response) - now;
    const renewAt = asked.requestedAt + refreshAfterMs * (1 - refreshJitter * Math.random());
    const kept: CacheEntry = {
      ...asked,
      expiresAt: leftMs === Number.POSITIVE_INFINITY ? undefined : Math.floor(this.#clocks.monotonicNow() + leftMs),
      revalidateAt: store === undefined ? undefined : Math.floor(lookedAt + localMaxAgeMs),
      refreshAt: renewAt === Number.POSITIVE_INFINITY ? undefined : Math.floor(renewAt),
      isUnconfirmed: false,
    };
    return this.#active.set(key, kept, takeBodyLength(asked.response));
  }

  #setInactive(key: string, asked: CachedResponse, isUnconfirmed: boolean): void {
    this.#inactive.set(
      key,
      { ...asked, expiresAt: undefined, revalidateAt: undefined, refreshAt: undefined, isUnconfirmed },
      1,
    );
  }

  #look(): ClockTime {
    return { now: this.#clocks.now(), monotonicNow: this.#clocks.monotonicNow() };
  }

  #entryTime(kept: CacheEntry, { now, monotonicNow }: ClockTime): number {
    return this.#clocks.age.timeFor(kept, now, monotonicNow);
  }

  #newestAskedAt(key: string): number {
    const never = Number.NEGATIVE_INFINITY;
    return Math.max(this.#active.peek(key)?.requestedAt ?? never, this.#inactive.peek(key)?.requestedAt ?? never);
  }

  /** Whether it is neither expired nor forgotten; drops it where it is. */
  #lives(key: string, kept: CacheEntry, { now, monotonicNow }: ClockTime): boolean {
    const lives =
      !hasPassed(kept.expiresAt, monotonicNow) && now < expiryOf(kept.response) && !this.#marks.invalidates(key, kept);
    if (!lives) (kept.response.active ? this.#active : this.#inactive).delete(key);
    return lives;
  }
}

function hasPassed(at: number | undefined, now: number): boolean {
  return at !== undefined && now >= at;
}

/** When an answer expires, in milliseconds since the epoch. A fraction of a second is left away. */
export function expiryOf(answer: IntrospectionResponse): number {
  return answer.active && answer.exp !== undefined ? Math.floor(answer.exp) * 1000 : Number.POSITIVE_INFINITY;
}
