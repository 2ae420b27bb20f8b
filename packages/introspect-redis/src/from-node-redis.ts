import { NodeRedis, type NodeRedisClient } from './node-redis.js';
import { checkStoreOptions, type RedisStore, type StoreOptions, storeOn } from './redis-store.js';

/** The options of {@link redisStore}: either `url` or `client`, and those that all stores have. */
export type RedisStoreOptions = StoreOptions &
  (
    | {
        /** Such as `redis://user:password@127.0.0.1:6379`, or `rediss://…` for TLS. */
        url: string;
        client?: never;
      }
    | {
        /** A client of npm's `redis`, connected or not. The store opens its own connections with the same settings. */
        client: NodeRedisClient;
        url?: never;
      }
  );

/**
 * Returns a store in Redis or Valkey, by npm's `redis` from version 5.9.
 *
 * It connects with the first use, and reconnects by itself. Meanwhile its calls reject, and the cache goes on without it.
 * After each new connection, it reports to the cache that any key may have changed. Then it proves that the server reports
 * changes: another connection writes a key that lives for 5 s. If that fails, the cache emits `store_failed` and reads the
 * store again after a second, and `onError` gets the reason.
 *
 * `Authorizer.close` closes it. An idle store does not keep the process alive, except with a client of a cluster or of a
 * sentinel.
 *
 * @example
 * ```ts
 * const store = redisStore({ url: 'redis://127.0.0.1:6379', onError: console.error });
 * const authorizer = new Authorizer({ ...options, cache: { maxAgeSeconds: 60, store } });
 * ```
 * @throws TypeError for an option that is missing, unknown or invalid
 */
export function redisStore(options: RedisStoreOptions): RedisStore {
  const { url, client, ...storeOptions } = options;
  checkStoreOptions('redisStore', storeOptions, ['url', 'client']);
  if ((url === undefined) === (client === undefined)) throw new TypeError('redisStore: set either "url" or "client"');
  if (client !== undefined) {
    if (typeof client.duplicate !== 'function') {
      throw new TypeError('redisStore: "client" must be a client of npm\'s "redis"; for ioredis, use fromIoredis');
    }
    if (client.unref === undefined && storeOptions.invalidation !== 'publish') {
      throw new TypeError(
        'redisStore: "client" is of a cluster or a sentinel, which cannot track keys; set "invalidation" to "publish"',
      );
    }
    return storeOn(new NodeRedis(client), storeOptions);
  }
  if (typeof url !== 'string' || !/^(rediss?|unix):/.test(url)) {
    throw new TypeError('redisStore: "url" must be a string that begins with redis://, rediss:// or unix://');
  }
  return storeOn(new NodeRedis(() => clientFor(url)), storeOptions);
}

async function clientFor(url: string): Promise<NodeRedisClient> {
  const { createClient } = await import('redis').catch((cause) => {
    throw new Error('redisStore: "url" needs the package "redis"; install it, or set "client"', { cause });
  });
  return createClient({ url });
}
