import type { CacheStore } from '@acme/introspect-core';
import { createClient } from 'redis';

interface RedisStoreOptions {
  /** Such as `redis://127.0.0.1:6379`; Redis 6 or later. */
  url: string;
  prefix?: string;
  /** Connection problems. The store rejects for as long as they last, and connects anew by itself. */
  onError: (error: unknown) => void;
}

/** Shares answers by way of Redis; `close` it when the process ends. */
export function redisStore({
  url,
  prefix = 'introspect:',
  onError,
}: RedisStoreOptions): CacheStore & { close(): void } {
  const client = createClient({ url, disableOfflineQueue: true, emitInvalidate: true });
  const values = `${prefix}value:`;
  const leases = `${prefix}lease:`; // not told to the others
  const until = (ttlMs: number) => ({ expiration: { type: 'PX', value: ttlMs } }) as const;

  client.on('error', onError);
  client.on('ready', () => {
    // A new connection tracks the keys that it reads; we want to hear of all values, but not of our own writes.
    const tracking = { BCAST: true, PREFIX: values, NOLOOP: true };
    Promise.all([client.clientTracking(false), client.clientTracking(true, tracking)]).catch(onError);
  });
  client.connect().catch(() => {}); // what goes wrong is an "error", too

  return {
    get: async (key) => (await client.get(values + key)) ?? undefined,
    set: async (key, value, ttlMs) => void (await client.set(values + key, value, until(ttlMs))),
    delete: async (key) => void (await client.del(values + key)),
    lease: async (key, ttlMs) => (await client.set(leases + key, '', { ...until(ttlMs), condition: 'NX' })) === 'OK',
    onInvalidate(listener) {
      const heard = (key: unknown) => listener(key === null ? '' : String(key).slice(values.length)); // null: all are gone
      client.on('invalidate', heard);
      return () => void client.off('invalidate', heard);
    },
    close: async () => client.destroy(),
  };
}
