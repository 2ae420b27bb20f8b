import { afterEach, expect, it, vi } from 'vitest';
import { run } from '../src/program.js';

afterEach(() => vi.restoreAllMocks());

it('a fault of its own is called that, and not a fault of who uses it', async () => {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const environment = new Proxy<NodeJS.ProcessEnv>(
    {},
    {
      ownKeys: () => {
        throw new TypeError('canary');
      },
    },
  );
  expect(await run(['token'], environment)).toBe(3);
  const written = write.mock.calls.join('');
  expect(written).toMatch(/^introspect itself failed \(TypeError\)\nPlease report it, with these lines:\n +at /);
  expect(written).not.toContain('canary');
});
