/** How a store says whether it reports all changes of keys: the second argument of {@link CacheStore.onInvalidate}. */
export interface StoreReports {
  /** Any key may have changed, for example after a lost connection. From now on, the store reports changes. */
  reset(): void;
  /**
   * The store may report no changes, until it calls `reset`. The cache emits `store_failed`. Until then, the process reads
   * the store again after 1 s, or after `localMaxAgeSeconds` if that is less.
   */
  unreliable(): void;
}

/**
 * The interface of a shared cache, for example Redis. Several processes can share it behind their caches in memory.
 *
 * Keys and values are opaque. Values contain the claims of active tokens, but never a token. An inactive response is
 * stored for 500 ms, and only if the store has a `lease`. With `storeSecret`, entries are sealed: nobody without the
 * secret can read or make one. Without it, protect the store like the introspection responses: anyone who can write to it
 * can make a token active.
 *
 * If a function throws, rejects or takes longer than 250 ms, the cache goes on without it and emits `store_failed`. A
 * failed `get` counts as a miss. Only `Authorizer.invalidate` fails, because other processes may not know of it.
 */
export interface CacheStore {
  /** Returns the value of a key, or `undefined` if there is no value. */
  get(key: string): Promise<string | undefined>;
  /**
   * Returns the values of several keys, in the order of the keys, with `undefined` where there is no value.
   *
   * Without this function, the cache calls `get` for each key at the same time.
   */
  getMany?(keys: readonly string[]): Promise<(string | undefined)[]>;
  /**
   * Sets the value of a key, and replaces an older one.
   *
   * @param ttlMs after how many milliseconds the value ends: a whole number from 1 to 2³¹ − 1
   */
  set(key: string, value: string, ttlMs: number): Promise<void>;
  /** Deletes the value of a key, if there is one. */
  delete(key: string): Promise<void>;
  /**
   * Calls the listener with each key that another process has set or deleted.
   *
   * Without this function, a process sees a change when it reads the store again: see `localMaxAgeSeconds`.
   *
   * @param listener an empty key means the same as `reports.reset()`
   * @returns a function that ends the calls
   */
  onInvalidate?(listener: (key: string) => void, reports?: StoreReports): () => void;
  /**
   * Returns `true` for the first call with a key and `false` for all others, until `ttlMs` milliseconds have passed. The
   * process that gets `true` refreshes the response, or introspects a token that no process has in its cache. The others
   * wait for its response, at most 100 ms. Must not change the value of the key.
   *
   * Without this function, each process refreshes and introspects by itself.
   */
  lease?(key: string, ttlMs: number): Promise<boolean>;
  /**
   * Ends connections of the store. `Authorizer.close` calls it. If several authorizers share the store, pass each of them
   * an object without this function, and close the store yourself.
   */
  close?(): Promise<void>;
}
