import { setTimeout as delay } from 'node:timers/promises';
import { atMost, type Report, times } from '../report.js';
import { quantile } from '../rounds.js';
import { type Bench, introspectionsDuring, newTokens, roundsWithin } from './bench.js';
import { type Rejection, withFleet } from './fleet.js';

const processes = 8;
const perBlock = 100;
/** The lease of a token's first look-up ends within this time. A token is rarely revoked that soon. */
const leaseMs = 600;

/** Measures how long an invalidation through one process takes until the last process rejects the token. */
export async function measureInvalidation({ server, endpoint, redis, storeSecret, isQuick }: Bench): Promise<Report> {
  const ratios: number[] = [];
  const all: Record<'rejects' | 'rejected' | 'roundTrip', number[]> = { rejects: [], rejected: [], roundTrip: [] };
  let wrong = 0;
  await withFleet(processes, { endpoint, redisUrl: redis.url, storeSecret }, async (fleet) => {
    const [invalidating, ...others] = fleet;
    if (invalidating === undefined) return;
    const isInMemory = async (token: number) => {
      const lookUps = async () => {
        for (const each of fleet) if ((await each.get('lookUp', token)) !== 'accepted') wrong++;
      };
      return (await introspectionsDuring(server, lookUps)) === 0;
    };
    for (const _ of roundsWithin(40, isQuick ? 1 : 3)) {
      const first = newTokens(perBlock);
      const tokens = Array.from({ length: perBlock }, (_, index) => first + index);
      const rejects: number[] = [];
      const roundTrips: number[] = [];
      for (const token of tokens) while (!(await isInMemory(token))); // until the write to Redis has ended
      await delay(leaseMs);
      for (const token of tokens) {
        // Earlier invalidations may make a process read Redis first. That read could meet this invalidation.
        while (!(await isInMemory(token)));
        await server.get('revoke', token);
        const rejections = others.map((each) => each.get<Rejection>('rejection', token));
        const { at, isStored } = await invalidating.get<{ at: string; isStored: boolean }>('invalidate', token);
        const ended = await Promise.all(rejections);
        if (!isStored) wrong++;
        const last = (of: 'began' | 'ended') =>
          Math.max(...ended.map((each) => Number(BigInt(each[of]) - BigInt(at)) / 1e6));
        rejects.push(last('began'));
        all.rejected.push(last('ended'));
        roundTrips.push(...(await invalidating.get<number[]>('roundTrips', 5)));
      }
      ratios.push(quantile(rejects, 0.99) / quantile(roundTrips, 0.99));
      all.rejects.push(...rejects);
      all.roundTrip.push(...roundTrips);
    }
  });
  const ratioOf = (share: number) => times(quantile(all.rejects, share) / quantile(all.roundTrip, share));
  const row = (name: string, values: readonly number[]) => [
    name,
    ...[0.5, 0.99, 1].map((share) => `${quantile(values, share).toFixed(2)} ms`),
  ];
  return {
    title: 'An invalidation, until the last process rejects the token',
    columns: ['', 'median', 'p99', 'most'],
    rows: [
      row('until none of the 7 other processes accepts the token in a new request', all.rejects),
      row('until each of them has denied its first request', all.rejected),
      row('a round trip to Redis', all.roundTrip),
      ['the first row ÷ a round trip', ...[0.5, 0.99, 1].map(ratioOf)],
    ],
    goals: [
      atMost(50, ratios, 'p99 of the time until no process accepts the token ÷ p99 of a Redis round trip'),
      { goal: 'invalidations that went wrong = 0', measured: String(wrong), isReached: wrong === 0 },
    ],
    notes: [
      `${all.rejects.length} invalidations in blocks of ${perBlock}. The goal takes the median of the blocks' ratios, so that a busy ` +
        'moment counts little; the table takes all invalidations together. Each process looks the token up each millisecond. ' +
        'Before it denies its first request, it reads Redis, and waits until one of the processes has introspected the token.',
    ],
  };
}
