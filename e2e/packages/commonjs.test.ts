import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { compileFunction } from 'node:vm';
import { startScriptedServer } from '@acme/introspect-testing';
import { expect, it } from 'vitest';

it('the core runs as CommonJS if import() is rejected, as in Jest', async () => {
  const filename = fileURLToPath(new URL('../../packages/introspect-core/dist/index.cjs', import.meta.url));
  const load = compileFunction(readFileSync(filename, 'utf8'), ['module', 'exports', 'require'], {
    filename,
    importModuleDynamically: () => {
      throw new TypeError('import() is rejected');
    },
  });
  const module = { exports: {} as typeof import('@acme/introspect-core') };
  load(module, module.exports, createRequire(filename));
  const server = await startScriptedServer();
  server.tokens.set('good', { sub: 'mickey' });
  const client = new module.exports.IntrospectionClient({
    issuer: server.origin,
    clientId: 'api',
    clientSecret: 'secret',
  });
  expect(await client.introspect('good')).toEqual({ active: true, sub: 'mickey' });
  await server.close();
});
