// npm run bench [-- --quick] [-- <measurement> …]: runs each measurement in its own process, and prints its report. A full run
// also writes RESULTS.md.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type Goal, markdownOf, type Report } from './report.js';
import { runWorker } from './worker.js';

const measurements = [
  'uncached-introspection',
  'cache-hit',
  'protected-route',
  'first-hit',
  'memory',
  'growth',
  'import-and-size',
];

const { values, positionals: chosen } = parseArgs({ options: { quick: { type: 'boolean' } }, allowPositionals: true });
const unknown = chosen.find((name) => !measurements.includes(name));
if (unknown !== undefined)
  throw new TypeError(`"${unknown}" is not a measurement; known measurements: ${measurements.join(', ')}`);

const args = values.quick ? ['--quick'] : [];
const sections = [introduction()];
console.log(sections[0]);
const goals: Goal[] = [];
for (const name of chosen.length > 0 ? chosen : measurements) {
  const report = await runWorker<Report>(`./measurements/${name}.js`, args, 'report');
  const section = markdownOf(report);
  console.log(`\n${section}`);
  sections.push(section);
  goals.push(...report.goals);
}

const count = (state: boolean | undefined) => goals.filter(({ isReached }) => isReached === state).length;
console.log(`\n${count(true)} of ${goals.length} goals reached, ${count(false)} missed, ${count(undefined)} unclear.`);
if (!values.quick && chosen.length === 0) {
  writeFileSync(new URL('../RESULTS.md', import.meta.url), `${sections.join('\n\n')}\n`);
  console.log('Written to benchmarks/RESULTS.md.');
}

function introduction(): string {
  const [processor] = cpus();
  return `# Results

Node ${process.version} on ${process.platform}/${process.arch}, ${cpus().length} × ${processor?.model.trim()}. \
Measured by \`npm run bench\`: each library in several processes, in turns.

Each ratio is taken within one round of processes. The tables show the median of the rounds, the least one, and the spread: \
the distance between the first and the third quartile. A goal is "unclear" if the spread is larger than the distance \
between the median and the goal. Ratios are similar on other machines. The absolute numbers in the last columns are not.`;
}
