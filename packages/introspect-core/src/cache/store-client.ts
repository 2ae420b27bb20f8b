import type { StoreOperation } from '../events/events.js';
import type { ActiveToken, IntrospectionResponse } from '../protocol/active-token.js';
import { readIntrospectionResponse } from '../protocol/introspection-response.js';
import type { CacheStore, StoreReports } from './cache-store.js';
import { isAfterTombstone, type TombstoneName, tombstoneNames } from './invalidations.js';
import { StoreCalls } from './store-calls.js';
import type { EntryPlace, LookupKey, StoreCodec } from './store-codec.js';
import { isTombstoneKey, StoredTombstones, versionOf } from './stored-tombstones.js';

/** A response as processes share it. */
export interface SharedEntry<Response extends IntrospectionResponse = ActiveToken> {
  readonly token: Response;
  /** In milliseconds since the epoch, by the wall clock of the process that requested it. */
  readonly requestedAt: number;
  /** A version of the tombstones that was read before the response was requested: see `CachedResponse.storeVersion`. */
  readonly storeVersion?: string | undefined;
}

/** What a read of the store has found. */
export interface StoreReadResult {
  /** The entry of the store, if there is one that is not invalidated, and that is not the one in memory. */
  readonly entry?: SharedEntry;
  /** Whether the entry of the store is the one that this process has in memory, and is not invalidated. */
  readonly isLocalCurrent: boolean;
  /** The version of the tombstones up to which the entries were checked. */
  readonly storeVersion: string | undefined;
  /** Whether a tombstone in the store invalidates the entry that this process has in memory. */
  readonly isLocalInvalidated: boolean;
}

/** The prefix of the keys for a cache miss of several processes: its lease, and an inactive response. */
const missPrefix = 'miss.';
/** Stands in an entry for an unknown version of the tombstones. No version is equal to it. */
const unknownVersion = '?';

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
  readonly #tombstones: StoredTombstones;

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
    this.#tombstones = new StoredTombstones(store, codec, this.#calls, now);
  }

  /**
   * Reads the entry of a key. Checks it, and the entry that this process has in memory, against the tombstones in the
   * store. It reads tombstones only if their version has changed since the entry was requested or checked.
   *
   * Returns `undefined` if the store failed.
   */
  async read(lookup: LookupKey, local?: SharedEntry): Promise<StoreReadResult | undefined> {
    try {
      const places = await this.#codec.placesOf(lookup);
      const versionKeys = await this.#tombstones.versionKeys();
      const values = await this.#calls.getAll(this.#store, [...places.map(({ storeKey }) => storeKey), ...versionKeys]);
      const entry = await this.#latestEntry(places, values);
      const storeVersion = versionOf(values.slice(places.length));
      const namesOf = (each: SharedEntry) => tombstoneNames(lookup.key, each.token);
      const reads = new Map<string, Promise<number>>(); // both entries usually have the same names
      const latestOf = (names: TombstoneName[]) => {
        const read = reads.get(names.join()) ?? this.#tombstones.latest(names);
        reads.set(names.join(), read);
        return read;
      };
      const isValid = async (each: SharedEntry) =>
        (storeVersion !== undefined && each.storeVersion === storeVersion) ||
        isAfterTombstone(each.requestedAt, await latestOf(namesOf(each)));
      const isSame =
        entry !== undefined &&
        local !== undefined &&
        // The time in memory was computed from two clocks, which may change it by a fraction of a millisecond.
        Math.abs(entry.requestedAt - local.requestedAt) <= 1 &&
        namesOf(entry).join() === namesOf(local).join();
      const [isLocalValid, isEntryValid] = await Promise.all([
        local !== undefined && isValid(local),
        entry !== undefined && !isSame && isValid(entry),
      ]);
      return {
        ...(entry !== undefined && isEntryValid && { entry }),
        isLocalCurrent: isSame && isLocalValid,
        isLocalInvalidated: local !== undefined && !isLocalValid,
        storeVersion,
      };
    } catch {
      return undefined;
    }
  }

  /** Writes an entry, or an inactive response for processes that wait for it. Never rejects. */
  async write(
    lookup: LookupKey,
    { token, requestedAt, storeVersion = unknownVersion }: SharedEntry<IntrospectionResponse>,
    ttlMs: number,
  ): Promise<void> {
    const write = async () => {
      const [place] = await this.#codec.placesOf(lookup);
      const version = token.active && storeVersion !== '' ? `${storeVersion} ` : '';
      const body = version + JSON.stringify(token);
      const value = await place.encode({ requestedAt: Math.floor(requestedAt), body });
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

  /**
   * Creates a tombstone for all processes.
   *
   * @throws UnavailableError if the store failed
   */
  addTombstone(name: TombstoneName, times: { createdAt: number; ttlMs: number }): Promise<void> {
    return this.#tombstones.add(name, times);
  }

  /** Listens to changes by other processes, if the store can report them. Returns a function that ends it. */
  onInvalidate(listener: (key: string) => void, reports: StoreReports): (() => void) | undefined {
    try {
      return this.#store.onInvalidate?.(listener, reports);
    } catch {
      this.#calls.report('onInvalidate');
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

  /** Returns whether this process must refresh the response of a key. `true` if the store has no leases, or failed. */
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
      const [value] = await this.#calls.getAll(this.#store, [missPrefix + place.storeKey]);
      return await this.#decode(place, value, false);
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

  /** Decodes the value of each place of an entry. Returns the entry that was requested last. */
  async #latestEntry(
    places: readonly EntryPlace[],
    values: readonly (string | undefined)[],
  ): Promise<SharedEntry | undefined> {
    const entries = places.map(async (place, index): Promise<SharedEntry | undefined> => {
      const entry = await this.#decode(place, values[index], true);
      return entry?.token.active ? { ...entry, token: entry.token } : undefined;
    });
    return (await Promise.all(entries)).reduce((latest, entry) =>
      latest === undefined || (entry !== undefined && entry.requestedAt > latest.requestedAt) ? entry : latest,
    );
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
        const [, storeVersion = '', json = ''] = /^(?:([^\s{]{1,200}) )?(.*)$/s.exec(body) ?? [];
        const response = { status: 200, header: () => 'application/json', body: json };
        const token = readIntrospectionResponse(response, 'The cache store', this.#now);
        if (token.active === isActive) return { token, requestedAt, storeVersion };
      }
    } catch {}
    this.#calls.report('get'); // this cache did not write this value here
    return undefined;
  }
}
