import type { ActiveToken, IntrospectionResponse } from '../protocol/active-token.js';
import { takeBodyLength } from '../protocol/introspection-response.js';
import type { AgeClock } from '../runtime/age-clock.js';
import { BoundedEntries } from './bounded-entries.js';
import { activeEntry, type CachedResponse, type CacheEntry, inactiveEntry } from './cache-entry.js';
import type { CacheSettings } from './cache-options.js';
import { type ClockTime, hasExpired, hasPassed, isFresh, isUsableIfError } from './freshness.js';
import type { FrontEntry } from './front-table.js';
import type { Invalidations } from './invalidations.js';

/** An inactive response is rechecked if the token was active less than this ago: the server may have a brief fault. */
const recheckWindowMs = 60_000;
/** How often hits through the front table change the order of eviction. */
const recencyMs = 1000;
/** After a refresh has begun, no other one begins for this time, whether it succeeds or fails. */
const refreshPauseMs = 500;

type Prepare = (response: ActiveToken) => ActiveToken;

/** A response of the shared cache. */
type SharedResponse = Omit<CachedResponse, 'prepared'> & { readonly response: ActiveToken };

/** The clocks of a cache, in milliseconds. */
export interface CacheClocks {
  /** The wall clock. */
  now(): number;
  /** The wall clock, except that it never goes back. */
  steadyNow(): number;
  monotonicNow(): number;
  readonly age: AgeClock;
}

/**
 * The cache in memory: introspection responses by cache key, and the rules by which each of them may be used.
 *
 * - An entry is *fresh* while it is younger than `maxAgeMs`, or `inactiveMaxAgeMs` if it is inactive. Then it is used
 *   without a request. With a shared cache, an active entry must also have been compared with the store recently.
 * - An active entry is *stale* after that, up to the age `maxAgeIfErrorMs`. It is used while the server is unavailable.
 * - An active entry is *unconfirmed* after the server has said that its token is inactive. It is used for nothing until a
 *   second introspection decides.
 * - An entry has *ended* when the token's `exp` has passed, or when a tombstone invalidates it. It is never used again.
 *
 * The age of an entry is the larger of its ages by the wall clock and by the monotonic clock. `exp` counts as passed if
 * either clock says so. So a clock that is set back revives no entry, and time during which the machine was suspended
 * counts. No timer runs: an entry that has ended stays in memory until it is read or evicted.
 *
 * Active and inactive entries have separate limits, so a flood of unknown tokens evicts no valid one.
 */
export class TokenCache {
  /** How long an entry is used before the shared cache is read again. */
  localMaxAgeMs: number;
  readonly #active: BoundedEntries<CacheEntry>;
  readonly #inactive: BoundedEntries<CacheEntry>;
  readonly #settings: CacheSettings;
  readonly #clocks: CacheClocks;
  readonly #invalidations: Invalidations;
  readonly #prepare: Prepare;
  #epoch = 0;

  /** @param prepare returns what requests get of a response of the shared cache */
  constructor(
    settings: CacheSettings,
    clocks: CacheClocks,
    invalidations: Invalidations,
    prepare: Prepare = (response) => response,
  ) {
    const { maxEntries, maxBytes } = settings;
    this.#active = new BoundedEntries({ maxEntries, maxSize: maxBytes });
    // Each has size 1, because an inactive response has no content.
    this.#inactive = new BoundedEntries({ maxEntries, maxSize: maxEntries });
    this.#settings = settings;
    this.localMaxAgeMs = settings.localMaxAgeMs;
    this.#clocks = clocks;
    this.#invalidations = invalidations;
    this.#prepare = prepare;
  }

  /** How often {@link TokenCache.revalidateAll} was called. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The number of entries in memory. It includes entries that have ended. */
  get entries(): { active: number; inactive: number } {
    return { active: this.#active.count, inactive: this.#inactive.count };
  }

  /**
   * Returns a fresh entry that is younger than `maxResponseAgeMs`.
   *
   * @param wasRead whether the shared cache was just read for this key, so that the entry need not be compared again
   * @param known what the front table has: then it makes the entry the most recently used one only once a second
   */
  fresh(key: string, maxResponseAgeMs: number, wasRead = false, known?: FrontEntry): CacheEntry | undefined {
    const entry = known === undefined ? (this.#active.get(key) ?? this.#inactive.get(key)) : this.#active.peek(key);
    if (entry === undefined) return undefined;
    const time = this.#clockTime();
    if (known !== undefined && time.monotonicNow - known.usedAt >= recencyMs) {
      known.usedAt = time.monotonicNow;
      this.#active.get(key);
    }
    const entryTime = this.#entryTime(entry, time);
    const ageMs = entryTime - entry.requestedAt;
    if (!isFresh(entry.response, ageMs, this.#settings) || ageMs >= maxResponseAgeMs) return undefined;
    if (entry.isUnconfirmed || (hasPassed(entry.revalidateAt, entryTime) && !wasRead)) return undefined;
    if (entry.epoch !== this.#epoch && entry.response.active) return undefined;
    return this.#deleteIfEnded(key, entry, time) ? undefined : entry;
  }

  /** Returns an active response that may be used while the server is unavailable, if it is younger than `maxResponseAgeMs`. */
  stale(key: string, maxResponseAgeMs: number): { prepared: IntrospectionResponse; ageMs: number } | undefined {
    const entry = this.#active.peek(key);
    if (entry === undefined || entry.isUnconfirmed) return undefined;
    const time = this.#clockTime();
    const ageMs = this.#entryTime(entry, time) - entry.requestedAt;
    if (!isUsableIfError(ageMs, this.#settings) || ageMs >= maxResponseAgeMs) return undefined;
    return this.#deleteIfEnded(key, entry, time) ? undefined : { prepared: entry.prepared, ageMs };
  }

  /** Returns whether the server's last active response about a token is in memory and has not ended, at any age. */
  hasActive(key: string): boolean {
    const entry = this.#active.peek(key);
    return entry !== undefined && !this.#deleteIfEnded(key, entry, this.#clockTime());
  }

  /** Returns the active entry of a key, even if it has ended. */
  activeEntry(key: string): CacheEntry | undefined {
    return this.#active.peek(key);
  }

  isRefreshDue(entry: CacheEntry): boolean {
    return entry.refreshAt !== undefined && hasPassed(entry.refreshAt, this.#entryTime(entry, this.#clockTime()));
  }

  /** Returns `true` once when a refresh is due, then `false` for 500 ms. */
  takeRefresh(entry: CacheEntry): boolean {
    if (!this.isRefreshDue(entry)) return false;
    entry.refreshAt = Math.floor(this.#entryTime(entry, this.#clockTime())) + refreshPauseMs;
    return true;
  }

  /**
   * Makes the active entry of a token unconfirmed, because the server has just said that the token is inactive.
   *
   * If it returns `true`, introspect the token again, and pass that response to `set`. It returns `false` if the entry is
   * missing, has ended, or is too old to contradict the server.
   */
  markUnconfirmed(key: string, received: CachedResponse): boolean {
    const entry = this.#active.peek(key);
    if (entry === undefined) return false;
    const time = this.#clockTime();
    const windowMs = Math.max(recheckWindowMs, this.#settings.maxAgeMs);
    if (this.#entryTime(entry, time) - entry.requestedAt >= windowMs) return false;
    if (this.#deleteIfEnded(key, entry, time)) return false;
    entry.isUnconfirmed = true;
    // It keeps older responses out of the cache, even if the active entry is evicted before the second introspection ends.
    this.#inactive.set(key, inactiveEntry(received, true), 1);
    return true;
  }

  /** Caches a response that this process requested, except if memory has a newer one or if it is too large. */
  set(key: string, received: CachedResponse): 'cached' | 'older' | 'too_large' {
    if (this.#latestRequestedAt(key) > received.requestedAt) return 'older';
    if (!received.response.active) {
      this.#inactive.set(key, inactiveEntry(received, false), 1);
      this.#active.delete(key);
      return 'cached';
    }
    const wasSet = this.#setActive(key, received, { now: this.#clocks.now(), readAt: received.requestedAt });
    return wasSet ? 'cached' : 'too_large';
  }

  /**
   * Caches an active response of the shared cache. If memory has one that is at least as new, it keeps that one, and
   * counts it as compared with the shared cache.
   *
   * @returns `false` if the one in memory is inactive or unconfirmed, or if the response is too large
   */
  promote(key: string, shared: SharedResponse): boolean {
    const entry = this.#active.peek(key);
    if (this.#latestRequestedAt(key) < shared.requestedAt) {
      const prepared = this.#prepare(shared.response);
      return this.#setActive(
        key,
        { ...shared, prepared },
        { now: this.#clocks.steadyNow(), readAt: this.#clocks.monotonicNow() },
      );
    }
    if (entry === undefined || entry.isUnconfirmed) return false;
    entry.revalidateAt = Math.floor(this.#clocks.monotonicNow() + this.localMaxAgeMs);
    entry.epoch = shared.epoch;
    return true;
  }

  /** Requires a read of the shared cache before the active entry of a key is used again. */
  revalidate(key: string): void {
    const entry = this.#active.peek(key);
    if (entry !== undefined) entry.revalidateAt = Number.NEGATIVE_INFINITY;
  }

  /** Requires a read of the shared cache before an active entry that is in memory now is used again. */
  revalidateAll(): void {
    this.#epoch++;
  }

  delete(key: string): void {
    this.#active.delete(key);
    this.#inactive.delete(key);
  }

  clear(): void {
    this.#active.clear();
    this.#inactive.clear();
  }

  /**
   * @param now the wall clock's time to compare `exp` with
   * @param readAt from when the time until the next read of the shared cache counts
   * @returns `false` for a response that is too large
   */
  #setActive(key: string, received: CachedResponse, { now, readAt }: { now: number; readAt: number }): boolean {
    const { refreshAfterMs, store } = this.#settings;
    const revalidateAt = store === undefined ? undefined : readAt + this.localMaxAgeMs;
    const monotonicNow = this.#clocks.monotonicNow();
    const entry = activeEntry(received, { now, monotonicNow, refreshAfterMs, revalidateAt });
    this.#inactive.delete(key);
    return this.#active.set(key, entry, takeBodyLength(received.response));
  }

  #clockTime(): ClockTime {
    return { now: this.#clocks.now(), monotonicNow: this.#clocks.monotonicNow() };
  }

  /** The time to compare with the times of an entry. */
  #entryTime(entry: CacheEntry, { now, monotonicNow }: ClockTime): number {
    return this.#clocks.age.timeFor(entry, now, monotonicNow);
  }

  #latestRequestedAt(key: string): number {
    const never = Number.NEGATIVE_INFINITY;
    return Math.max(this.#active.peek(key)?.requestedAt ?? never, this.#inactive.peek(key)?.requestedAt ?? never);
  }

  /** Deletes an entry that has expired or was invalidated. Returns whether it has. */
  #deleteIfEnded(key: string, entry: CacheEntry, time: ClockTime): boolean {
    const hasEnded = hasExpired(entry, time) || this.#invalidations.invalidates(key, entry);
    if (hasEnded) (entry.response.active ? this.#active : this.#inactive).delete(key);
    return hasEnded;
  }
}
