import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { redisStore, type StoreOptions } from '../src/index.js';
import { proven, waiting } from './observed-store.js';
import { type Replication, startReplication } from './redis-sentinel.js';
import { findRedis } from './redis-server.js';
import { makers, nodeRedisSentinelOf, workTogether } from './sentinel-stores.js';

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

  describe.each(Object.entries(makers))('%s', (_, makeIn) => {
    const make = (options: StoreOptions) => makeIn(replication, options);

    it.each([['pubsub'], ['normal']])(
      'reports that any key may have changed after its connections of type %s were lost, and then single keys again',
      async (type) => {
        const [a, b] = [await proven(make, prefix), await proven(make, prefix)];
        a.reported.length = 0;
        await (await replication.master()).command('CLIENT', 'KILL', 'TYPE', type);
        await vi.waitFor(() => expect(a.reported).toContain('(reset)'), waiting);
        await workTogether(a, b);
      },
    );
  });

  it('a client of a sentinel of "redis" must publish', () => {
    expect(() => redisStore({ client: nodeRedisSentinelOf(replication) })).toThrow('set "invalidation" to "publish"');
  });
});
