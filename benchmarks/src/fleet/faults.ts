import { setTimeout as delay } from 'node:timers/promises';
import type { RedisServer } from '../../../packages/introspect-redis/test/redis-server.js';
import { atMost, type Goal, type Report, times } from '../report.js';
import { median } from '../rounds.js';
import type { Worker } from '../worker.js';
import { type Bench, introspectionsDuring, newTokens, roundsWithin } from './bench.js';
import { type HitTimes, type LookUps, withFleet } from './fleet.js';
import { type SlowProxy, startSlowProxy } from './slow-proxy.js';

const processes = 4;
const tokens = 500;
const slowMs = 1000;
const recoversWithinMs = 30_000;

interface Fault {
  readonly name: string;
  begin(redis: RedisServer, proxy: SlowProxy): unknown;
  end(redis: RedisServer, proxy: SlowProxy): unknown;
}

const faults: readonly Fault[] = [
  { name: 'killed, then started again', begin: (redis) => redis.kill(), end: (redis) => redis.startAgain() },
  { name: 'hanging (SIGSTOP)', begin: (redis) => redis.freeze(), end: (redis) => redis.thaw() },
  { name: `slow (${slowMs} ms)`, begin: (_, proxy) => proxy.delayBy(slowMs), end: (_, proxy) => proxy.delayBy(0) },
  { name: 'emptied (FLUSHALL)', begin: (redis) => redis.command('FLUSHALL'), end: () => {} },
];

/** What happened during one fault. */
interface Outcome {
  hitRatio: number;
  wrong: number;
  unavailable: number;
  /** How long it took until a process used a response of another one again, and an invalidation reached all. */
  recoveryMs: number;
}

/** Measures what a fleet loses while Redis is down, hangs, is slow or was emptied. */
export async function measureFaults(bench: Bench): Promise<Report> {
  const { endpoint, redis, storeSecret, isQuick } = bench;
  const proxy = await startSlowProxy(redis.port);
  const outcomes = new Map(faults.map(({ name }) => [name, [] as Outcome[]]));
  const redisUrl = `redis://127.0.0.1:${proxy.port}`;
  try {
    await withFleet(processes, { endpoint, redisUrl, storeSecret, localMaxAgeSeconds: 600 }, async (fleet) => {
      for (const _ of roundsWithin(60, isQuick ? 1 : 3)) {
        for (const fault of faults) outcomes.get(fault.name)?.push(await during(fault, { bench, fleet, proxy }));
      }
    });
  } finally {
    proxy.close();
  }
  const all = [...outcomes.values()].flat();
  const sum = (of: readonly Outcome[], what: 'wrong' | 'unavailable') =>
    of.reduce((total, each) => total + each[what], 0);
  const hitGoal = ([name, each]: [string, Outcome[]]): Goal =>
    atMost(
      1.2,
      each.map(({ hitRatio }) => hitRatio),
      `Redis ${name}: p99 of a hit in memory ÷ p99 before`,
    );
  const recovered = all.filter(({ recoveryMs }) => recoveryMs < recoversWithinMs).length;
  return {
    title: 'Redis down, hanging, slow and empty',
    columns: [
      'Redis is',
      'wrong responses',
      'failed look-ups',
      'p99 of a hit ÷ p99 before',
      'time until responses are shared again',
    ],
    rows: [...outcomes].map(([name, each]) => [
      name,
      String(sum(each, 'wrong')),
      String(sum(each, 'unavailable')),
      times(median(each.map(({ hitRatio }) => hitRatio))),
      `${Math.round(median(each.map(({ recoveryMs }) => recoveryMs)))} ms`,
    ]),
    goals: [
      {
        goal: 'wrong responses while Redis fails = 0',
        measured: String(sum(all, 'wrong')),
        isReached: sum(all, 'wrong') === 0,
      },
      ...[...outcomes].slice(0, 3).map(hitGoal),
      {
        goal: 'responses are shared again after each fault of Redis',
        measured: `${recovered} of ${all.length}`,
        isReached: recovered === all.length,
      },
    ],
    notes: [
      `During a fault, one process looks up tokens that it has in memory ("localMaxAgeSeconds" is 600), and new tokens in between: ` +
        `this gives the p99. Then all ${processes} processes look up new tokens: this gives the failed look-ups. At last, one process ` +
        'invalidates a revoked token, and must reject it. All steps count wrong responses.',
    ],
  };
}

async function during(
  fault: Fault,
  { bench, fleet, proxy }: { bench: Bench; fleet: readonly Worker[]; proxy: SlowProxy },
): Promise<Outcome> {
  const { server, redis, isQuick } = bench;
  const [first] = fleet;
  if (first === undefined) throw new RangeError('a fleet needs a process');
  const hits = isQuick ? 20_000 : 50_000;
  const hitTimes = () => first.get<HitTimes>('hitTimes', hits, newTokens(hits / 100));
  const revoked = newTokens(1);
  for (const each of fleet) await each.get('lookUp', revoked);

  await hitTimes(); // warms up
  const before = await hitTimes();
  await fault.begin(redis, proxy);
  const meanwhile = await hitTimes();
  const traffic = { seed: 2, tokens, firstToken: newTokens(tokens), lookUps: isQuick ? 2000 : 8000, processes };
  const lookUps = await Promise.all(fleet.map((each) => each.get<LookUps>('traffic', traffic, 8)));
  await server.get('revoke', revoked);
  await first.get('invalidate', revoked);
  const isStillAccepted = (await first.get('lookUp', revoked)) === 'accepted';
  await fault.end(redis, proxy);
  const startedAt = performance.now();
  await recovery(bench, fleet);
  return {
    hitRatio: meanwhile.p99Microseconds / before.p99Microseconds,
    wrong:
      before.wrong + meanwhile.wrong + lookUps.reduce((total, each) => total + each.wrong, 0) + Number(isStillAccepted),
    unavailable: lookUps.reduce((total, each) => total + each.unavailable, 0),
    recoveryMs: performance.now() - startedAt,
  };
}

/** Waits until all other processes use a response that one process introspected, or until it is too late. */
async function recovery({ server }: Bench, [first, ...others]: readonly Worker[]): Promise<void> {
  const endsAt = performance.now() + recoversWithinMs;
  while (performance.now() < endsAt) {
    const token = newTokens(1);
    await first?.get('lookUp', token);
    await delay(5); // the response is written to Redis after the request
    const introspections = await introspectionsDuring(server, () =>
      Promise.all(others.map((each) => each.get('lookUp', token))),
    );
    if (introspections === 0) return;
  }
}
