import type { CacheStore } from '@acme/introspect-core';

/** The options of {@link memoryStore}: a clock, or a store to connect to. */
export type MemoryStoreOptions =
  | {
      /**
       * Returns the time in milliseconds.
       *
       * @default Date.now
       */
      now?: () => number;
    }
  | {
      /** A store whose data and clock the new store shares, as a store in another process does. */
      connectTo: MemoryStore;
    };

/** A store in memory that has all optional functions of a store. */
export interface MemoryStore extends Required<Omit<CacheStore, 'close'>> {
  /**
   * Makes every call of this store reject, or never settle, and its listeners miss changes.
   *
   * @default undefined, no fault
   */
  fault: 'reject' | 'hang' | undefined;
}

/** The limit of entries, enough for any test. Beyond it, the store deletes the oldest one. */
const maxEntries = 100_000;

class Entries<Value> {
  readonly #entries = new Map<string, { value: Value; until: number }>();

  get(key: string, now: number): Value | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && now < entry.until ? entry.value : undefined;
  }

  set(key: string, value: Value, until: number): void {
    this.#entries.delete(key); // a Map lists the newest entry last
    this.#entries.set(key, { value, until });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= maxEntries) break;
      this.#entries.delete(oldest);
    }
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}

/** The data that connected stores share. */
class Shared {
  readonly values = new Entries<string>();
  readonly leases = new Entries<true>();
  readonly listeners = new Set<{ owner: MemoryStore; listener: (key: string) => void }>();
  readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }
}

class Handle implements MemoryStore {
  fault: MemoryStore['fault'];
  readonly #shared: Shared;

  constructor(options: MemoryStoreOptions) {
    if (!('connectTo' in options)) {
      this.#shared = new Shared(options.now ?? Date.now);
    } else if (options.connectTo instanceof Handle) {
      this.#shared = options.connectTo.#shared;
    } else {
      throw new TypeError('memoryStore: "connectTo" must be a store that memoryStore() has returned');
    }
  }

  async get(key: string): Promise<string | undefined> {
    await this.#connection();
    return this.#shared.values.get(key, this.#shared.now());
  }

  getMany(keys: readonly string[]): Promise<(string | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  async set(key: string, value: string, ttlMs: number): Promise<void> {
    await this.#connection();
    this.#shared.values.set(key, value, this.#shared.now() + ttlMs);
    this.#notify(key);
  }

  async delete(key: string): Promise<void> {
    await this.#connection();
    this.#shared.values.delete(key);
    this.#notify(key);
  }

  async lease(key: string, ttlMs: number): Promise<boolean> {
    await this.#connection();
    const now = this.#shared.now();
    if (this.#shared.leases.get(key, now)) return false;
    this.#shared.leases.set(key, true, now + ttlMs);
    return true;
  }

  onInvalidate(listener: (key: string) => void): () => void {
    const entry = { owner: this, listener };
    this.#shared.listeners.add(entry);
    return () => void this.#shared.listeners.delete(entry);
  }

  async #connection(): Promise<void> {
    if (this.fault === 'reject') throw new Error('The memory store rejects: its "fault" is "reject"');
    if (this.fault === 'hang') await new Promise(() => {});
  }

  #notify(key: string): void {
    for (const { owner, listener } of this.#shared.listeners) {
      if (owner !== this && owner.fault === undefined) listener(key);
    }
  }
}

/**
 * Returns a store in memory. Several stores can share their data, as stores of several processes do.
 *
 * @example
 * ```ts
 * const store = memoryStore();
 * const authorizer = new Authorizer({ ...options, cache: { maxAgeSeconds: 60, store } });
 * store.fault = 'reject'; // every call of the store now fails
 * ```
 */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  return new Handle(options);
}
