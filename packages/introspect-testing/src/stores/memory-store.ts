import type { StoreUnderTest } from '../contracts/store-contract.js';

export type MemoryStoreOptions =
  /** Milliseconds; `Date.now` unless given. */
  | { now?: () => number }
  /** Shares the data and the clock of this one, as a store in another process does. */
  | { connectTo: MemoryStore };

/** A store in memory, with all that a store may have. */
export interface MemoryStore extends Required<Omit<StoreUnderTest, 'close'>> {
  /** What becomes of every call to this store, and of what it would hear, until it is `undefined` again. */
  fault: 'reject' | 'hang' | undefined;
}

/** Enough for any test; the oldest go first. */
const maxEntries = 100_000;

class Entries<Value> {
  readonly #entries = new Map<string, { value: Value; until: number }>();

  get(key: string, now: number): Value | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && now < entry.until ? entry.value : undefined;
  }

  set(key: string, value: Value, until: number): void {
    this.#entries.delete(key); // so that the youngest is the last
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

/** What connected stores have in common. */
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
      throw new TypeError('memoryStore: "connectTo" must be what memoryStore returned');
    }
  }

  async get(key: string): Promise<string | undefined> {
    await this.#connection();
    return this.#shared.values.get(key, this.#shared.now());
  }

  async set(key: string, value: string, ttlMs: number): Promise<void> {
    await this.#connection();
    this.#shared.values.set(key, value, this.#shared.now() + ttlMs);
    this.#tell(key);
  }

  async delete(key: string): Promise<void> {
    await this.#connection();
    this.#shared.values.delete(key);
    this.#tell(key);
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
    if (this.fault === 'reject') throw new Error('The memory store was told to fail');
    if (this.fault === 'hang') await new Promise(() => {});
  }

  #tell(key: string): void {
    for (const { owner, listener } of this.#shared.listeners) {
      if (owner !== this && owner.fault === undefined) listener(key);
    }
  }
}

/** Makes a store in memory; several can share one data, as those of several processes do. */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  return new Handle(options);
}
