import { randomUUID } from 'node:crypto';
import { storeContractCases } from '@acme/introspect-testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StoreOptions } from '../src/index.js';
import { proven, waiting } from './observed-store.js';
import { type Replication, startReplication } from './redis-sentinel.js';
import { findRedis } from './redis-server.js';
import { makers, workTogether } from './sentinel-stores.js';

const program = findRedis();

it('the report says whether redis-server is installed', ({ annotate }) =>
  annotate(program ?? 'redis-server is not installed on this machine: its tests are skipped'));

describe.runIf(program)('a store behind a sentinel', () => {
  let replication: Replication;
  let prefix: string;
  beforeAll(async () => {
    replication = await startReplication();
  });
  afterAll(() => replication.kill());
  beforeEach(() => {
    prefix = `${randomUUID()}:`;
  });

  const elapse = async (ms: number) => {
    const master = await replication.master();
    for (const key of (await master.command('KEYS', `${prefix}*`)) as string[]) {
      const leftMs = Number(await master.command('PTTL', key));
      await master.command('PEXPIRE', key, String(leftMs - ms));
    }
  };

  describe.each(Object.entries(makers))('%s', (_, makeIn) => {
    const make = (options: StoreOptions) => makeIn(replication, options);

    it.each(storeContractCases({ lease: true, onInvalidate: true }))('$name', async ({ check }) => {
      await check({ store: (await proven(make, prefix)).store, other: (await proven(make, prefix)).store, elapse });
    });

    it('works again after a failover, and reports that any key may have changed', async () => {
      const [a, b] = [await proven(make, prefix), await proven(make, prefix)];
      await workTogether(a, b);
      a.reported.length = 0;
      await replication.failOver();
      await vi.waitFor(() => expect(a.reported).toContain('(reset)'), waiting);
      await workTogether(a, b);
    });

    it('works again after a dead master was replaced, and reports that any key may have changed', async () => {
      const [a, b] = [await proven(make, prefix), await proven(make, prefix)];
      await workTogether(a, b);
      a.reported.length = 0;
      const dead = await replication.master();
      await dead.crash();
      await replication.failOver();
      await vi.waitFor(() => expect(a.reported).toContain('(reset)'), waiting);
      await workTogether(a, b);
      await dead.startAgain();
    });
  });
});
