import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import { commands, steps } from './model/commands.js';
import { settings } from './model/setting.js';
import { System } from './model/system.js';

/**
 * Given by the environment to run longer, elsewhere, or to repeat a run: a failure prints the seed that leads to it at once.
 * Without, every run is the same: what fails a change is then the change.
 */
const wanted = Number(process.env.MODEL_STEPS ?? 1_000_000);
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

it('serves nothing expired, too old or forgotten, whatever happens in whatever order', { timeout: 0 }, async () => {
  const say = (what: string) => process.stdout.write(`The model of the cache: ${what}\n`);
  say(`${wanted} steps, MODEL_SEED=${firstSeed}`);
  for (let seed = firstSeed; steps.run < wanted; seed++) {
    const before = steps.run;
    await fc.assert(property, { seed, numRuns: runsOfOneSeed });
    if (millions(steps.run) > millions(before)) say(`${steps.run} steps done, up to seed ${seed}`);
  }
  expect(steps.run).toBeGreaterThanOrEqual(wanted);
});
