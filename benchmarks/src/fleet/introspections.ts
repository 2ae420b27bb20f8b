import { atMost, type Report, times } from '../report.js';
import { median } from '../rounds.js';
import { type Bench, introspectionsDuring, newTokens, roundsWithin } from './bench.js';
import { type LookUps, withFleet } from './fleet.js';

const sizes = [1, 2, 4, 8];
const tokens = 5000;
/** Of all processes together, so that each fleet serves the same traffic. */
const concurrency = 32;
const serverMs = 10;

/** The introspection requests of fleets of different sizes that serve the same traffic. */
export interface Introspections {
  readonly processes: number;
  readonly alone: number;
  readonly withRedis: number;
}

export async function measureIntrospections(bench: Bench): Promise<{ report: Report; points: Introspections[] }> {
  const { server, isQuick } = bench;
  const lookUps = isQuick ? 20_000 : 60_000;
  await server.get('respondAfter', serverMs);
  const run = (processes: number, redisUrl?: string) => introspectionsOf(bench, { processes, lookUps, redisUrl });
  const points: Introspections[] = [];
  let [wrong, unavailable] = [0, 0];
  const note = (all: Run) => {
    wrong += all.wrong;
    unavailable += all.unavailable;
    return all.introspections;
  };
  for (const processes of sizes) {
    const alone = note(await run(processes));
    points.push({ processes, alone, withRedis: note(await run(processes, bench.redis.url)) });
  }
  const largest = points.pop();
  const repeated: number[] = [largest?.withRedis ?? Number.NaN];
  for (const _ of roundsWithin(20, isQuick ? 1 : 2)) repeated.push(note(await run(8, bench.redis.url)));
  if (largest !== undefined) points.push({ ...largest, withRedis: median(repeated) });
  await server.get('respondAfter', 0);

  const base = points[0]?.alone ?? Number.NaN;
  return {
    points,
    report: {
      title: 'Introspection requests of a fleet',
      columns: [
        'processes',
        'requests without Redis',
        '÷ one process',
        'requests with Redis',
        '÷ one process without Redis',
      ],
      rows: points.map(({ processes, alone, withRedis }) => [
        String(processes),
        String(alone),
        times(alone / base),
        String(withRedis),
        times(withRedis / base),
      ]),
      goals: [
        atMost(
          1.05,
          repeated.map((count) => count / base),
          'introspection requests of 8 processes with Redis ÷ those of 1 process',
        ),
        { goal: 'wrong responses while Redis works = 0', measured: String(wrong), isReached: wrong === 0 },
      ],
      notes: [
        `${lookUps.toLocaleString('en')} look-ups of ${tokens.toLocaleString('en')} tokens in Zipf distribution, shared by the ` +
          `processes, ${concurrency} at a time. All caches are empty at first. The server responds after ${serverMs} ms. ` +
          `${unavailable} look-ups failed.`,
      ],
    },
  };
}

interface Run {
  readonly introspections: number;
  readonly wrong: number;
  readonly unavailable: number;
}

async function introspectionsOf(
  { server, endpoint, redis, storeSecret }: Bench,
  { processes, lookUps, redisUrl }: { processes: number; lookUps: number; redisUrl: string | undefined },
): Promise<Run> {
  await redis.command('FLUSHALL');
  const traffic = { seed: 1, tokens, firstToken: newTokens(tokens), lookUps, processes };
  const settings = redisUrl === undefined ? { endpoint } : { endpoint, redisUrl, storeSecret };
  return withFleet(processes, settings, async (fleet) => {
    let results: LookUps[] = [];
    const introspections = await introspectionsDuring(server, async () => {
      results = await Promise.all(fleet.map((each) => each.get<LookUps>('traffic', traffic, concurrency / processes)));
    });
    const sum = (of: 'wrong' | 'unavailable') => results.reduce((all, each) => all + each[of], 0);
    return { introspections, wrong: sum('wrong'), unavailable: sum('unavailable') };
  });
}
