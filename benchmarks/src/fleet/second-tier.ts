import { atMost, cells, columnsOf, type Report } from '../report.js';
import { median } from '../rounds.js';
import { type Bench, newTokens } from './bench.js';
import { type SecondTier, withFleet } from './fleet.js';

const perRound = 100;
/** These rounds are not measured: the code of both is not compiled yet. */
const warmUpRounds = 30;

/** Compares the first look-up of a token that another process has shared with a plain GET. */
export async function measureSecondTier(bench: Bench): Promise<Report> {
  const kinds = { 'without "storeSecret"': undefined, 'with "storeSecret"': bench.storeSecret };
  const samples = await Promise.all(
    Object.entries(kinds).map(async ([name, storeSecret]) => ({ name, samples: [] as SecondTier[], storeSecret })),
  );
  for (const kind of samples) kind.samples.push(...(await secondTierOf(bench, kind.storeSecret)));
  const ratios = (of: readonly SecondTier[]) => of.map(({ hitMs, getMs }) => hitMs / getMs);
  return {
    title: 'A hit in Redis',
    columns: ['', ...columnsOf('hit ÷ plain GET, median'), 'time of a hit', 'time of a plain GET'],
    rows: samples.map(({ name, samples }) => [
      name,
      ...cells(ratios(samples)),
      `${median(samples.map(({ hitMs }) => hitMs)).toFixed(3)} ms`,
      `${median(samples.map(({ getMs }) => getMs)).toFixed(3)} ms`,
    ]),
    goals: samples.map(({ name, samples }) => atMost(1.4, ratios(samples), `a hit in Redis ${name} ÷ a plain GET`)),
    notes: [
      'Hits and GETs take turns, one at a time. The process has never seen the token before: another one has stored the response.',
    ],
  };
}

async function secondTierOf(
  { endpoint, redis, isQuick }: Bench,
  storeSecret: string | undefined,
): Promise<SecondTier[]> {
  await redis.command('FLUSHALL');
  const rounds = isQuick ? 3 : 12;
  const count = (warmUpRounds + rounds) * perRound;
  const first = newTokens(count);
  const settings = { endpoint, redisUrl: redis.url, ...(storeSecret !== undefined && { storeSecret }) };
  return withFleet(2, settings, async ([writer, reader]) => {
    await writer?.get('each', first, count, 16);
    const samples = await reader?.get<SecondTier[]>('secondTier', first, warmUpRounds + rounds, perRound);
    return samples?.slice(warmUpRounds) ?? [];
  });
}
