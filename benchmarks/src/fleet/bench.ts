import type { RedisServer } from '../../../packages/introspect-redis/test/redis-server.js';
import type { Worker } from '../worker.js';

/** What all measurements of a fleet share. */
export interface Bench {
  readonly server: Worker;
  readonly endpoint: string;
  readonly redis: RedisServer;
  readonly storeSecret: string;
  readonly isQuick: boolean;
}

/** Returns how many introspection requests arrive during some work. */
export async function introspectionsDuring(server: Worker, work: () => Promise<unknown>): Promise<number> {
  const before = await server.get<number>('introspections');
  await work();
  return (await server.get<number>('introspections')) - before;
}

let tokensUsed = 1_000_000;

/** Returns the number of the first of some tokens that no measurement has used before. */
export function newTokens(count: number): number {
  tokensUsed += count;
  return tokensUsed - count;
}

/** Counts rounds up to a number. On a busy machine, none begins after these seconds, except the first one. */
export function* roundsWithin(seconds: number, most: number): Generator<number> {
  const endsAt = performance.now() + seconds * 1000;
  for (let round = 0; round < most && (round === 0 || performance.now() < endsAt); round++) yield round;
}
