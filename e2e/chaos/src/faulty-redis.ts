import { findRedis, type RedisServer, startRedis } from '../../../packages/introspect-redis/test/redis-server.js';

export { findRedis };

const redisFaults = ['Redis killed', 'Redis hangs', 'Redis emptied'] as const;
export type RedisFault = (typeof redisFaults)[number];

/** A redis-server that fails on command. */
export interface FaultyRedis {
  readonly url: string;
  /** Starts a fault, and ends the one before. Anything that is not a fault of Redis only ends the one before. */
  turn(fault: string): Promise<void>;
  /** Returns how many keys it holds. */
  keys(): Promise<number>;
  close(): Promise<void>;
}

export function isRedisFault(fault: string): fault is RedisFault {
  return redisFaults.some((each) => each === fault);
}

/** Starts redis-server on a free port, without a fault. */
export async function startFaultyRedis(): Promise<FaultyRedis> {
  const redis = await startRedis();
  let current: string = '';
  return {
    url: redis.url,
    turn: async (fault) => {
      await end(redis, current);
      current = fault;
      if (fault === 'Redis killed') await redis.kill();
      if (fault === 'Redis hangs') redis.freeze();
      if (fault === 'Redis emptied') await redis.command('FLUSHALL');
    },
    keys: async () => Number(await redis.command('DBSIZE')),
    close: () => redis.kill(),
  };
}

async function end(redis: RedisServer, fault: string): Promise<void> {
  if (fault === 'Redis killed') await redis.startAgain();
  if (fault === 'Redis hangs') redis.thaw();
}
