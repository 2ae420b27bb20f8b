// What the compiler must accept, and what it must reject. Compiled by types.test.ts as ESM and as CommonJS.
import { Authorizer, type CacheStore, type StoreReports } from '@acme/introspect-core';
import { fromUnstorage } from '@acme/introspect-core/stores';
import { fromIoredis, type RedisStore, redisStore } from '@acme/introspect-redis';
import { Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';

const server = { issuer: 'https://as.example', clientId: 'api', clientSecret: 's' };

/** The members of a `Storage` of unstorage that the store uses. */
declare const storage: {
  getItem(key: string): Promise<unknown>;
  setItem(key: string, value: string, options?: { ttl?: number }): Promise<void>;
  removeItem(key: string): Promise<void>;
};

export async function stores(secret: string | undefined): Promise<void> {
  const redis: RedisStore = redisStore({
    url: 'redis://127.0.0.1:6379',
    prefix: 'a:',
    onError: (error: unknown) => String(error),
  });
  redisStore({ client: createClient({ url: 'redis://127.0.0.1:6379' }), invalidation: 'tracking' });
  redisStore({ client: createCluster({ rootNodes: [] }), invalidation: 'publish' });
  fromIoredis(new Redis({ lazyConnect: true }), { prefix: 'a:' });
  const unstorage: CacheStore = fromUnstorage(storage);
  for (const store of [redis, unstorage]) {
    await using authorizer = new Authorizer({ ...server, cache: { maxAgeSeconds: 60, store, storeSecret: secret } });
    await authorizer.invalidate({ sub: 'a' });
  }
  const reports: StoreReports = { reset() {}, unreliable() {} };
  redis.onInvalidate((key) => key.length, reports)();
  // @ts-expect-error a store has this function only perhaps
  unstorage.onInvalidate((key) => key.length, reports);
  // @ts-expect-error a URL or a client is missing
  redisStore({ prefix: 'a:' });
  // @ts-expect-error either a URL or a client
  redisStore({ url: 'redis://127.0.0.1:6379', client: createClient() });
  // @ts-expect-error unknown kind of invalidation
  redisStore({ url: 'redis://127.0.0.1:6379', invalidation: 'none' });
  // @ts-expect-error unknown option
  fromIoredis(new Redis({ lazyConnect: true }), { keyPrefix: 'a:' });
  // @ts-expect-error a client of ioredis is not one of redis
  redisStore({ client: new Redis({ lazyConnect: true }) });
  // @ts-expect-error a function is missing
  fromUnstorage({ getItem: storage.getItem, setItem: storage.setItem });
}
