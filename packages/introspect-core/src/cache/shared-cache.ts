import type { StoreOperation } from '../events/events.js';
import type { AgeClock } from '../runtime/age-clock.js';
import type { CachedResponse } from './cache-entry.js';
import { maxSharedSeconds } from './cache-options.js';
import type { CacheStore } from './cache-store.js';
import { expiryOf } from './freshness.js';
import { type Invalidations, type TombstoneName, tombstoneSlackMs } from './invalidations.js';
import { type SharedEntry, StoreClient } from './store-client.js';
import type { LookupKey, StoreCodec } from './store-codec.js';
import type { TokenCache } from './token-cache.js';

/** A tombstone stays as long as a process may use a response that it concerns, whatever the settings of that process. */
const tombstoneTtlMs = maxSharedSeconds * 1000 + tombstoneSlackMs;
/** How long an inactive response is stored. Processes wait for it for a shorter time. */
const inactiveTtlMs = 500;
/** How long an entry is used at most before the store is read again, while the store may report no changes. */
const unreportedMaxAgeMs = 1000;

/** How often one lookup reads an entry of the store, while other processes change it. */
const maxReads = 4;
/** After this time a lookup begins no further read, because a slow store would delay it. */
const lastReadAfterMs = 50;

export interface SharedCacheSettings {
  now: () => number;
  monotonicNow: () => number;
  age: AgeClock;
  /** The wall clock, except that it never goes back. The age of another process's response is computed with it. */
  steadyNow: () => number;
  /** How long a response may be used at most. */
  lifetimeMs: number;
  /** How long a lease to refresh a response is valid, in milliseconds. */
  leaseMs: number;
  codec: StoreCodec;
  onFailure: (operation: StoreOperation) => void;
}

/**
 * The cache that several processes share by a `store`. It stands behind the cache in memory ({@link TokenCache}).
 *
 * A lookup never uses a response of the store directly: `read` copies it into memory, where all rules of the cache apply.
 * Active responses and tombstones are shared, and for 500 ms an inactive response for which processes wait. A stored
 * response has the wall-clock time at which its process requested it. Here that time becomes an age.
 */
export class SharedCache {
  readonly #store: StoreClient;
  readonly #cache: TokenCache;
  readonly #invalidations: Invalidations;
  readonly #settings: SharedCacheSettings;
  readonly #localMaxAgeMs: number;
  #storeVersion: string | undefined;
  readonly #stopListening: (() => void) | undefined;
  /** The running reads of each key. `wasChanged`: another process has changed the key since the read began. */
  readonly #reads = new Map<string, Set<{ wasChanged: boolean }>>();

  constructor(store: CacheStore, cache: TokenCache, invalidations: Invalidations, settings: SharedCacheSettings) {
    this.#store = new StoreClient(store, settings);
    this.#cache = cache;
    this.#invalidations = invalidations;
    this.#settings = settings;
    this.#localMaxAgeMs = cache.localMaxAgeMs;
    const weakThis = new WeakRef(this); // the store may outlive this authorizer, and must not keep its cache in memory
    const whileUsed = (work: (sharedCache: SharedCache) => void) => {
      const sharedCache = weakThis.deref();
      if (sharedCache === undefined) stopListening?.();
      else work(sharedCache);
    };
    const onChange = (key: string) => whileUsed((sharedCache) => sharedCache.#onChange(key));
    const stopListening = this.#store.onInvalidate(onChange, {
      reset: () => whileUsed((sharedCache) => sharedCache.#onReports(true)),
      unreliable: () => whileUsed((sharedCache) => sharedCache.#onReports(false)),
    });
    this.#stopListening = stopListening;
  }

  /** The version of the tombstones that was read last. `undefined` before the first read. */
  get storeVersion(): string | undefined {
    return this.#storeVersion;
  }

  #onChange(storeKey: unknown): void {
    const change = this.#store.changeOf(storeKey);
    if (change === 'any') this.#cache.revalidateAll();
    if (change === 'any' || change.key === undefined) return;
    this.#cache.revalidate(change.key);
    for (const read of this.#reads.get(change.key) ?? []) read.wasChanged = true;
  }

  /** @param areReliable whether the store reports changes from now on */
  #onReports(areReliable: boolean): void {
    this.#cache.localMaxAgeMs = areReliable ? this.#localMaxAgeMs : Math.min(this.#localMaxAgeMs, unreportedMaxAgeMs);
    this.#cache.revalidateAll();
    if (!areReliable) this.#settings.onFailure('onInvalidate');
  }

  /**
   * Copies the entry of a key from the store into memory. Returns whether memory now has it, or a newer active one.
   *
   * Deletes the entry in memory if another process has invalidated it. Reads the store again if another process has
   * changed it since the read began: an invalidation is several changes, and a read between them finds only some.
   */
  async read(lookup: LookupKey): Promise<boolean> {
    const { monotonicNow } = this.#settings;
    const lastAt = monotonicNow() + lastReadAfterMs;
    let result = await this.#readOnce(lookup);
    for (let reads = 1; result === 'changed' && reads < maxReads && monotonicNow() < lastAt; reads++) {
      result = await this.#readOnce(lookup);
    }
    return result === true;
  }

  async #readOnce(lookup: LookupKey): Promise<boolean | 'changed'> {
    const { key } = lookup;
    const { age, steadyNow } = this.#settings;
    const { epoch } = this.#cache;
    const local = this.#cache.activeEntry(key);
    const read = { wasChanged: false };
    const reads = this.#reads.get(key) ?? new Set();
    this.#reads.set(key, reads.add(read));
    const result = await this.#store.read(lookup, local && this.#sharedEntry(local));
    if (result !== undefined) this.#storeVersion = result.storeVersion;
    if (local !== undefined && result?.isLocalInvalidated === false) local.storeVersion = result.storeVersion;
    reads.delete(read);
    if (reads.size === 0) this.#reads.delete(key);
    // An unconfirmed entry stays: without it, an older active response could be promoted and used.
    if (result?.isLocalInvalidated && local?.isUnconfirmed === false && this.#cache.activeEntry(key) === local) {
      this.#cache.delete(key);
    }
    if (result === undefined) return false;
    if (read.wasChanged || epoch !== this.#cache.epoch) return 'changed';
    if (result.isLocalCurrent && local?.response.active && this.#cache.activeEntry(key) === local) {
      return this.#cache.promote(key, { ...local, response: local.response, epoch });
    }
    if (result.entry === undefined) return false;
    const { token, requestedAt } = result.entry;
    const { storeVersion } = result;
    const now = steadyNow();
    // If the other process's clock is ahead, the age of its response is unknown.
    if (now < requestedAt || this.#invalidations.invalidatesShared(key, token, requestedAt)) return false;
    const { sequence } = this.#invalidations;
    const time = age.requestTimeOf(requestedAt, now);
    return this.#cache.promote(key, { response: token, ...time, sequence, epoch, storeVersion });
  }

  /**
   * Writes an active response to the store, for as long as it may be used. Writes an inactive one for 500 ms, only for
   * processes that wait for it. Never rejects.
   */
  async share(lookup: LookupKey, received: CachedResponse): Promise<void> {
    const { now, age, steadyNow, lifetimeMs } = this.#settings;
    const { response: token } = received;
    steadyNow(); // reads the wall clock, so that this clock never returns an earlier time than that of the entry
    const usableMs = Math.floor(Math.min(lifetimeMs - age.ageMs(received), expiryOf(token) - now()));
    const ttlMs = token.active ? usableMs : inactiveTtlMs;
    const requestedAt = age.wallTimeOf(received);
    if (ttlMs > 0) await this.#store.write(lookup, { token, requestedAt, storeVersion: received.storeVersion }, ttlMs);
  }

  /** Deletes the entry of a key from the store. Never rejects. */
  delete(lookup: LookupKey): Promise<void> {
    return this.#store.delete(lookup);
  }

  /**
   * Creates a tombstone for all processes, and deletes the entry of a token.
   *
   * @throws UnavailableError if the store failed
   */
  async invalidate(name: TombstoneName, lookup: LookupKey | undefined): Promise<void> {
    const createdAt = this.#settings.steadyNow();
    try {
      await this.#store.addTombstone(name, { createdAt, ttlMs: tombstoneTtlMs });
    } finally {
      // Only then: a process that found neither the entry nor the tombstone would recheck an inactive token for a second.
      if (lookup !== undefined) await this.delete(lookup);
    }
  }

  /** Returns whether this process may refresh the response of a key: `true` to one of the processes that share it. */
  mayRefresh(lookup: LookupKey): Promise<boolean> {
    return this.#store.lease(lookup, this.#settings.leaseMs);
  }

  get hasLeases(): boolean {
    return this.#store.hasLeases;
  }

  /** Whether the last call of the store failed. */
  get isFailing(): boolean {
    return this.#store.isFailing;
  }

  /** Returns whether this process has the lease to introspect a token. `undefined` if the store failed. */
  leaseForMiss(lookup: LookupKey, ttlMs: number): Promise<boolean | undefined> {
    return this.#store.leaseForMiss(lookup, ttlMs);
  }

  /**
   * Copies into memory what the process with the lease has written. An inactive response is ignored if memory has an
   * active one, which only a second introspection may end.
   */
  async readAwaited(lookup: LookupKey): Promise<void> {
    const [inactive] = await Promise.all([this.#store.readInactive(lookup), this.read(lookup)]);
    const { key } = lookup;
    const { steadyNow, age } = this.#settings;
    const now = steadyNow();
    if (inactive === undefined || now < inactive.requestedAt || this.#cache.hasActive(key)) return;
    const { token, requestedAt } = inactive;
    if (this.#invalidations.invalidatesShared(key, token, requestedAt)) return;
    const { sequence } = this.#invalidations;
    const { epoch } = this.#cache;
    this.#cache.set(key, { response: token, prepared: token, ...age.requestTimeOf(requestedAt, now), sequence, epoch });
  }

  /** Stops listening to the store, and closes it. Never rejects. */
  async close(): Promise<void> {
    try {
      this.#stopListening?.();
    } catch {
      this.#settings.onFailure('onInvalidate');
    }
    await this.#store.close();
  }

  #sharedEntry(received: CachedResponse): SharedEntry | undefined {
    const { response, storeVersion } = received;
    const requestedAt = this.#settings.age.wallTimeOf(received);
    return response.active ? { token: response, requestedAt, storeVersion } : undefined;
  }
}
