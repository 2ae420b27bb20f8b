import { UnavailableError } from '../errors/errors.js';
import type { StoreOperation } from '../events/events.js';
import type { ActiveToken } from '../protocol/active-token.js';
import { readIntrospectionResponse } from '../protocol/introspection-response.js';
import { withDeadline } from '../runtime/deadline.js';
import type { CacheStore } from './cache-store.js';
import { isAfterTombstone, type TombstoneName, tombstoneNames } from './invalidations.js';

/** An active response as processes share it. */
export interface SharedEntry {
  readonly token: ActiveToken;
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

const storeTimeoutMs = 250;
const tombstonePrefix = 'tombstone.';

export function isTombstoneKey(key: string): boolean {
  return key.startsWith(tombstonePrefix);
}

/**
 * Reads and writes shared entries and tombstones in a {@link CacheStore}.
 *
 * Each call of the store has a time limit. A failure is reported to `onFailure`. The caller sees it as a miss, except in
 * `addTombstone`, which throws.
 */
export class StoreClient {
  readonly #store: CacheStore;
  readonly #now: () => number;
  readonly #keyOf: (text: string) => string | Promise<string>;
  readonly #onFailure: (operation: StoreOperation) => void;

  constructor(
    store: CacheStore,
    {
      now,
      keyOf,
      onFailure,
    }: {
      now: () => number;
      /** Hashes the name of a tombstone, as it hashes a token. */
      keyOf: (text: string) => string | Promise<string>;
      onFailure: (operation: StoreOperation) => void;
    },
  ) {
    this.#store = store;
    this.#now = now;
    this.#keyOf = keyOf;
    this.#onFailure = onFailure;
  }

  /**
   * Reads the entry of a key. Checks it, and the entry that this process has in memory, against the tombstones in the
   * store.
   *
   * Returns `undefined` if the store failed.
   */
  async read(key: string, local?: SharedEntry): Promise<StoreReadResult | undefined> {
    try {
      const [value, localTombstone] = await Promise.all([
        this.#run('get', () => this.#store.get(key)),
        local && this.#latestTombstone(tombstoneNames(key, local.token)),
      ]);
      const isLocalInvalidated =
        local !== undefined && localTombstone !== undefined && !isAfterTombstone(local.requestedAt, localTombstone);
      const entry = this.#parse(value);
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

  /** Writes an entry. Never rejects. */
  async write(key: string, { token, requestedAt }: SharedEntry, ttlMs: number): Promise<void> {
    const value = `${Math.floor(requestedAt)} ${JSON.stringify(token)}`;
    await this.#run('set', () => this.#store.set(key, value, ttlMs)).catch(() => {});
  }

  /** Deletes an entry. Never rejects. */
  async delete(key: string): Promise<void> {
    await this.#run('delete', () => this.#store.delete(key)).catch(() => {});
  }

  /** Listens to changes by other processes, if the store can report them. Returns a function that ends it. */
  onInvalidate(listener: (key: string) => void): (() => void) | undefined {
    try {
      return this.#store.onInvalidate?.(listener);
    } catch {
      this.#onFailure('onInvalidate');
      return undefined;
    }
  }

  /** Closes the store, if it can be closed. Never rejects. */
  async close(): Promise<void> {
    await this.#run('close', async () => this.#store.close?.()).catch(() => {});
  }

  /** Returns whether this process must refresh the response of a key: also if the store has no leases, or failed. */
  async lease(key: string, ttlMs: number): Promise<boolean> {
    const { lease } = this.#store;
    if (lease === undefined) return true;
    return this.#run('lease', () => lease.call(this.#store, key, ttlMs)).catch(() => true);
  }

  /**
   * Creates a tombstone for all processes.
   *
   * @throws UnavailableError if the store failed
   */
  async addTombstone(name: TombstoneName, { createdAt, ttlMs }: { createdAt: number; ttlMs: number }): Promise<void> {
    const key = await this.#tombstoneKey(name);
    const existing = Number.parseFloat((await this.#run('get', () => this.#store.get(key))) ?? '');
    const latest = existing > createdAt ? existing : createdAt; // the clock of another process may be ahead
    // It writes an unchanged tombstone too, so that the store notifies the other processes.
    await this.#run('set', () => this.#store.set(key, String(latest), ttlMs));
  }

  /** Returns when the latest of these tombstones was created: `-Infinity` without any, NaN if one is unreadable. */
  async #latestTombstone(names: TombstoneName[]): Promise<number> {
    const times = names.map(async (name) => {
      const key = await this.#tombstoneKey(name);
      return Number.parseFloat((await this.#run('get', () => this.#store.get(key))) ?? '-Infinity');
    });
    return Math.max(...(await Promise.all(times)));
  }

  /** A bearer token contains no colon, but a name does. So no token has the key of a tombstone. */
  async #tombstoneKey(name: TombstoneName): Promise<string> {
    return tombstonePrefix + (await this.#keyOf(name));
  }

  #parse(value: string | undefined): SharedEntry | undefined {
    if (value === undefined || value === null) return undefined;
    const [, digits, body = ''] = /^(\d{1,15}) (.*)$/s.exec(value) ?? [];
    const response = { status: 200, header: () => 'application/json', body };
    try {
      const token = readIntrospectionResponse(response, 'The cache store', this.#now);
      if (token.active && digits !== undefined) return { token, requestedAt: Number(digits) };
    } catch {}
    this.#onFailure('get'); // another program wrote this value
    return undefined;
  }

  async #run<Value>(operation: StoreOperation, work: () => Promise<Value>): Promise<Value> {
    try {
      return await withDeadline({ timeoutMs: storeTimeoutMs, late: storeError }, work);
    } catch {
      this.#onFailure(operation);
      throw storeError();
    }
  }
}

/** An error without its cause: the error of a store may contain the key, the value, or the password of the store. */
function storeError(): UnavailableError {
  return new UnavailableError(`The cache store failed, or took longer than ${storeTimeoutMs} ms`);
}
