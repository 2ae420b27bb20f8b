import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startScriptedZitadel } from '@acme/introspect-testing/zitadel';
import { expect, it } from 'vitest';
import { blocks, root } from './pages.js';

const run = promisify(execFile);

it('npm start runs with the file that register has written, as docs/zitadel.md says', async () => {
  const zitadel = await startScriptedZitadel({ adminToken: 'admin-pat' });
  const folder = await mkdtemp(join(tmpdir(), 'introspect-env-file-'));
  try {
    const command = join(root, 'packages/introspect-cli/dist/introspect.js');
    const env = { PATH: process.env.PATH, ZITADEL_ISSUER: zitadel.origin, ZITADEL_ADMIN_PAT: 'admin-pat' };
    const register = ['--', command, 'register', '--project', 'shop', '--role', 'reader', '--service-user'];
    await run(process.execPath, register, { cwd: folder, env });

    const documented = (await blocks('docs/zitadel.md', /^sh$/)).find(({ code }) => code.includes('npm start'))?.code;
    const script = String(documented)
      .replace('npx @acme/introspect-cli', `node ${command}`) // without the registry
      .replace('npm start', `node ${join(root, 'apps/tour/dist/main.js')}`); // without its installation and build
    const { stdout } = await run('sh', ['-ec', script], { cwd: folder, env: { PATH: process.env.PATH } });
    expect(stdout).toContain(`A tour of ${zitadel.origin}`);
    expect(stdout).toMatch(/GET \/me with your token +200 +200 +200 +200 +=/);
  } finally {
    await zitadel.close();
    await rm(folder, { recursive: true });
  }
});
