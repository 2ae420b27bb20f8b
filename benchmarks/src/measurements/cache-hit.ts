// The cost of a cache hit, beside verifying a JWT, and beside finding one that was verified before.
import { isQuick } from '../quick.js';
import { atLeast, cells, columnsOf, type Report } from '../report.js';
import { inRounds, median, ratios } from '../rounds.js';
import { runWorker, serve } from '../worker.js';

const processes = isQuick ? 1 : 9;
const forMs = isQuick ? 30 : 150;
const repeats = isQuick ? 3 : 5;

const names = [
  'ours, front table, JWT',
  'ours, front table, opaque',
  'ours, behind it, JWT',
  'ours, behind it, opaque',
  'ours, guard() of the authorizer, JWT',
  'jose jwtVerify, RS256',
  'fast-jwt with its cache',
  'only SHA-256 of a JWT',
] as const;
type Name = (typeof names)[number];

async function report(): Promise<Report> {
  const sample = (name: Name) => () =>
    runWorker<number>('./workers/hits.js', [name, String(forMs), String(repeats)], 'microseconds');
  const rivals = Object.fromEntries(names.map((name) => [name, sample(name)])) as Record<Name, () => Promise<number>>;
  const samples = await inRounds(rivals, { rounds: processes, warmUps: 0 });
  const goal = (bound: number, ours: Name, other: Name) =>
    atLeast(bound, ratios(samples[other], samples[ours]), `${ours}: as cheap as ${other}`);
  return {
    title: 'A cache hit',
    columns: ['', ...columnsOf('CPU, of a JWT through the front table'), 'CPU µs'],
    rows: names.map((name) => [
      name,
      ...cells(ratios(samples[name], samples['ours, front table, JWT'])),
      median(samples[name]).toFixed(2),
    ]),
    goals: (['JWT', 'opaque'] as const).flatMap((kind) => [
      goal(100, `ours, front table, ${kind}`, 'jose jwtVerify, RS256'),
      goal(4, `ours, front table, ${kind}`, 'fast-jwt with its cache'),
      goal(2, `ours, behind it, ${kind}`, 'fast-jwt with its cache'),
    ]),
    notes: [
      'From the header field to the decision, as in the adapters: without a promise. fast-jwt is synchronous too. ' +
        '"Behind it" has `frontEntries: 0`. `guard()` returns a promise.',
    ],
  };
}

serve({ report });
