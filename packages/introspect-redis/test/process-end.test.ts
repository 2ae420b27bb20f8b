import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findRedis, type RedisServer, startRedis } from './redis-server.js';

const folder = dirname(dirname(fileURLToPath(import.meta.url)));
const program = findRedis();

it('the report says whether redis-server is installed', ({ annotate }) =>
  annotate(program ?? 'redis-server is not installed on this machine: its tests are skipped'));

describe.runIf(program)('a process that calls a store, and never closes it', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.kill());

  it.each([
    ['redisStore', `redisStore({ url })`],
    ['redisStore that publishes', `redisStore({ url, invalidation: 'publish' })`],
    ['fromIoredis', `fromIoredis(new Redis(url, { lazyConnect: true }))`],
    ['fromIoredis that publishes', `fromIoredis(new Redis(url, { lazyConnect: true }), { invalidation: 'publish' })`],
  ])('lives until it has its value, and then ends: %s', async (_, store) => {
    const script = `
      import { fromIoredis, redisStore } from '@acme/introspect-redis';
      import { Redis } from 'ioredis';
      const url = '${redis.url}';
      const store = ${store};
      await store.set('key', 'the value', 60_000);
      console.log(await store.get('key'));`;
    // It runs the built package. With a fault, it ends with code 13 and without output, or never.
    const args = ['--input-type=module', '--eval', script];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, timeout: 60_000 });
    expect(stdout).toBe('the value\n');
  });
});
