export { fromIoredis } from './from-ioredis.js';
export { type RedisStoreOptions, redisStore } from './from-node-redis.js';
export type { IoredisClient, IoredisConnection } from './ioredis.js';
export type { NodeRedisClient, NodeRedisConnection } from './node-redis.js';
export type { RedisStore, StoreOptions } from './redis-store.js';
