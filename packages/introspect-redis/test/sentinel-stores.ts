import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { Redis as Valkey } from 'iovalkey';
import { createSentinel } from 'redis';
import { expect, vi } from 'vitest';
import { fromIoredis, type RedisStore, redisStore, type StoreOptions } from '../src/index.js';
import { type ObservedStore, waiting } from './observed-store.js';
import type { Replication } from './redis-sentinel.js';

const addressOf = ({ sentinel }: Replication) => ({ host: '127.0.0.1', port: sentinel.port });

export const nodeRedisSentinelOf = (replication: Replication) =>
  createSentinel({ name: replication.name, sentinelRootNodes: [addressOf(replication)] });

const ioredisOptions = (replication: Replication) => ({
  sentinels: [addressOf(replication)],
  name: replication.name,
  lazyConnect: true,
});

/** The stores of each library that finds the master by a sentinel. */
export const makers: Record<string, (replication: Replication, options: StoreOptions) => RedisStore> = {
  'redisStore with createSentinel, which publishes': (replication, options) =>
    redisStore({ client: nodeRedisSentinelOf(replication), ...options, invalidation: 'publish' }),
  'fromIoredis with "sentinels"': (replication, options) =>
    fromIoredis(new Redis(ioredisOptions(replication)), options),
  'fromIoredis with "sentinels", which publishes': (replication, options) =>
    fromIoredis(new Redis(ioredisOptions(replication)), { ...options, invalidation: 'publish' }),
  'fromIoredis with iovalkey and "sentinels"': (replication, options) =>
    fromIoredis(new Valkey(ioredisOptions(replication)), options),
};

/** Waits until one store reads what the other writes, and reports its changes. */
export async function workTogether(reader: ObservedStore, writer: ObservedStore) {
  await vi.waitFor(async () => {
    const key = randomUUID();
    await writer.store.set(key, 'value', 60_000);
    expect(await reader.store.get(key)).toBe('value');
    await vi.waitFor(() => expect(reader.reported).toContain(key), { timeout: 1000 });
  }, waiting);
}
