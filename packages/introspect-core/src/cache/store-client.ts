import { UnavailableError } from '../errors/errors.js';
import type { StoreOperation } from '../events/events.js';
import { type ActiveToken, readIntrospectionResponse } from '../protocol/introspection-response.js';
import { withDeadline } from '../runtime/deadline.js';
import { isAfterTombstone, type TombstoneName, tombstoneNames } from './invalidations.js';

/**
 * A second tier behind the cache in process, shared by processes: Redis, or what is like it.
 *
 * Keys are opaque, and so are values; they hold what the server said of a token, though never the token: protect the
 * store as you protect the server's answers. Inactive answers never go there. What rejects, throws, or takes longer than
 * 250 ms counts as not there.
 */
export interface CacheStore {
  get(key: string): Promise<string | undefined>;
  /** Keeps a value, in place of an older one, for `ttlMs` milliseconds (a whole number from 1 to 2³¹ − 1). */
  set(key: string, value: string, ttlMs: number): Promise<void>;
  delete(key: string): Promise<void>;
  /**
   * Calls back for each key that another process has set or deleted, and with an empty key where it may have been any;
   * the result ends it.
   */
  onInvalidate?(listener: (key: string) => void): () => void;
  /** Gives the lease on a key to the first who asks, for `ttlMs`, and `false` to others. It leaves the key's value alone. */
  lease?(key: string, ttlMs: number): Promise<boolean>;
}

/** An active answer, and when it was asked for, by the wall clock of the process that did. */
export interface SharedEntry {
  readonly token: ActiveToken;
  readonly requestedAt: number;
}

export interface StoreReading {
  /** What is there, if it was not forgotten. */
  readonly stored?: SharedEntry;
  /** Whether another process has forgotten what this one knows. */
  readonly isKnownInvalidated: boolean;
}

const storeTimeoutMs = 250;
const tombstonePrefix = 'tombstone.';

/** Whether a key of the store is that of a mark. */
export function isTombstoneKey(key: string): boolean {
  return key.startsWith(tombstonePrefix);
}

/** The answers and the marks in a {@link CacheStore}. Whatever goes wrong there is told to `onFailure`, and counts as not there. */
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
      /** Makes a key of a text, as it does of a token. */
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
   * Looks for the answer under a key, and holds it, and the one that this process knows, against the marks of all
   * processes. `undefined` where the store failed.
   */
  async read(key: string, known?: SharedEntry): Promise<StoreReading | undefined> {
    try {
      const [value, knownMark] = await Promise.all([
        this.#run('get', () => this.#store.get(key)),
        known && this.#latestMark(tombstoneNames(key, known.token)),
      ]);
      const isKnownInvalidated =
        known !== undefined && knownMark !== undefined && !isAfterTombstone(known.requestedAt, knownMark);
      const stored = this.#parse(value);
      if (stored === undefined) return { isKnownInvalidated };
      const names = tombstoneNames(key, stored.token);
      const isNamedAlike = known !== undefined && names.join() === tombstoneNames(key, known.token).join();
      const latest = isNamedAlike && knownMark !== undefined ? knownMark : await this.#latestMark(names);
      return isAfterTombstone(stored.requestedAt, latest) ? { stored, isKnownInvalidated } : { isKnownInvalidated };
    } catch {
      return undefined;
    }
  }

  async write(key: string, { token, requestedAt }: SharedEntry, ttlMs: number): Promise<void> {
    const value = `${Math.floor(requestedAt)} ${JSON.stringify(token)}`;
    await this.#run('set', () => this.#store.set(key, value, ttlMs)).catch(() => {});
  }

  async delete(key: string): Promise<void> {
    await this.#run('delete', () => this.#store.delete(key)).catch(() => {});
  }

  /** Listens to what other processes set and delete, where the store tells of it. The result ends it. */
  onInvalidate(listener: (key: string) => void): (() => void) | undefined {
    try {
      return this.#store.onInvalidate?.(listener);
    } catch {
      this.#onFailure('onInvalidate');
      return undefined;
    }
  }

  /** Whether this process is the one to renew an answer. */
  async lease(key: string, ttlMs: number): Promise<boolean> {
    const { lease } = this.#store;
    if (lease === undefined) return true;
    return this.#run('lease', () => lease.call(this.#store, key, ttlMs)).catch(() => true);
  }

  /**
   * Leaves a mark for all processes.
   *
   * @throws UnavailableError when the store did not take it
   */
  async addTombstone(name: TombstoneName, { createdAt, ttlMs }: { createdAt: number; ttlMs: number }): Promise<void> {
    const key = await this.#markKey(name);
    const other = Number.parseFloat((await this.#run('get', () => this.#store.get(key))) ?? '');
    const latest = other > createdAt ? other : createdAt; // it may be of a process whose clock is ahead
    await this.#run('set', () => this.#store.set(key, String(latest), ttlMs)); // in any case: the others are to hear of it
  }

  /** When the latest of these marks was left; what is no number counts as now. */
  async #latestMark(names: TombstoneName[]): Promise<number> {
    const marks = names.map(async (name) => {
      const markKey = await this.#markKey(name);
      return Number.parseFloat((await this.#run('get', () => this.#store.get(markKey))) ?? '-Infinity');
    });
    return Math.max(...(await Promise.all(marks)));
  }

  /** A colon cannot be in a bearer token, so that no token has the key of a mark. */
  async #markKey(name: TombstoneName): Promise<string> {
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
    this.#onFailure('get'); // somebody else has written it
    return undefined;
  }

  async #run<Value>(operation: StoreOperation, work: () => Promise<Value>): Promise<Value> {
    try {
      return await withDeadline({ timeoutMs: storeTimeoutMs, late: storeProblem }, work);
    } catch {
      this.#onFailure(operation);
      throw storeProblem();
    }
  }
}

/** Without its cause: what a store throws may hold the key, the value, or its own password. */
function storeProblem(): UnavailableError {
  return new UnavailableError(`The cache store failed, or took longer than ${storeTimeoutMs} ms`);
}
