import { Ioredis, type IoredisClient } from './ioredis.js';
import { checkStoreOptions, type RedisStore, type StoreOptions, storeOn } from './redis-store.js';

/**
 * Returns a store in Redis or Valkey, by `ioredis` or `iovalkey`. Tested with ioredis 6.0.0 and iovalkey 0.4.0.
 *
 * It behaves like `redisStore`. It opens its own connections with the settings of `redis`, always with RESP2: one sends
 * commands, and one receives reports of changes. `redis` itself need not be connected.
 *
 * @example
 * ```ts
 * const store = fromIoredis(new Redis('redis://127.0.0.1:6379', { lazyConnect: true }), { onError: console.error });
 * ```
 * @throws TypeError for an option that is unknown or invalid
 */
export function fromIoredis(redis: IoredisClient, options: StoreOptions = {}): RedisStore {
  checkStoreOptions('fromIoredis', options);
  if (typeof redis?.duplicate !== 'function' || typeof redis.options !== 'object') {
    throw new TypeError('fromIoredis: the first argument must be a client of "ioredis" or "iovalkey"');
  }
  if ('keyPrefix' in redis.options && redis.options.keyPrefix) {
    throw new TypeError('fromIoredis: the client must have no "keyPrefix"; use the option "prefix" of the store');
  }
  if (redis.isCluster && options.invalidation !== 'publish') {
    throw new TypeError('fromIoredis: a cluster cannot track keys; set "invalidation" to "publish"');
  }
  return storeOn(new Ioredis(redis), options);
}
