// The cost of an introspection, beside the same HTTP request without a client, and beside other libraries.
import { isQuick } from '../quick.js';
import { atLeast, cells, columnsOf, type Report } from '../report.js';
import { inRounds, median, ratios } from '../rounds.js';
import { runWorker, serve, startWorker } from '../worker.js';
import type { Sample } from '../workers/introspector.js';

const concurrency = 50;
const processes = isQuick ? 1 : 5;
/** Until the code is compiled, a request costs more than later. A client runs for days. */
const warmUpMs = isQuick ? 200 : 4000;
const forMs = isQuick ? 100 : 300;
const repeats = isQuick ? 3 : 5;

const bare = 'undici request, bare';
const peers = ['oauth4webapi', 'openid-client', 'token-introspection'] as const;
const names = [
  bare,
  'fetch, bare',
  'fetch with a deadline',
  ...peers,
  'ours, ofetch',
  'ours, undici',
  "ours, undici's Agent",
  'ours, default of a Node adapter',
] as const;
type Name = (typeof names)[number];

async function report(): Promise<Report> {
  const server = await startWorker('./workers/authorization-server.js');
  const endpoint = await server.get<string>('endpoint');
  const sample = (name: Name) => () =>
    runWorker<Sample>(
      './workers/introspector.js',
      [name, endpoint, ...[concurrency, warmUpMs, forMs, repeats].map(String)],
      'sample',
    );
  const rivals = Object.fromEntries(names.map((name) => [name, sample(name)])) as Record<Name, () => Promise<Sample>>;
  const samples = await inRounds(rivals, { rounds: processes, warmUps: 0 });
  server.end();

  const perSecond = (name: Name) => samples[name].map((each) => each.perSecond);
  const cpu = (name: Name) => samples[name].map((each) => each.cpuMicroseconds);
  const best = perSecond(bare).map((_, round) => Math.max(...peers.map((peer) => perSecond(peer)[round] ?? 0)));
  const goal = (bound: number, ours: Name, base: readonly number[], of: string) =>
    atLeast(bound, ratios(perSecond(ours), base), `${ours}: requests/s of ${of}`);
  return {
    title: `Uncached introspection, ${concurrency} at a time`,
    columns: [
      '',
      ...columnsOf('requests/s, of bare undici'),
      ...columnsOf('CPU per request, of bare undici'),
      'requests/s',
      'CPU µs',
    ],
    rows: names.map((name) => [
      name,
      ...cells(ratios(perSecond(name), perSecond(bare))),
      ...cells(ratios(cpu(name), cpu(bare))),
      median(perSecond(name)).toFixed(0),
      median(cpu(name)).toFixed(0),
    ]),
    goals: [
      goal(1.1, 'ours, undici', perSecond(bare), bare),
      goal(3, 'ours, undici', best, 'the best peer'),
      goal(2.8, 'ours, default of a Node adapter', best, 'the best peer'),
      goal(0.95, 'ours, ofetch', perSecond('fetch with a deadline'), 'fetch with a deadline'),
      goal(1, 'ours, ofetch', perSecond('oauth4webapi'), 'oauth4webapi'),
      goal(1, 'ours, ofetch', perSecond('openid-client'), 'openid-client'),
    ],
    notes: [
      `The peers are ${peers.join(', ')}. ours, undici's Agent: with a dispatcher of undici instead of our pool of connections.`,
    ],
  };
}

serve({ report });
