import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findRedis } from '../src/faulty-redis.js';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** Runs a plan. Returns what the program printed, if it found nothing wrong. */
async function printedBy(plan: string): Promise<string> {
  const child = spawn(process.execPath, [main, plan], { env: { PATH: process.env.PATH ?? '' } });
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text) => {
      printed[stream] += text;
    });
  }
  const [code] = await once(child, 'close');
  expect(printed.stdout).toMatch(/^wrong responses +0$/m);
  expect(printed.stdout).toMatch(/^known good tokens +0 not served$/m);
  expect(printed.stdout).not.toContain('FAILED');
  expect({ code, stderr: printed.stderr }).toEqual({ code: 0, stderr: '' });
  return printed.stdout;
}

describe('the short form of pnpm chaos', () => {
  it('ends by itself without a wrong response, serves known tokens, and recovers within a second after an outage', async () => {
    const printed = await printedBy('--short');
    expect(Number(/^time to recover +outage (\d+) ms/m.exec(printed)?.[1])).toBeLessThan(1000);
  });
});

const redis = findRedis();

it('the report says whether redis-server is installed', ({ annotate }) =>
  annotate(redis ?? 'redis-server is not installed on this machine: its tests are skipped'));

describe.runIf(redis)('the Redis plan of pnpm chaos', () => {
  it('ends by itself without a wrong response, and serves known tokens, while Redis is killed, restarted, hung and emptied', async () => {
    const printed = await printedBy('--redis');
    for (const fault of ['Redis killed', 'Redis hangs', 'Redis emptied']) {
      expect(printed).toMatch(new RegExp(`^${fault} `, 'm'));
    }
  });
});
