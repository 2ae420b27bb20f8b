// npm run bench [-- --quick] [-- <question> …]: asks each question in a process of its own, and prints what was found. All of
// them, and not in a hurry: into RESULTS.md as well.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { markdownOf, type Report } from './report.js';
import { askWorker } from './worker.js';

const questions = [
  'uncached-introspection',
  'cache-hit',
  'protected-route',
  'first-hit',
  'memory',
  'growth',
  'import-and-size',
];

const { values, positionals: chosen } = parseArgs({ options: { quick: { type: 'boolean' } }, allowPositionals: true });
const unknown = chosen.find((name) => !questions.includes(name));
if (unknown !== undefined) throw new TypeError(`"${unknown}" is none of the questions: ${questions.join(', ')}`);

const args = values.quick ? ['--quick'] : [];
const sections = [introduction()];
console.log(sections[0]);
const goals = [];
for (const question of chosen.length > 0 ? chosen : questions) {
  const report = await askWorker<Report>(`./measurements/${question}.js`, args, 'report');
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

Node ${process.version} on ${process.platform}/${process.arch}, ${cpus().length} × ${processor?.model.trim()}. By \`npm run bench\`; medians of several rounds, \
rivals in turns.
Ratios travel from machine to machine; the numbers in the last columns do not.`;
}
