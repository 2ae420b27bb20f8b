// Whether a cache hit costs more if the cache has more entries. Each cache has its own process. They are measured in turns.
import { isQuick } from '../quick.js';
import { atMost, cells, columnsOf, type Report } from '../report.js';
import { inRounds, median, ratios } from '../rounds.js';
import { serve, startWorker } from '../worker.js';

const small = 100;
const sizes = isQuick ? [small, 10_000, 50_000] : [small, 10_000, 1_000_000];
const forMs = isQuick ? 50 : 100;
const rounds = isQuick ? 3 : 33;
const warmUps = isQuick ? 2 : 5;
const kinds = ['the same tokens', 'random tokens'] as const;

async function report(): Promise<Report> {
  const workers = await Promise.all(
    sizes.map((size) => startWorker('./workers/growth.js', [String(size), String(forMs)])),
  );
  const rivals = sizes.flatMap((size, index) =>
    kinds.map((kind) => [nameOf(size, kind), async () => Number(await workers[index]?.get<number>(kind))] as const),
  );
  const samples = await inRounds(Object.fromEntries(rivals), { rounds, warmUps });
  for (const worker of workers) worker.end();

  const ratio = (size: number, kind: string) =>
    ratios(samples[nameOf(size, kind)] ?? [], samples[nameOf(small, kind)] ?? []);
  return {
    title: 'A cache hit, as the cache grows',
    columns: ['entries', ...kinds.flatMap((kind) => [...columnsOf(kind), 'CPU µs'])],
    rows: sizes.map((size) => [
      size.toLocaleString('en'),
      ...kinds.flatMap((kind) => [...cells(ratio(size, kind)), median(samples[nameOf(size, kind)] ?? []).toFixed(2)]),
    ]),
    goals: sizes
      .slice(1)
      .map((size) => atMost(1.2, ratio(size, kinds[0]), `${size.toLocaleString('en')} entries, ${kinds[0]}`)),
    notes: [
      'The goals are about the same 100 tokens in a larger cache: they show how our own work grows. With 10,000 random tokens, ' +
        'the processor also waits for memory that is not in its caches, as with a bare Map.',
    ],
  };
}

function nameOf(size: number, kind: string): string {
  return `${size} ${kind}`;
}

serve({ report });
