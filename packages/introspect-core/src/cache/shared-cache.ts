import type { StoreOperation } from '../events/events.js';
import type { AgeClock } from '../runtime/age-clock.js';
import { maxSharedSeconds } from './cache-options.js';
import { type Invalidations, type TombstoneName, tombstoneSlackMs } from './invalidations.js';
import { type CacheStore, isTombstoneKey, type SharedEntry, StoreClient } from './store-client.js';
import { type CachedResponse, expiryOf, type TokenCache } from './token-cache.js';

/** As long as some process may use an answer, whatever its settings. */
const tombstoneTtlMs = maxSharedSeconds * 1000 + tombstoneSlackMs;

export interface SharedCacheSettings {
  now: () => number;
  age: AgeClock;
  /** The wall clock, but never going back: by it the age of another process's answer is known. */
  steadyNow: () => number;
  /** How long an answer may be of use, at most. */
  lifetimeMs: number;
  leaseMs: number;
  keyOf: (text: string) => string | Promise<string>;
  onFailure: (operation: StoreOperation) => void;
}

/**
 * What goes from the store, which processes share, into the cache of this one, and back. Each answer there has the stamp of
 * the process that asked for it, by its wall clock; here that becomes an age.
 */
export class SharedCache {
  readonly #stored: StoreClient;
  readonly #cache: TokenCache;
  readonly #marks: Invalidations;
  readonly #settings: SharedCacheSettings;
  /** For each key the looks that are being taken, and whether there was news meanwhile. */
  readonly #reading = new Map<string, Set<{ hadNews: boolean }>>();

  constructor(store: CacheStore, cache: TokenCache, marks: Invalidations, settings: SharedCacheSettings) {
    this.#stored = new StoreClient(store, settings);
    this.#cache = cache;
    this.#marks = marks;
    this.#settings = settings;
    const tier = new WeakRef(this); // a store that is shared must not keep what nobody uses any more
    const end = this.#stored.onInvalidate((key) => {
      const told = tier.deref();
      if (told === undefined) end?.();
      else told.#heard(key);
    });
  }

  #heard(key: unknown): void {
    if (typeof key !== 'string' || key === '' || isTombstoneKey(key)) this.#cache.revalidateAll();
    else this.#cache.revalidate(key);
    for (const look of this.#reading.get(String(key)) ?? []) look.hadNews = true;
  }

  /** Whether the store had an answer, which the cache now has. What others have forgotten, this process then has, too. */
  async read(key: string): Promise<boolean> {
    const { age, steadyNow } = this.#settings;
    const { epoch } = this.#cache;
    const known = this.#cache.activeEntry(key);
    const look = { hadNews: false };
    const looks = this.#reading.get(key) ?? new Set();
    this.#reading.set(key, looks.add(look));
    const reading = await this.#stored.read(key, known && this.#sharedEntry(known));
    looks.delete(look);
    if (looks.size === 0) this.#reading.delete(key);
    // What is doubted stays, since the doubt must: an older answer could take its place.
    if (reading?.isKnownInvalidated && known?.isUnconfirmed === false && this.#cache.activeEntry(key) === known) {
      this.#cache.delete(key);
    }
    if (reading?.stored === undefined || look.hadNews) return false;
    const { token, requestedAt } = reading.stored;
    const now = steadyNow();
    // If the other process's clock is ahead, the age of its response is unknown.
    if (now < requestedAt || this.#marks.invalidatesShared(key, token, requestedAt)) return false;
    const { sequence } = this.#marks;
    return this.#cache.promote(key, { response: token, ...age.requestTimeOf(requestedAt, now), sequence, epoch });
  }

  /** Puts an active answer there. */
  async share(key: string, asked: CachedResponse): Promise<void> {
    const { now, age, steadyNow, lifetimeMs } = this.#settings;
    const entry = this.#sharedEntry(asked);
    if (entry === undefined) return;
    steadyNow(); // sees the time by which the stamp was made
    const ttlMs = Math.floor(Math.min(lifetimeMs - age.ageMs(asked), expiryOf(entry.token) - now()));
    if (ttlMs > 0) await this.#stored.write(key, entry, ttlMs);
  }

  delete(key: string): Promise<void> {
    return this.#stored.delete(key);
  }

  /**
   * Tells all processes to forget.
   *
   * @throws UnavailableError when the store did not take it
   */
  async invalidate(name: TombstoneName, key: string | undefined): Promise<void> {
    const createdAt = this.#settings.steadyNow();
    const marked = this.#stored.addTombstone(name, { createdAt, ttlMs: tombstoneTtlMs });
    await Promise.all([marked, key === undefined ? undefined : this.delete(key)]);
  }

  /** Ends the connection to the store. */
  async close(): Promise<void> {}

  /** Whether this process is the one to renew an answer. */
  mayRefresh(key: string): Promise<boolean> {
    return this.#stored.lease(key, this.#settings.leaseMs);
  }

  #sharedEntry(asked: CachedResponse): SharedEntry | undefined {
    const { response } = asked;
    return response.active ? { token: response, requestedAt: this.#settings.age.wallTimeOf(asked) } : undefined;
  }
}
