// npm run bench:fleet [-- --quick] [-- <measurement> …]: measures several processes that share a cache in Redis, in at most about
// five minutes. A full run also writes its results into docs/scaling.md, and the picture of them.
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { findRedis, startRedis } from '../../packages/introspect-redis/test/redis-server.js';
import type { Bench } from './fleet/bench.js';
import { measureContents } from './fleet/contents.js';
import { measureFaults } from './fleet/faults.js';
import { type Introspections, measureIntrospections } from './fleet/introspections.js';
import { measureInvalidation } from './fleet/invalidation.js';
import { pictureOf } from './fleet/picture.js';
import { measureSecondTier } from './fleet/second-tier.js';
import { goalTable, markdownOf, type Report } from './report.js';
import { startWorker } from './worker.js';

const timeLimitMs = 600_000;
const page = new URL('../../docs/scaling.md', import.meta.url);
const picture = new URL('../../docs/scaling.svg', import.meta.url);

let points: readonly Introspections[] = [];
const measurements: Readonly<Record<string, (bench: Bench) => Promise<Report>>> = {
  introspections: async (bench) => {
    const measured = await measureIntrospections(bench);
    points = measured.points;
    return measured.report;
  },
  invalidation: measureInvalidation,
  faults: measureFaults,
  'second-tier': measureSecondTier,
  contents: measureContents,
};

const { values, positionals: chosen } = parseArgs({ options: { quick: { type: 'boolean' } }, allowPositionals: true });
const names = Object.keys(measurements);
const unknown = chosen.find((name) => !names.includes(name));
if (unknown !== undefined)
  throw new TypeError(`"${unknown}" is not a measurement; known measurements: ${names.join(', ')}`);
if (findRedis() === undefined) {
  console.error('bench:fleet needs redis-server, which is not installed. On Debian: apt install redis-server');
  process.exit(1);
}
setTimeout(() => {
  console.error('It did not end in time.');
  process.exit(1);
}, timeLimitMs).unref();

const startedAt = performance.now();
const machine = machineNow();
const redis = await startRedis();
const stop = () => process.exit(1);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
process.once('exit', () => void redis.kill());

const server = await startWorker('./workers/fleet-server.js');
const bench: Bench = {
  server,
  endpoint: await server.get<string>('endpoint'),
  redis,
  storeSecret: randomBytes(32).toString('base64'),
  isQuick: values.quick ?? false,
};
console.log(`# A fleet\n\n${machine}`);
const reports: Report[] = [];
try {
  for (const name of chosen.length > 0 ? chosen : names) {
    const report = await measurements[name]?.(bench);
    if (report === undefined) continue;
    reports.push(report);
    console.log(`\n${markdownOf(report)}`);
  }
  const goals = reports.flatMap((each) => each.goals);
  const count = (state: boolean | undefined) => goals.filter(({ isReached }) => isReached === state).length;
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.log(
    `\n${count(true)} of ${goals.length} goals reached, ${count(false)} missed, ${count(undefined)} unclear, in ${seconds} s.`,
  );
  if (!bench.isQuick && chosen.length === 0) {
    writeFileSync(picture, pictureOf(points));
    writeFileSync(page, withResults(readFileSync(page, 'utf8')));
    console.log('Written to docs/scaling.md and docs/scaling.svg.');
  }
} finally {
  server.end();
  await redis.kill();
}

function machineNow(): string {
  const [processor] = cpus();
  const [load = 0] = loadavg();
  return (
    `Node ${process.version} on ${process.platform}/${process.arch}, ${cpus().length} × ${processor?.model.trim()}. ` +
    `The load average was ${load.toFixed(1)} at the start.`
  );
}

/** Replaces what stands between the two comments of the page. */
function withResults(text: string): string {
  const [begin, end] = ['<!-- npm run bench:fleet writes this part -->', '<!-- the end of that part -->'];
  const [before, after] = [text.indexOf(begin), text.indexOf(end)];
  if (before < 0 || after < before) throw new Error(`docs/scaling.md must contain the lines ${begin} and ${end}`);
  const sections = [
    machine,
    goalTable(reports.flatMap((each) => each.goals)),
    ...reports.map((each) => markdownOf({ ...each, goals: [] }).replace(/^## /, '### ')),
  ];
  return `${text.slice(0, before + begin.length)}\n\n${sections.join('\n\n')}\n\n${text.slice(after)}`;
}
