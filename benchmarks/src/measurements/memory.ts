// The memory of cached responses, beside the same JSON parsed and stored. Each has its own process.
import { isQuick } from '../quick.js';
import { atMost, cells, columnsOf, type Report } from '../report.js';
import { inRounds, median, ratios } from '../rounds.js';
import { runWorker, serve } from '../worker.js';
import { zitadelResponse } from '../zitadel-response.js';

const responses = isQuick ? 10_000 : 100_000;
const rounds = isQuick ? 1 : 3;

async function report(): Promise<Report> {
  const holding = (holder: string) => () =>
    runWorker<number>('./workers/memory.js', [holder, String(responses)], 'bytes');
  const samples = await inRounds(
    {
      'the JSON parsed, in a list': holding('parsed'),
      'the JSON parsed, in a Map by token': holding('map'),
      'ours, the cache': holding('ours'),
    },
    { rounds, warmUps: 0 },
  );
  const base = samples['the JSON parsed, in a list'];
  return {
    title: `Memory of ${responses.toLocaleString('en')} responses of ZITADEL`,
    columns: ['', ...columnsOf('of the parsed JSON'), 'bytes per response'],
    rows: Object.entries(samples).map(([name, values]) => [
      name,
      ...cells(ratios(values, base)),
      (median(values) / responses).toFixed(0),
    ]),
    goals: [atMost(1.3, ratios(samples['ours, the cache'], base), 'the cache, of the parsed JSON')],
    notes: [
      `Heap and external memory after a garbage collection. A response is ${zitadelResponse(0).length} bytes of JSON.`,
    ],
  };
}

serve({ report });
