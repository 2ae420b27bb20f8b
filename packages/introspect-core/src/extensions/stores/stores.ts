import type { CacheStore } from '@acme/introspect-core';

/** What {@link fromUnstorage} uses of a `Storage` of npm's `unstorage`. */
export interface UnstorageLike {
  /** Returns the value of a key. */
  getItem(key: string): Promise<unknown>;
  /** Sets the value of a key. `ttl` is in seconds. */
  setItem(key: string, value: string, options: { ttl: number }): Promise<void>;
  /** Deletes the value of a key. */
  removeItem(key: string): Promise<void>;
}

/**
 * Returns a store on npm's `unstorage`, whose drivers reach many databases. Give it a storage of its own, or a prefix.
 *
 * Each stored value contains the time at which it ends, because not every driver deletes values. The driver also gets
 * that time as `ttl`, in seconds. The clocks of all processes must agree.
 *
 * It reports no changes and has no lease: other processes see an invalidation after `localMaxAgeSeconds`, and each process
 * refreshes responses itself. It is not checked that the database shows a write to all processes immediately.
 *
 * @example
 * ```ts
 * const store = fromUnstorage(createStorage({ driver }));
 * ```
 */
export function fromUnstorage(storage: UnstorageLike): CacheStore {
  return {
    async get(key) {
      const [, endsAt, value] = /^(\d+):(.*)$/s.exec(String(await storage.getItem(key))) ?? [];
      return Date.now() < Number(endsAt) ? value : undefined;
    },
    set: (key, value, ttlMs) =>
      storage.setItem(key, `${Date.now() + ttlMs}:${value}`, { ttl: Math.ceil(ttlMs / 1000) }),
    delete: (key) => storage.removeItem(key),
  };
}
