import type { StoreOperation } from '../events/events.js';
import type { ActiveToken, IntrospectionResponse } from '../protocol/active-token.js';
import { readIntrospectionResponse } from '../protocol/introspection-response.js';
import type { CacheStore, StoreListener } from './cache-store.js';
import { isAfterTombstone, type TombstoneName, tombstoneNames } from './invalidations.js';
import { StoreCalls } from './store-calls.js';
import type { EntryPlace, LookupKey, StoreCodec } from './store-codec.js';

/** A response as processes share it. */
export interface SharedEntry<Response extends IntrospectionResponse = ActiveToken> {
  readonly token: Response;
  /** In milliseconds since the epoch, by the wall clock of the process that requested it. */
  readonly requestedAt: number;
}

/** What a read of the store has found. */
export interface StoreReadResult {
  /** The entry of the store, if there is one that is not invalidated. */
  readonly entry?: SharedEntry;
  /** Whether a tombstone in the store invalidates the entry that this process has in memory. */
  readonly isLocalInvalidated: boolean;
}

const tombstonePrefix = 'tombstone.';
/** The start of the keys of what processes with the same miss tell each other. */
const missPrefix = 'miss.';

export function isTombstoneKey(key: string): boolean {
  return key.startsWith(tombstonePrefix);
}

/**
 * Reads and writes shared entries and tombstones in a {@link CacheStore}.
 *
 * Each call of the store has a time limit. A failure is reported to `onFailure`. It counts as a miss, except in
 * `addTombstone`, which throws. After several failures, only `addTombstone`, `delete` and `close` call the store: see
 * {@link StoreCalls}.
 */
export class StoreClient {
  readonly #store: CacheStore;
  readonly #now: () => number;
  readonly #codec: StoreCodec;
  readonly #calls: StoreCalls;

  constructor(
    store: CacheStore,
    {
      now,
      monotonicNow,
      codec,
      onFailure,
    }: {
      now: () => number;
      monotonicNow: () => number;
      codec: StoreCodec;
      onFailure: (operation: StoreOperation) => void;
    },
  ) {
    this.#store = store;
    this.#now = now;
    this.#codec = codec;
    this.#calls = new StoreCalls(monotonicNow, onFailure);
  }

  /**
   * Reads the entry of a key. Checks it, and the entry that this process has in memory, against the tombstones in the
   * store.
   *
   * Returns `undefined` if the store failed.
   */
  async read(lookup: LookupKey, local?: SharedEntry): Promise<StoreReadResult | undefined> {
    const { key } = lookup;
    try {
      const [entry, localTombstone] = await Promise.all([
        this.#latestEntry(lookup),
        local && this.#latestTombstone(tombstoneNames(key, local.token)),
      ]);
      const isLocalInvalidated =
        local !== undefined && localTombstone !== undefined && !isAfterTombstone(local.requestedAt, localTombstone);
      if (entry === undefined) return { isLocalInvalidated };
      const names = tombstoneNames(key, entry.token);
      const hasSameNames = local !== undefined && names.join() === tombstoneNames(key, local.token).join();
      const tombstone =
        hasSameNames && localTombstone !== undefined ? localTombstone : await this.#latestTombstone(names);
      return isAfterTombstone(entry.requestedAt, tombstone) ? { entry, isLocalInvalidated } : { isLocalInvalidated };
    } catch {
      return undefined;
    }
  }

  /** Writes an entry, or an inactive response for processes that wait for it. Never rejects. */
  async write(
    lookup: LookupKey,
    { token, requestedAt }: SharedEntry<IntrospectionResponse>,
    ttlMs: number,
  ): Promise<void> {
    const write = async () => {
      const [place] = await this.#codec.placesOf(lookup);
      const value = await place.encode({ requestedAt: Math.floor(requestedAt), body: JSON.stringify(token) });
      await this.#store.set((token.active ? '' : missPrefix) + place.storeKey, value, ttlMs);
    };
    await this.#calls.runUnlessFailing('set', write).catch(() => {});
  }

  /** Deletes an entry. Never rejects. */
  async delete(lookup: LookupKey): Promise<void> {
    const deleteAll = async () => {
      const places = await this.#codec.placesOf(lookup);
      await Promise.all(places.map(async ({ storeKey }) => this.#store.delete(storeKey)));
    };
    await this.#calls.run('delete', deleteAll).catch(() => {});
  }

  /** Listens to changes by other processes, if the store can report them. Returns a function that ends it. */
  onInvalidate(listener: StoreListener): (() => void) | undefined {
    try {
      return this.#store.onInvalidate?.(listener);
    } catch {
      this.#calls.failed('onInvalidate');
      return undefined;
    }
  }

  /**
   * Returns what a report of the store says: the cache key of the entry that has changed, or that any entry may have
   * changed. The key is `undefined` if this process has not used that entry recently.
   */
  changeOf(storeKey: unknown): 'any' | { key: string | undefined } {
    if (typeof storeKey !== 'string' || storeKey === '' || isTombstoneKey(storeKey)) return 'any';
    return { key: this.#codec.cacheKeyOf(storeKey) };
  }

  /** Closes the store, if it can be closed. Never rejects. */
  async close(): Promise<void> {
    await this.#calls.run('close', async () => this.#store.close?.()).catch(() => {});
  }

  get hasLeases(): boolean {
    return this.#store.lease !== undefined;
  }

  /** Whether the last call of the store failed, except those for invalidations. */
  get isFailing(): boolean {
    return this.#calls.isFailing;
  }

  /** Returns whether this process must refresh the response of a key: also if the store has no leases, or failed. */
  async lease(lookup: LookupKey, ttlMs: number): Promise<boolean> {
    return (await this.#lease('', lookup, ttlMs)) ?? true;
  }

  /** Returns whether this process has the lease to introspect a token. `undefined` if the store failed. */
  leaseForMiss(lookup: LookupKey, ttlMs: number): Promise<boolean | undefined> {
    return this.#lease(missPrefix, lookup, ttlMs);
  }

  /** Returns the inactive response that another process wrote for those that wait. `undefined` if the store failed. */
  async readInactive(lookup: LookupKey): Promise<SharedEntry<IntrospectionResponse> | undefined> {
    try {
      const [place] = await this.#codec.placesOf(lookup);
      return await this.#decode(place, await this.#get(missPrefix + place.storeKey), false);
    } catch {
      return undefined;
    }
  }

  async #lease(prefix: string, lookup: LookupKey, ttlMs: number): Promise<boolean | undefined> {
    const { lease } = this.#store;
    if (lease === undefined) return undefined;
    const take = async () => {
      const [{ storeKey }] = await this.#codec.placesOf(lookup);
      return lease.call(this.#store, prefix + storeKey, ttlMs);
    };
    return this.#calls.runUnlessFailing('lease', take).catch(() => undefined);
  }

  /**
   * Creates a tombstone for all processes.
   *
   * @throws UnavailableError if the store failed
   */
  async addTombstone(name: TombstoneName, { createdAt, ttlMs }: { createdAt: number; ttlMs: number }): Promise<void> {
    await Promise.all(
      (await this.#tombstoneKeys([name])).map(async (key) => {
        const existing = Number.parseFloat((await this.#calls.run('get', () => this.#store.get(key))) ?? '');
        const latest = existing > createdAt ? existing : createdAt; // the clock of another process may be ahead
        // It writes an unchanged tombstone too, so that the store notifies the other processes.
        await this.#calls.run('set', () => this.#store.set(key, String(latest), ttlMs));
      }),
    );
  }

  /** Returns when the latest of these tombstones was created: `-Infinity` without any, NaN if one is unreadable. */
  async #latestTombstone(names: TombstoneName[]): Promise<number> {
    const times = (await this.#tombstoneKeys(names)).map(async (key) =>
      Number.parseFloat((await this.#get(key)) ?? '-Infinity'),
    );
    return Math.max(...(await Promise.all(times)));
  }

  /** A bearer token contains no colon, but a name does. So no token has the key of a tombstone. */
  async #tombstoneKeys(names: TombstoneName[]): Promise<string[]> {
    const keys = await Promise.all(names.map((name) => this.#codec.tombstoneKeys(name)));
    return keys.flat().map((key) => tombstonePrefix + key);
  }

  /** Reads each place of an entry. Returns the entry that was requested last. */
  async #latestEntry(lookup: LookupKey): Promise<SharedEntry | undefined> {
    const entries = (await this.#codec.placesOf(lookup)).map(async (place): Promise<SharedEntry | undefined> => {
      const { token, requestedAt = 0 } = (await this.#decode(place, await this.#get(place.storeKey), true)) ?? {};
      return token?.active ? { token, requestedAt } : undefined;
    });
    return (await Promise.all(entries)).reduce((latest, entry) =>
      latest === undefined || (entry !== undefined && entry.requestedAt > latest.requestedAt) ? entry : latest,
    );
  }

  #get(key: string): Promise<string | undefined> {
    return this.#calls.runUnlessFailing('get', () => this.#store.get(key));
  }

  async #decode(
    place: EntryPlace,
    value: string | undefined,
    isActive: boolean,
  ): Promise<SharedEntry<IntrospectionResponse> | undefined> {
    if (value === undefined || value === null) return undefined;
    try {
      const { requestedAt, body } = (await place.decode(value)) ?? {};
      if (requestedAt !== undefined && body !== undefined) {
        const response = { status: 200, header: () => 'application/json', body };
        const token = readIntrospectionResponse(response, 'The cache store', this.#now);
        if (token.active === isActive) return { token, requestedAt };
      }
    } catch {}
    this.#calls.failed('get'); // this cache did not write this value here
    return undefined;
  }
}
