import { describe, expect, it, vi } from 'vitest';
import { redisStore, type StoreOptions } from '../src/index.js';
import { proven, waiting } from './observed-store.js';
import { startReplication } from './redis-sentinel.js';
import { makers, nodeRedisSentinelOf, workTogether } from './sentinel-stores.js';
import { program, reportProgram, serversOfBlock } from './servers-of-block.js';

reportProgram();

describe.runIf(program)('a store behind a sentinel', () => {
  const block = serversOfBlock(startReplication);

  describe.each(Object.entries(makers))('%s', (_, makeIn) => {
    const make = (options: StoreOptions) => makeIn(block.servers, options);

    it.each([['pubsub'], ['normal']])(
      'reports that any key may have changed after its connections of type %s were lost, and then single keys again',
      async (type) => {
        const [a, b] = [await proven(make, block.prefix), await proven(make, block.prefix)];
        a.reported.length = 0;
        await (await block.servers.master()).command('CLIENT', 'KILL', 'TYPE', type);
        await vi.waitFor(() => expect(a.reported).toContain('(reset)'), waiting);
        await workTogether(a, b);
      },
    );
  });

  it('a client of a sentinel of "redis" must publish', () => {
    expect(() => redisStore({ client: nodeRedisSentinelOf(block.servers) })).toThrow('set "invalidation" to "publish"');
  });
});
