import { randomUUID } from 'node:crypto';
import { storeContractCases } from '@acme/introspect-testing';
import { describe, expect, it, vi } from 'vitest';
import type { StoreOptions } from '../src/index.js';
import { makers } from './cluster-stores.js';
import { type ObservedStore, proven, waiting } from './observed-store.js';
import { startCluster } from './redis-cluster.js';
import type { RedisServer } from './redis-server.js';
import { program, reportProgram, serversOfBlock } from './servers-of-block.js';

reportProgram();

describe.runIf(program)('a store in a cluster of three masters', () => {
  const block = serversOfBlock(startCluster);

  const keysOf = async (node: RedisServer) => (await node.command('KEYS', `${block.prefix}*`)) as string[];

  const elapse = async (ms: number) => {
    for (const master of block.servers.masters) {
      for (const key of await keysOf(master)) {
        const leftMs = Number(await master.command('PTTL', key));
        await master.command('PEXPIRE', key, String(leftMs - ms));
      }
    }
  };

  /** Waits until both stores read and write keys of all masters, and one reports the changes of the other. */
  async function worksEverywhere(a: ObservedStore, b: ObservedStore) {
    const keys = Array.from({ length: 30 }, (_, index) => `key${index}`);
    const value = randomUUID();
    const writeAndRead = async () => {
      await Promise.all(keys.map((key) => b.store.set(key, value, 60_000)));
      expect(await a.store.getMany(keys)).toEqual(keys.map(() => value));
    };
    // A call that began while a master restarted may never end. The cache limits each call too, and calls again.
    await vi.waitFor(() => vi.waitFor(writeAndRead, { timeout: 1000 }), waiting);
    for (const master of block.servers.masters) expect(await keysOf(master)).not.toEqual([]);
    await vi.waitFor(async () => {
      const key = randomUUID();
      await b.store.set(key, value, 60_000);
      await vi.waitFor(() => expect(a.reported).toContain(key), { timeout: 1000 });
    }, waiting);
  }

  describe.each(Object.entries(makers))('%s', (name, makeIn) => {
    const make = (options: StoreOptions) => makeIn(block.servers, options);

    it.each(storeContractCases({ lease: true, onInvalidate: true }))('$name', async ({ check }) => {
      await check({
        store: (await proven(make, block.prefix)).store,
        other: (await proven(make, block.prefix)).store,
        elapse,
      });
    });

    it('works again after a replica has replaced a dead master, and reports that any key may have changed', async () => {
      const [a, b] = [await proven(make, block.prefix), await proven(make, block.prefix)];
      await worksEverywhere(a, b); // now it has a connection to that master
      a.reported.length = 0;
      const dead = await block.servers.failOver();
      await vi.waitFor(() => expect(a.reported).toContain('(reset)'), waiting);
      await worksEverywhere(a, b);
      await dead.startAgain();
      await worksEverywhere(a, b);
    });

    // With the Cluster of ioredis, about one run in four had no connection for a minute: see the README.
    const isUncertain = name.startsWith('fromIoredis');
    it.skipIf(isUncertain)(
      'works again after a master has restarted, and reports that any key may have changed',
      async () => {
        const [a, b] = [await proven(make, block.prefix), await proven(make, block.prefix)];
        await worksEverywhere(a, b); // now it has a connection to that master
        a.reported.length = 0;
        const master = block.servers.loneMaster;
        await master.crash();
        await master.startAgain();
        await vi.waitFor(() => expect(a.reported).toContain('(reset)'), waiting);
        await worksEverywhere(a, b);
      },
    );
  });
});
