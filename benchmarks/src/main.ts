// npm run bench [-- --quick] [-- <measurement> …]: runs each measurement in its own process, and prints its report. A full run
// also writes RESULTS.md.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { markdownOf, type Report } from './report.js';
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
const goals = [];
for (const name of chosen.length > 0 ? chosen : measurements) {
  const report = await runWorker<Report>(`./measurements/${name}.js`, args, 'report');
  const section = markdownOf(report);
  console.log(`\n${section}`);
  sections.push(section);
  goals.push(...report.goals);
}

console.log(`\n${goals.filter(({ isReached }) => isReached).length} of ${goals.length} goals reached.`);
if (!values.quick && chosen.length === 0) {
  writeFileSync(new URL('../RESULTS.md', import.meta.url), `${sections.join('\n\n')}\n`);
  console.log('Written to benchmarks/RESULTS.md.');
}

function introduction(): string {
  const [processor] = cpus();
  return `# Results

Node ${process.version} on ${process.platform}/${process.arch}, ${cpus().length} × ${processor?.model.trim()}. \
Measured by \`npm run bench\`: medians of several rounds, libraries in turns.
Ratios are similar on other machines. The absolute numbers in the last columns are not.`;
}
