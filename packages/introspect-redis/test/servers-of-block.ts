import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, it } from 'vitest';
import { findRedis } from './redis-server.js';

/** The path of redis-server: without it, tests are skipped. */
export const program = findRedis();

/** Says in the report of a test file whether its tests are skipped. */
export function reportProgram(): void {
  it('the report says whether redis-server is installed', ({ annotate }) =>
    annotate(program ?? 'redis-server is not installed on this machine: its tests are skipped'));
}

/** Starts servers for all tests of a block, and gives each test a prefix of its own. */
export function serversOfBlock<Servers extends { kill(): Promise<unknown> }>(start: () => Promise<Servers>) {
  const block: { servers: Servers; prefix: string } = { servers: undefined as never, prefix: '' };
  beforeAll(async () => {
    block.servers = await start();
  });
  afterAll(() => block.servers.kill());
  beforeEach(() => {
    block.prefix = `${randomUUID()}:`;
  });
  return block;
}
