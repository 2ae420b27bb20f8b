import type { CacheStore } from './cache-store.js';
import type { TombstoneName } from './invalidations.js';
import type { StoreCalls } from './store-calls.js';
import type { StoreCodec } from './store-codec.js';

const tombstonePrefix = 'tombstone.';
/** The name of the version. No tombstone has it. */
const versionName = 'version:';

export function isTombstoneKey(key: string): boolean {
  return key.startsWith(tombstonePrefix);
}

/** Returns the version: an empty string if there is no tombstone, `undefined` if it is unreadable. */
export function versionOf(values: readonly (string | undefined)[]): string | undefined {
  const present = values.filter((value) => value !== undefined && value !== null);
  return present.every((value) => /^[\w-]{1,100}$/.test(value)) ? present.join() : undefined;
}

/**
 * The tombstones in a store, and their version: a value that each new tombstone replaces by one that never existed before.
 *
 * If the version is the same as at an earlier moment, no tombstone was created since. Then no tombstone must be read.
 */
export class StoredTombstones {
  readonly #store: CacheStore;
  readonly #codec: StoreCodec;
  readonly #calls: StoreCalls;
  readonly #now: () => number;
  #versionKeys: string[] | undefined;

  constructor(store: CacheStore, codec: StoreCodec, calls: StoreCalls, now: () => number) {
    this.#store = store;
    this.#codec = codec;
    this.#calls = calls;
    this.#now = now;
  }

  /**
   * Creates a tombstone for all processes, and then a new version. The other order would let a process see the new version
   * and miss the tombstone.
   *
   * @throws UnavailableError if the store failed
   */
  async add(name: TombstoneName, { createdAt, ttlMs }: { createdAt: number; ttlMs: number }): Promise<void> {
    await Promise.all((await this.#keys([name])).map((key) => this.#raise(key, createdAt, ttlMs)));
    const version = crypto.randomUUID();
    await Promise.all(
      (await this.versionKeys()).map((key) => this.#calls.run('set', () => this.#store.set(key, version, ttlMs))),
    );
  }

  /** Returns the keys whose values are the version. They are always the same, and a sealing codec derives keys slowly. */
  async versionKeys(): Promise<string[]> {
    this.#versionKeys ??= await this.#keys([versionName]);
    return this.#versionKeys;
  }

  /** Returns when the latest of these tombstones was created: `-Infinity` without any, NaN if one is unreadable. */
  async latest(names: readonly TombstoneName[]): Promise<number> {
    const values = await this.#calls.getAll(this.#store, await this.#keys(names));
    return Math.max(...values.map((value) => Number.parseFloat(value ?? '-Infinity')));
  }

  /** Writes the time of a tombstone, or keeps the time that is stored if it is later. */
  async #raise(key: string, createdAt: number, ttlMs: number): Promise<void> {
    const existing = Number.parseFloat((await this.#calls.run('get', () => this.#store.get(key))) ?? '');
    // The clock of another process may be ahead.
    const latest = Number.isNaN(existing) ? createdAt : Math.max(existing, createdAt);
    let isLate = false;
    // It writes an unchanged tombstone too, so that the store notifies the other processes.
    const write = async () => {
      await this.#store.set(key, String(latest), ttlMs);
      // The store may have executed the late write after a newer one of another process, and so have replaced that.
      if (isLate) await this.#store.set(key, String(Math.max(latest, this.#now())), ttlMs);
    };
    const written = write();
    written.catch(() => {});
    try {
      await this.#calls.run('set', () => written);
    } catch (error) {
      isLate = true;
      throw error;
    }
  }

  /** A bearer token contains no colon, but a name does. So no token has the key of a tombstone. */
  async #keys(names: readonly (TombstoneName | typeof versionName)[]): Promise<string[]> {
    const keys = await Promise.all(names.map((name) => this.#codec.tombstoneKeys(name)));
    return keys.flat().map((key) => tombstonePrefix + key);
  }
}
