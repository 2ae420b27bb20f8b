import { storeContractCases } from '@acme/introspect-testing';
import { describe, expect, it, vi } from 'vitest';
import type { StoreOptions } from '../src/index.js';
import { proven, waiting } from './observed-store.js';
import { startReplication } from './redis-sentinel.js';
import { makers, workTogether } from './sentinel-stores.js';
import { program, reportProgram, serversOfBlock } from './servers-of-block.js';

reportProgram();

describe.runIf(program)('a store behind a sentinel', () => {
  const block = serversOfBlock(startReplication);

  const elapse = async (ms: number) => {
    const master = await block.servers.master();
    for (const key of (await master.command('KEYS', `${block.prefix}*`)) as string[]) {
      const leftMs = Number(await master.command('PTTL', key));
      await master.command('PEXPIRE', key, String(leftMs - ms));
    }
  };

  describe.each(Object.entries(makers))('%s', (_, makeIn) => {
    const make = (options: StoreOptions) => makeIn(block.servers, options);

    it.each(storeContractCases({ lease: true, onInvalidate: true }))('$name', async ({ check }) => {
      await check({
        store: (await proven(make, block.prefix)).store,
        other: (await proven(make, block.prefix)).store,
        elapse,
      });
    });

    it('works again after a failover, and reports that any key may have changed', async () => {
      const [a, b] = [await proven(make, block.prefix), await proven(make, block.prefix)];
      await workTogether(a, b);
      a.reported.length = 0;
      await block.servers.failOver();
      await vi.waitFor(() => expect(a.reported).toContain('(reset)'), waiting);
      await workTogether(a, b);
    });

    it('works again after a dead master was replaced, and reports that any key may have changed', async () => {
      const [a, b] = [await proven(make, block.prefix), await proven(make, block.prefix)];
      await workTogether(a, b);
      a.reported.length = 0;
      const dead = await block.servers.master();
      await dead.crash();
      await block.servers.failOver();
      await vi.waitFor(() => expect(a.reported).toContain('(reset)'), waiting);
      await workTogether(a, b);
      await dead.startAgain();
    });
  });
});
