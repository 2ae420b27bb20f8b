import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startScriptedServer } from '@acme/introspect-testing';
import { assertEqual } from './assert.js';
import { serve } from './running.js';
import type { Runtime } from './runtimes.js';

const page = fileURLToPath(new URL('../../../docs/recipes.md', import.meta.url));

/**
 * Runs the program of docs/recipes.md that serves its routes on this runtime, as it stands on the page.
 *
 * @param folder where the packages are installed as packed
 */
export async function runRecipe(recipe: NonNullable<Runtime['recipe']>, folder: string): Promise<void> {
  const programs = await mkdtemp(join(folder, 'recipes-'));
  const server = await startScriptedServer({ clientId: 'my-api', clientSecret: 'my secret' });
  const roles = { 'urn:zitadel:iam:org:project:42:roles': { reader: { 1: 'a.example' } } };
  server.tokens.set('nobody', { sub: 'mickey', aud: ['42'] });
  server.tokens.set('reader', { sub: 'minnie', aud: ['42'], ...roles });
  const environment = {
    ZITADEL_ISSUER: server.origin,
    ZITADEL_CLIENT_ID: 'my-api',
    ZITADEL_CLIENT_SECRET: 'my secret',
    ZITADEL_PROJECT_ID: '42',
  };
  try {
    for (const [, name = '', code = ''] of (await readFile(page, 'utf8')).matchAll(
      /^```js\n\/\/ (\S+)\n(.*?)^```$/gms,
    )) {
      await writeFile(join(programs, name), code);
    }
    const command = await recipe.command(join(programs, recipe.program), environment);
    const freePort = { PORT: '0', DENO_SERVE_ADDRESS: 'tcp:127.0.0.1:0' };
    const { line, kill } = await serve(command, /^Listening on .*$|^\{.*\}$/m, { ...environment, ...freePort });
    try {
      const [, port] = /:(\d+)[/}]/.exec(line) ?? [];
      const send = async (path: string, token?: string) => {
        const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
        const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
        return [response.status, response.ok ? await response.json() : response.headers.get('www-authenticate')];
      };
      assertEqual(await send('/me'), [401, 'Bearer realm="api"']);
      assertEqual((await send('/me', 'unknown'))[0], 401);
      assertEqual(await send('/me', 'nobody'), [200, { sub: 'mickey' }]);
      assertEqual((await send('/items', 'nobody'))[0], 403);
      assertEqual(await send('/items', 'reader'), [200, ['hammer']]);
      assertEqual((await send('/other'))[0], 404);
    } finally {
      await kill();
    }
  } finally {
    await server.close();
    await rm(programs, { recursive: true });
  }
}
