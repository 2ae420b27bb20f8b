import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startScriptedServer } from '@acme/introspect-testing';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));

it('an authorizer with cache, limits and retries does not keep the process alive after its last request, even if it is not closed', async () => {
  const server = await startScriptedServer();
  server.tokens.set('good', { sub: 'mickey' });
  const folder = await mkdtemp(join(here, '.exit-'));
  try {
    const program = join(folder, 'program.mjs');
    await writeFile(
      program,
      `import { Authorizer } from '@acme/introspect-core';
      const authorizer = new Authorizer({
        issuer: '${server.origin}',
        clientId: 'api',
        clientSecret: 'secret',
        limits: { concurrent: 2, perSecond: 10 },
        cache: { maxAgeSeconds: 3600, refreshAfterSeconds: 0, maxAgeIfErrorSeconds: 7200 },
      });
      for (let i = 0; i < 3; i++) console.log((await authorizer.authorize('Bearer good')).sub);`,
    );
    const { stdout, stderr } = await run(process.execPath, [program], { timeout: 60_000 });
    expect([stdout, stderr]).toEqual(['mickey\n'.repeat(3), '']);
  } finally {
    await rm(folder, { recursive: true, force: true });
    await server.close();
  }
});
