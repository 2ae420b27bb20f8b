export { fromIoredis } from './from-ioredis.js';
export type { IoredisClient, IoredisConnection } from './ioredis.js';
export type { NodeRedisClient, NodeRedisConnection } from './node-redis.js';
export { type RedisStoreOptions, redisStore } from './redis-store.js';
export type { RedisStore, StoreOptions } from './store.js';
