// What kept answers take, beside the same JSON parsed and held. Each in a process of its own.
import { isQuick } from '../quick.js';
import { atMost, type Report, times } from '../report.js';
import { inRounds, median, medianRatio } from '../rounds.js';
import { answer, askWorker } from '../worker.js';
import { zitadelAnswer } from '../zitadel-response.js';

const answers = isQuick ? 10_000 : 100_000;
const rounds = isQuick ? 1 : 3;

async function report(): Promise<Report> {
  const holding = (holder: string) => () =>
    askWorker<number>('./workers/memory.js', [holder, String(answers)], 'bytes');
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
    question: `Memory of ${answers.toLocaleString('en')} answers of ZITADEL`,
    columns: ['', 'of the parsed JSON', 'bytes per answer'],
    rows: Object.entries(samples).map(([name, values]) => [
      name,
      times(medianRatio(values, base)),
      (median(values) / answers).toFixed(0),
    ]),
    goals: [atMost(1.3, medianRatio(samples['ours, the cache'], base), 'the cache, of the parsed JSON')],
    notes: [
      `Heap and external memory after garbage was collected. An answer is ${zitadelAnswer(0).length} bytes of JSON.`,
    ],
  };
}

answer({ report });
