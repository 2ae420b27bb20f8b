import type { CacheStore } from '@acme/introspect-core';

/** What {@link fromUnstorage} uses of a `Storage` of npm's `unstorage`. */
export interface UnstorageLike {
  getItem(key: string): Promise<unknown>;
  setItem(key: string, value: string, options: { ttl: number }): Promise<void>;
  removeItem(key: string): Promise<void>;
}

/**
 * Returns a store on npm's `unstorage`, whose drivers reach many databases. Give it a storage of its own, or a prefix.
 *
 * The end of each value is part of the value, because not every driver deletes a value at its end. The driver gets it
 * too, as `ttl` in seconds.
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
