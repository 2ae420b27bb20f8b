import type { CacheStore } from '@acme/introspect-core';
import { createClient } from 'redis';

interface RedisStoreOptions {
  /** Such as `redis://127.0.0.1:6379`; Redis 6 or later. */
  url: string;
  prefix?: string;
  /** Receives connection problems. The store rejects while they last, and reconnects by itself. */
  onError: (error: unknown) => void;
}

/** Shares responses through Redis. Call `close` when the process ends. */
export function redisStore({
  url,
  prefix = 'introspect:',
  onError,
}: RedisStoreOptions): CacheStore & { close(): Promise<void> } {
  const client = createClient({ url, disableOfflineQueue: true, emitInvalidate: true });
  const values = `${prefix}value:`;
  const leases = `${prefix}lease:`; // not reported to other processes
  const until = (ttlMs: number) => ({ expiration: { type: 'PX', value: ttlMs } }) as const;

  client.on('error', onError);
  client.on('ready', () => {
    // A new connection tracks the keys that it reads; we want to hear of all values, but not of our own writes.
    const tracking = { BCAST: true, PREFIX: values, NOLOOP: true };
    Promise.all([client.clientTracking(false), client.clientTracking(true, tracking)]).catch(onError);
  });
  client.connect().catch(() => {}); // a failure also emits "error"

  return {
    get: async (key) => (await client.get(values + key)) ?? undefined,
    set: async (key, value, ttlMs) => void (await client.set(values + key, value, until(ttlMs))),
    delete: async (key) => void (await client.del(values + key)),
    lease: async (key, ttlMs) => (await client.set(leases + key, '', { ...until(ttlMs), condition: 'NX' })) === 'OK',
    onInvalidate(listener) {
      const report = (key: unknown) => listener(key === null ? '' : String(key).slice(values.length)); // null: all are gone
      client.on('invalidate', report);
      return () => void client.off('invalidate', report);
    },
    close: async () => client.destroy(),
  };
}
