import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import { commands, steps } from './model/commands.js';
import { settings } from './model/setting.js';
import { System } from './model/system.js';

/**
 * The environment variables make the run longer, or repeat it: a failure prints the seed that leads to it. Without them
 * each run is the same, so that a failure comes from a change of the code.
 */
const wantedSteps = Number(process.env.MODEL_STEPS ?? 50_000);
const firstSeed = Number(process.env.MODEL_SEED ?? 1);
const runsOfOneSeed = 500;

const millions = (count: number) => Math.floor(count / 1_000_000);

const { random } = Math;
afterEach(() => {
  vi.unstubAllGlobals();
  Math.random = random;
});

const property = fc.asyncProperty(settings, commands, async (setting, sequence) => {
  vi.stubGlobal('navigator', { userAgent: setting.isWorkerd ? 'Cloudflare-Workers' : 'Node.js' });
  const system = new System(setting);
  vi.stubGlobal('setTimeout', system.time.setTimeout);
  vi.stubGlobal('clearTimeout', system.time.clearTimeout);
  Math.random = system.random;
  await fc.asyncModelRun(() => ({ model: system, real: system }), sequence);
  await system.finish();
});

it('the cache serves no expired, too old or invalidated response, whatever happens in whatever order', {
  timeout: 0,
}, async () => {
  const print = (text: string) => process.stdout.write(`The model of the cache: ${text}\n`);
  print(`${wantedSteps} steps, MODEL_SEED=${firstSeed}`);
  for (let seed = firstSeed; steps.run < wantedSteps; seed++) {
    const before = steps.run;
    await fc.assert(property, { seed, numRuns: runsOfOneSeed });
    if (millions(steps.run) > millions(before)) print(`${steps.run} steps done, up to seed ${seed}`);
  }
  expect(steps.run).toBeGreaterThanOrEqual(wantedSteps);
});
