import { runChaos } from './chaos.js';
import { failures } from './failures.js';
import { fullPlan, redisPlan, shortPlan } from './plan.js';
import { phaseHead, phaseRow, summary } from './report.js';

// pnpm chaos [--short | --redis]
const isWithRedis = process.argv.includes('--redis');
const plan = isWithRedis ? redisPlan : process.argv.includes('--short') ? shortPlan : fullPlan;
const planMs = plan.phases.reduce((sum, { ms }) => sum + ms, 0);

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
setTimeout(() => {
  console.error('It did not end in time.');
  process.exit(1);
}, planMs + 60_000).unref();

console.log(
  `The Fastify demo under load for ${planMs / 1000} s, while ${isWithRedis ? 'Redis' : 'its authorization server'} fails.\n`,
);
console.log(phaseHead());
const outcome = await runChaos(plan, (phase) => console.log(phaseRow(phase)));
const found = failures(outcome, plan);
console.log(summary(outcome, found));
process.exitCode = found.length > 0 ? 1 : 0;
