import { expect, it } from 'vitest';
import { introspect } from './support/introspect.js';

it('run: an internal error → exit code 3 and the locations, without the message of the error', async () => {
  const env = new Proxy<NodeJS.ProcessEnv>(
    {},
    {
      ownKeys: () => {
        throw new TypeError('canary');
      },
    },
  );
  const { code, stdout, stderr } = await introspect(['token'], { env });
  expect(code).toBe(3);
  expect(stderr).toMatch(/^introspect itself failed \(TypeError\)\nPlease report it, with these lines:\n +at /);
  expect(stdout + stderr).not.toContain('canary');
});
