import { Cluster } from 'ioredis';
import { Cluster as ValkeyCluster } from 'iovalkey';
import { describe, expect, it, vi } from 'vitest';
import { fromIoredis, redisStore, type StoreOptions } from '../src/index.js';
import { addressesOf, makers, nodeRedisClusterOf } from './cluster-stores.js';
import { proven, waiting } from './observed-store.js';
import { startCluster } from './redis-cluster.js';
import type { RedisServer } from './redis-server.js';
import { program, reportProgram, serversOfBlock } from './servers-of-block.js';

reportProgram();

describe.runIf(program)('a store in a cluster of three masters', () => {
  const block = serversOfBlock(startCluster);

  const keysOf = async (node: RedisServer) => (await node.command('KEYS', `${block.prefix}*`)) as string[];

  describe.each(Object.entries(makers))('%s', (_, makeIn) => {
    const make = (options: StoreOptions) => makeIn(block.servers, options);

    it('reads keys of all masters in one call, in their order', async () => {
      const [a, b] = [await proven(make, block.prefix), await proven(make, block.prefix)];
      const keys = Array.from({ length: 30 }, (_, index) => `key${index}`);
      await Promise.all(keys.map((key) => a.store.set(key, `value of ${key}`, 60_000)));
      for (const master of block.servers.masters) expect(await keysOf(master)).not.toEqual([]);
      const values = await b.store.getMany(['absent', ...keys, 'missing']);
      expect(values).toEqual([undefined, ...keys.map((key) => `value of ${key}`), undefined]);
      await vi.waitFor(() => expect(b.reported).toEqual(expect.arrayContaining(keys)), waiting);
    });

    it.each([['pubsub'], ['normal']])(
      'reports that any key may have changed after its connections of type %s were lost, and then single keys again',
      async (type) => {
        const [a, b] = [await proven(make, block.prefix), await proven(make, block.prefix)];
        a.reported.length = 0;
        for (const node of block.servers.nodes) await node.command('CLIENT', 'KILL', 'TYPE', type);
        await vi.waitFor(() => expect(a.reported).toContain('(reset)'), waiting);
        await vi.waitFor(async () => {
          await b.store.set('after', 'value', 60_000);
          expect(a.reported).toContain('after');
        }, waiting);
        await vi.waitFor(() => expect(a.store.get('after')).resolves.toBe('value'), waiting);
      },
    );
  });

  it.each([
    ['ioredis', Cluster],
    ['iovalkey', ValkeyCluster],
  ])('%s waits for the first connection to a master, and does not try again later', async (_, Client) => {
    const client = new Client(addressesOf(block.servers), { lazyConnect: true, retryDelayOnFailover: 3_600_000 });
    const { store } = await proven(
      (options) => fromIoredis(client, { ...options, invalidation: 'publish' }),
      block.prefix,
    );
    const keys = Array.from({ length: 30 }, (_, index) => `key${index}`);
    await expect(store.getMany(keys)).resolves.toEqual(keys.map(() => undefined));
  });

  it('a client of a cluster must publish', () => {
    const message = 'set "invalidation" to "publish"';
    expect(() => redisStore({ client: nodeRedisClusterOf(block.servers) })).toThrow(message);
    expect(() => fromIoredis(new Cluster(addressesOf(block.servers), { lazyConnect: true }))).toThrow(message);
  });
});
