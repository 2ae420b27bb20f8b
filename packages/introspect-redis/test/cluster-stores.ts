import { Cluster } from 'ioredis';
import { Cluster as ValkeyCluster } from 'iovalkey';
import { createCluster } from 'redis';
import { fromIoredis, type RedisStore, redisStore, type StoreOptions } from '../src/index.js';
import type { RedisCluster } from './redis-cluster.js';

const invalidation = 'publish';

/** Returns the nodes by name, although the cluster itself reports its nodes by IP address. */
export const addressesOf = ({ nodes }: RedisCluster) => nodes.map(({ port }) => ({ host: 'localhost', port }));

export const nodeRedisClusterOf = ({ nodes }: RedisCluster) =>
  createCluster({ rootNodes: nodes.map(({ url }) => ({ url })) });

/** The stores of each library that has a client of a cluster. */
export const makers: Record<string, (cluster: RedisCluster, options: StoreOptions) => RedisStore> = {
  'redisStore with createCluster': (cluster, options) =>
    redisStore({ client: nodeRedisClusterOf(cluster), ...options, invalidation }),
  "fromIoredis with ioredis' Cluster": (cluster, options) =>
    fromIoredis(new Cluster(addressesOf(cluster), { lazyConnect: true }), { ...options, invalidation }),
  "fromIoredis with iovalkey's Cluster": (cluster, options) =>
    fromIoredis(new ValkeyCluster(addressesOf(cluster), { lazyConnect: true }), { ...options, invalidation }),
};
