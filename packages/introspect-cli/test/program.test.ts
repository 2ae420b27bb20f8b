import { afterEach, expect, it, vi } from 'vitest';
import { run } from '../src/program.js';

afterEach(() => vi.restoreAllMocks());

it('run: an internal error → exit code 3 and the locations, without the message of the error', async () => {
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
