import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { transpiled } from '../transpiled.js';
import { freePort } from './free-port.js';
import { blocks, programFolder, read, root, rows } from './pages.js';

const run = promisify(execFile);

/** A program of a document that listens. */
interface Program {
  readonly origin: string;
  /** Sends a request, and returns the response. */
  send(path: string, token?: string, method?: string): Promise<Response>;
  stop(): Promise<void>;
}

const roles = (...names: string[]) => ({
  'urn:zitadel:iam:org:project:42:roles': Object.fromEntries(names.map((name) => [name, { 1: 'a.example' }])),
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(programFolder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let server: ScriptedServer;
const running: Program[] = [];
beforeEach(async () => {
  server = await startScriptedServer({ clientId: 'my-api', clientSecret: 'my secret' });
  server.tokens.set('nobody', { sub: 'mickey', aud: ['42'], scope: 'openid' });
  server.tokens.set('reader', { sub: 'minnie', aud: ['42'], ...roles('reader') });
});
afterEach(async () => {
  for (const program of running.splice(0)) await program.stop();
  await server.close();
});

const environment = (): Record<string, string> => ({
  ZITADEL_ISSUER: server.origin,
  ZITADEL_CLIENT_ID: 'my-api',
  ZITADEL_CLIENT_SECRET: 'my secret',
  ZITADEL_PROJECT_ID: '42',
});

/** Returns the program of a page that begins with the comment `// name` and contains a text. */
async function programOf(page: string, name: string, text = ''): Promise<string> {
  const found = (await blocks(page, /^[jt]s$/)).find(
    ({ code }) => code.startsWith(`// ${name}\n`) && code.includes(text),
  );
  if (found === undefined) throw new Error(`${page} has no program ${name} with the text "${text}"`);
  return found.code;
}

/** Starts a file, and waits until it responds. */
async function start(file: string): Promise<Program> {
  const port = await freePort();
  const env = { ...environment(), PORT: String(port) };
  const child = spawn(process.execPath, [file], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  const program: Program = {
    origin: `http://localhost:${port}`,
    send(path, token, method = 'GET') {
      const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
      return fetch(`http://localhost:${port}${path}`, { method, headers });
    },
    async stop() {
      child.kill();
      await ended;
    },
  };
  running.push(program);
  await vi.waitFor(() => program.send('/'), { timeout: 120_000, interval: 50 });
  return program;
}

/** Starts a program of a page. */
async function startProgram(page: string, name: string, text?: string): Promise<Program> {
  const code = await programOf(page, name, text);
  const file = join(folder, `${page.replaceAll(/\W/g, '-')}-${name.replace(/\.\w+$/, '')}-${running.length}.mjs`);
  await writeFile(file, name.endsWith('.ts') ? transpiled(code) : code);
  return start(file);
}

describe('a program in the README', () => {
  async function expectTable({ send }: Program) {
    const withoutToken = await send('/me');
    expect([withoutToken.status, withoutToken.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringMatching(/^Bearer/),
    ]);
    const statuses = [await send('/me', 'nobody'), await send('/me', 'unknown'), await send('/items', 'reader')];
    expect(statuses.map(({ status }) => status)).toEqual([200, 401, 200]);
    const denied = await send('/items', 'nobody');
    expect([denied.status, await denied.json()]).toEqual([403, expect.objectContaining({ error: 'access_denied' })]);
    await server.close();
    expect((await send('/me', 'nobody')).status).toBe(503);
  }

  it.each([
    ['Fastify', 'introspect-fastify'],
    ['Hono', 'introspect-hono'],
  ])('for %s responds as the table says', async (_, text) => {
    await expectTable(await startProgram('README.md', 'server.mjs', text));
  });

  it('for NestJS compiles with the tsconfig.json of the README, and responds as the table says', async () => {
    const project = await mkdtemp(join(folder, 'nestjs-'));
    const commands = (await blocks('README.md', /^sh$/)).find(({ code }) => code.includes('tsconfig.json'))?.code ?? '';
    const [, tsconfig = ''] = /^echo '(.*)' > tsconfig\.json$/ms.exec(commands) ?? [];
    await writeFile(join(project, 'package.json'), '{"type": "module"}');
    expect(commands).toContain('npm pkg set type=module');
    await writeFile(join(project, 'tsconfig.json'), tsconfig);
    await writeFile(join(project, 'server.ts'), await programOf('README.md', 'server.ts'));
    const tsc = run(join(root, 'node_modules/.bin/tsc'), [], { cwd: project });
    await tsc.catch((error) => expect(error.stdout || error).toBe(''));
    expect(commands).toContain('node --env-file=.env dist/server.js');
    await expectTable(await start(join(project, 'dist/server.js')));
  }, 240_000);
});

describe.each([
  ['docs/getting-started/fastify.md', 'server.mjs'],
  ['docs/getting-started/hono.md', 'server.mjs'],
  ['docs/getting-started/express.md', 'server.mjs'],
  ['docs/getting-started/nestjs.md', 'server.ts'],
])('the program in %s', (page, name) => {
  it('leaves /health open, guards every other route, and checks roles', async () => {
    const { send } = await startProgram(page, name);
    const responses = [await send('/health'), await send('/me'), await send('/items')];
    responses.push(await send('/me', 'nobody'), await send('/items', 'nobody'), await send('/items', 'reader'));
    expect(responses.map(({ status }) => status)).toEqual([200, 401, 401, 200, 403, 200]);
    expect(await responses[3]?.json()).toEqual({ sub: 'mickey' });
  });
});

describe.each([
  ['fastify', 'server.mjs'],
  ['hono', 'server.mjs'],
  ['express', 'server.mjs'],
  ['nestjs', 'server.ts'],
])('the program in the README of introspect-%s', (framework, name) => {
  it('responds with 401, 200 and 403', async () => {
    const { send } = await startProgram(`packages/introspect-${framework}/README.md`, name);
    const responses = [await send('/me'), await send('/me', 'nobody'), await send('/items', 'nobody')];
    responses.push(await send('/items', 'reader'));
    expect(responses.map(({ status }) => status)).toEqual([401, 200, 403, 200]);
  });
});

describe('the program in the README of introspect-core', () => {
  it('prints what the table says', async () => {
    const page = 'packages/introspect-core/README.md';
    const program = join(folder, 'introspect.mjs');
    await writeFile(program, await programOf(page, 'introspect.mjs'));
    server.tokens.set('good', { sub: '200000000000000001' });
    const print = async (token: string, clientSecret = 'my secret') => {
      const env = { ...environment(), ZITADEL_CLIENT_SECRET: clientSecret };
      const { stdout } = await run(process.execPath, [program, token], { env });
      return `\`${stdout.trim()}\``;
    };
    const printed = [await print('good'), await print('garbage'), await print('good', 'wrong')];
    await server.close();
    printed.push(await print('good'));
    const inTable = rows(await read(page)).filter(([command]) => command?.startsWith('`node introspect.mjs'));
    expect(inTable.map(([, prints]) => prints)).toEqual(printed);
  });
});

describe('the handlers in docs/getting-started/web.md', () => {
  it('give the token to accepted requests, and respond with 401 and 403 to others', async () => {
    const file = join(folder, 'web.mjs');
    await writeFile(file, await programOf('docs/getting-started/web.md', 'server.mjs'));
    for (const [name, value] of Object.entries(environment())) vi.stubEnv(name, value);
    const { me, items } = await import(/* @vite-ignore */ file);
    const request = (token?: string) =>
      new Request('https://api.example/', token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } });
    expect(await (await me(request('nobody'))).json()).toEqual({ sub: 'mickey' });
    const responses = [await me(request()), await items(request('nobody')), await items(request('reader'))];
    expect(responses.map(({ status }) => status)).toEqual([401, 403, 200]);
    vi.unstubAllEnvs();
  });
});

describe.each(['hono', 'express'])('the program with typed claims in docs/getting-started/%s.md', (framework) => {
  it('checks claims, roles and owners, and responds with its own body', async () => {
    const mickey = { sub: 'mickey', aud: ['42'], email: 'mickey@a.example', auth_time: Math.floor(Date.now() / 1000) };
    server.tokens.set('owner', mickey);
    server.tokens.set('editor', { ...mickey, ...roles('editor') });
    server.tokens.set('old-login', { ...mickey, ...roles('editor'), auth_time: mickey.auth_time - 3600 });
    server.tokens.set('nameless', { ...mickey, email: undefined });
    const { send } = await startProgram(`docs/getting-started/${framework}.md`, 'items.ts');
    expect(await (await send('/hello', 'owner')).text()).toBe('Hello mickey@a.example');
    const denied = await send('/hello', 'nameless');
    expect(await denied.json()).toEqual({
      type: 'about:blank',
      title: 'access_denied',
      status: 403,
      instance: '/hello',
    });
    const responses = [
      await send('/users/mickey/items', 'owner'),
      await send('/users/minnie/items', 'owner'),
      await send('/items', 'owner', 'PUT'),
      await send('/items', 'editor', 'PUT'),
      await send('/items', 'old-login', 'PUT'),
    ];
    expect(responses.map(({ status }) => status)).toEqual([200, 403, 403, 204, 401]);
  });
});

describe('the guard with hasRole in docs/zitadel.md', () => {
  it('accepts an editor of their own organisation, and rejects a login that leaves its organisation out', async () => {
    const zitadel = await startScriptedServer({ clientId: 'api', clientSecret: 'secret' });
    const ofOrganization = (id: string) => ({ 'urn:zitadel:iam:user:resourceowner:id': id });
    zitadel.tokens.set('own', { aud: ['42'], ...roles('editor'), ...ofOrganization('1') });
    zitadel.tokens.set('foreign', { aud: ['42'], ...roles('editor'), ...ofOrganization('2') });
    zitadel.tokens.set('silent', { aud: ['42'], ...roles('editor') });
    const found = (await blocks('docs/zitadel.md', /^js$/)).find(({ code }) => code.includes('hasRole'));
    const [declared = ''] = (found?.code ?? '').split('const token = await');
    const file = join(folder, 'zitadel.mjs');
    await writeFile(
      file,
      `${declared.replace('https://my-instance.zitadel.cloud', zitadel.origin)}\nexport { guard };\n`,
    );
    const { guard } = await import(/* @vite-ignore */ file);
    await expect(guard('Bearer own')).resolves.toMatchObject({ active: true });
    await expect(guard('Bearer foreign')).rejects.toMatchObject({ status: 403 });
    await expect(guard('Bearer silent')).rejects.toMatchObject({ status: 403 });
    await zitadel.close();
  });
});

describe('a program in docs/mcp.md', () => {
  const callTool = (name: string, token?: string, url = 'https://mcp.example.com/mcp') =>
    new Request(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {} } }),
    });
  const summary = async (response: Response) => [
    response.status,
    /"text":"([^"]*)"|"error":"(\w+)"/
      .exec(await response.text())
      ?.slice(1)
      .find(Boolean),
  ];

  it('for Express serves the document, runs a tool for every user, and another one for administrators', async () => {
    server.tokens.set('admin', { sub: 'minnie', aud: ['42'], ...roles('admin') });
    const { origin, send } = await startProgram('docs/mcp.md', 'server.mjs');
    const sent = (name: string, token?: string) => fetch(callTool(name, token, `${origin}/mcp`));
    const path = '/.well-known/oauth-protected-resource/mcp';
    const challenge = (await sent('list_items')).headers.get('www-authenticate');
    expect(challenge).toBe(`Bearer resource_metadata="${origin}${path}"`);
    expect(await (await send(path)).json()).toMatchObject({
      resource: `${origin}/mcp`,
      authorization_servers: [server.origin],
      scopes_supported: ['openid', 'urn:zitadel:iam:org:project:id:42:aud'],
    });
    expect(await summary(await sent('list_items', 'nobody'))).toEqual([200, 'hammer, for mickey']);
    expect(await summary(await sent('delete_items', 'nobody'))).toEqual([403, 'access_denied']);
    expect(await summary(await sent('delete_items', 'admin'))).toEqual([200, 'deleted']);
    await server.close();
    expect(await summary(await sent('list_items', 'nobody'))).toEqual([503, 'temporarily_unavailable']);
  });

  it('for web-standard handlers runs a tool for a token with the scope', async () => {
    const aud = 'https://mcp.example.com/mcp';
    server.tokens.set('reads', { sub: 'minnie', aud, scope: 'items:read' });
    server.tokens.set('lacks', { sub: 'minnie', aud });
    for (const [name, value] of Object.entries(environment())) {
      vi.stubEnv(name.replace('ZITADEL', 'INTROSPECT'), value);
    }
    const file = join(folder, 'mcp-worker.mjs');
    await writeFile(file, await programOf('docs/mcp.md', 'worker.mjs'));
    const { default: worker } = await import(file);
    vi.unstubAllEnvs();
    expect(await summary(await worker.fetch(callTool('list_items', 'reads')))).toEqual([200, 'hammer']);
    expect(await summary(await worker.fetch(callTool('list_items', 'lacks')))).toEqual([403, 'insufficient_scope']);
    expect(await summary(await worker.fetch(callTool('list_items', 'nobody')))).toEqual([401, 'invalid_token']);
  });
});
