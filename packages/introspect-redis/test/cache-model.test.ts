import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Command, command, steps } from '../../introspect-core/test/lookup/model/commands.js';
import { settings } from '../../introspect-core/test/lookup/model/setting.js';
import { System } from '../../introspect-core/test/lookup/model/system.js';
import { RedisTime, timersOf } from './model/real-time.js';
import { RedisProcesses, RedisSharedStore } from './model/redis-processes.js';
import { findRedis, type RedisServer, startRedis } from './redis-server.js';

/**
 * The model of the core's cache with two processes that share a real Redis. Only the clocks and the timers of the code
 * under test are those of the model: each step ends when Redis has replied, and both processes have heard of all changes.
 *
 * The environment variables make the run longer, or repeat it: a failure prints the seed that leads to it.
 */
const wantedSteps = Number(process.env.REDIS_MODEL_STEPS ?? 1500);
const firstSeed = Number(process.env.MODEL_SEED ?? 1);
const runsOfOneSeed = 3;

const program = findRedis();
const { random } = Math;

it('the report says whether redis-server is installed', ({ annotate }) =>
  annotate(program ?? 'redis-server is not installed on this machine: its tests are skipped'));

describe.runIf(program)('the cache on a real Redis', () => {
  let redis: RedisServer;
  let processes: RedisProcesses;
  beforeAll(async () => {
    redis = await startRedis();
    processes = await RedisProcesses.connect(redis);
  });
  afterAll(async () => {
    await processes.close();
    await redis.kill();
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    Math.random = random;
  });

  const reconnect = fc.constant(new Command('reconnect', () => processes.reconnect()));
  const empty = fc.constant(
    new Command('empty', async (system) => {
      system.history.storeEverFailed = true; // the tombstones are lost, too
      await processes.empty();
    }),
  );
  const commands = fc.commands(
    [
      fc.oneof(
        { weight: 100, arbitrary: command },
        { weight: 1, arbitrary: reconnect },
        { weight: 1, arbitrary: empty },
      ),
    ],
    { maxCommands: 300, size: 'max' },
  );

  /** Less than the 5 s that the documentation allows. */
  const wallDifferences = fc.constantFrom(0, 0, 0, 900, -900, 4900, -4900);

  const property = (isSealed: boolean) =>
    fc.asyncProperty(settings, wallDifferences, commands, async (given, wallDifferenceMs, sequence) => {
      const {
        cache: { storeSecret, ...cache },
        ...setting
      } = given;
      await processes.empty();
      vi.stubGlobal('navigator', { userAgent: setting.isWorkerd ? 'Cloudflare-Workers' : 'Node.js' });
      const time = new RedisTime();
      const store = new RedisSharedStore(time, processes);
      const secret = storeSecret ?? 'the secret of the model on Redis....';
      const system = new System(
        {
          ...setting,
          cache: { ...cache, ...(isSealed && { storeSecret: secret }) },
          store: setting.store ?? 'both',
          wallDifferenceMs,
        },
        time,
        store,
      );
      for (const [name, timer] of Object.entries(timersOf(time))) vi.stubGlobal(name, timer);
      Math.random = system.random;
      await fc.asyncModelRun(() => ({ model: system, real: system }), sequence);
      await system.finish();
    });

  it.each([
    ['sealed', true],
    ['not sealed', false],
  ])(
    'two processes serve no expired, too old or invalidated response, and none of another token: %s',
    { timeout: 0 },
    async (name, isSealed) => {
      const print = (text: string) => process.stdout.write(`The model of the cache on Redis, ${name}: ${text}\n`);
      print(`${wantedSteps} steps, MODEL_SEED=${firstSeed}`);
      const before = steps.run;
      for (let seed = firstSeed; steps.run - before < wantedSteps; seed++) {
        await fc.assert(property(isSealed), { seed, numRuns: runsOfOneSeed });
      }
      expect(steps.run - before).toBeGreaterThanOrEqual(wantedSteps);
    },
  );
});
