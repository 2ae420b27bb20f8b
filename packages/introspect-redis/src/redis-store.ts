import type { CacheStore } from '@acme/introspect-core';
import type { RedisLibrary } from './connection.js';
import { InvalidationProof } from './invalidation-proof.js';
import { Link } from './link.js';
import { Names, openPublishing, openTracking } from './wire.js';

/** The options that all stores of this package have. */
export interface StoreOptions {
  /**
   * The start of all keys. Use another one for each environment that shares a Redis.
   *
   * @default 'introspect:'
   */
  prefix?: string;
  /**
   * How this process hears of changes by other processes.
   *
   * - `'tracking'`: the server reports them (`CLIENT TRACKING`, Redis 6 or later). Not for a cluster.
   * - `'publish'`: each process publishes its changes on the channel `<prefix>changes`. It works in a cluster too. Nobody
   *   publishes a `FLUSHALL`.
   *
   * All processes must use the same value.
   *
   * @default 'tracking'
   */
  invalidation?: 'tracking' | 'publish';
  /** Receives problems of the connection, and each failed proof that changes are reported. The store goes on by itself. */
  onError?: (error: unknown) => void;
}

/** A {@link CacheStore} with all optional functions. */
export type RedisStore = Required<CacheStore>;

const optionNames = ['prefix', 'invalidation', 'onError'];

/**
 * Checks the options of a store.
 *
 * @throws TypeError naming the option that is invalid
 */
export function checkStoreOptions(owner: string, options: StoreOptions, otherNames: readonly string[] = []): void {
  const names = [...otherNames, ...optionNames];
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`${owner}: unknown option "${unknown}"; known options: ${names.join(', ')}`);
  }
  const { prefix = '', invalidation = 'tracking', onError = () => {} } = options;
  if (typeof prefix !== 'string') throw new TypeError(`${owner}: "prefix" must be a string`);
  if (!['tracking', 'publish'].includes(invalidation)) {
    throw new TypeError(`${owner}: "invalidation" must be "tracking" or "publish"`);
  }
  if (typeof onError !== 'function') throw new TypeError(`${owner}: "onError" must be a function`);
}

/** Returns a store on the connections of a library. */
export function storeOn(
  library: RedisLibrary,
  { prefix = 'introspect:', invalidation = 'tracking', onError = () => {} }: StoreOptions,
): RedisStore {
  const names = new Names(prefix);
  const { values, leases } = names;
  const openWire = invalidation === 'publish' ? openPublishing : openTracking;
  const proof = new InvalidationProof({ reopen: () => link.reopen(), onError });
  const link = new Link({
    open: (events) => openWire(library, names, events),
    onUp: (wire) => proof.begin(wire),
    onDown: () => proof.end(),
    onChange: (key) => proof.onChange(key),
    onError,
  });
  return {
    get: async (key) => (await link.run((wire) => wire.getMany([values + key])))[0],
    getMany: (keys) => link.run((wire) => wire.getMany(keys.map((key) => values + key))),
    set: (key, value, ttlMs) =>
      link.run(async (wire) => {
        await wire.set(values + key, value, { ttlMs });
        await wire.announce(key);
      }),
    delete: (key) =>
      link.run(async (wire) => {
        await wire.delete(values + key);
        await wire.announce(key);
      }),
    // Under a prefix of its own, because leases are not reported to other processes.
    lease: (key, ttlMs) => link.run((wire) => wire.set(leases + key, '', { ttlMs, onlyIfAbsent: true })),
    onInvalidate(listener, reports) {
      link.start();
      return proof.addListener(listener, reports);
    },
    close: async () => {
      link.close();
      proof.end();
    },
  };
}
