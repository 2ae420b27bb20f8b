import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const file = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const settings = {
  ZITADEL_ISSUER: 'https://a.example',
  ZITADEL_CLIENT_ID: 'c',
  ZITADEL_CLIENT_SECRET: 's',
  ZITADEL_PROJECT_ID: '42',
};

it('the demo as a program prints its URL, names the scope of the audience to clients, and ends on SIGTERM', async () => {
  const child = spawn(process.execPath, [file], { env: settings, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  const [, url = ''] = /^MCP demo: \S+ {3}\(try (\S+\/mcp);/.exec(line) ?? [];
  const response = await fetch(url, { method: 'POST', body: '{"method":"tools/list"}' });
  const scope = 'urn:zitadel:iam:org:project:id:42:aud items:read';
  expect([response.status, response.headers.get('www-authenticate')]).toEqual([
    401,
    expect.stringContaining(`Bearer scope="${scope}", resource_metadata="`),
  ]);
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});
