import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  AccessDeniedError,
  Authorizer,
  type CacheOptions,
  checkPolicy,
  InsufficientScopeError,
  InsufficientUserAuthenticationError,
  IntrospectionClient,
  InvalidClientError,
  InvalidRequestError,
  InvalidResponseError,
  InvalidTokenError,
  MissingTokenError,
  UnavailableError,
} from '@acme/introspect-core';
import {
  contractCases,
  contractOptions,
  hangUpCases,
  inactive,
  sendRequest,
  startScriptedServer,
} from '@acme/introspect-testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startNodeApi } from '../contract/apis/node.js';
import { transpiled } from '../transpiled.js';
import { freePort } from './free-port.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFile(join(root, file), 'utf8');

const pages = globSync(['*.md', 'docs/*.md', 'packages/*/README.md'], { cwd: root });

/** The cells of every row of every table in a text. */
const rows = (text: string) =>
  [...text.matchAll(/^\| (.*) \|$/gm)].map(([, row = '']) => row.split('|').map((cell) => cell.trim()));

/** The blocks of code of one page, in order. */
async function blocks(page: string, language: RegExp): Promise<{ language: string; code: string }[]> {
  const found = (await read(page)).matchAll(/^```(\w+)\n(.*?)^```$/gms);
  return [...found]
    .map(([, language = '', code = '']) => ({ language, code }))
    .filter((block) => language.test(block.language));
}

// Inside the repository, so that the packages resolve; of this run alone.
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(root, 'e2e/documentation/.snippets-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the README's program", () => {
  let program: string;
  beforeAll(async () => {
    program = join(folder, 'introspect.mjs');
    const [found] = (await blocks('README.md', /^js$/)).filter(({ code }) => code.startsWith('// introspect.mjs'));
    await writeFile(program, found?.code ?? '');
  });

  it('prints what the README says that it prints', async () => {
    const server = await startScriptedServer({ clientId: 'my-api', clientSecret: 'my secret' });
    server.tokens.set('good', { sub: '200000000000000001' });
    const print = async (token: string, clientSecret = 'my secret') => {
      const env = { ZITADEL_ISSUER: server.origin, ZITADEL_CLIENT_ID: 'my-api', ZITADEL_CLIENT_SECRET: clientSecret };
      const { stdout } = await run(process.execPath, [program, token], { env });
      return `\`${stdout.trim()}\``;
    };
    const printed = [await print('good'), await print('garbage'), await print('good', 'wrong')];
    await server.close();
    printed.push(await print('good'));
    const table = rows((await read('README.md')).split('### Anything else')[1]?.split('## What happens')[0] ?? '');
    expect(table.slice(2).map(([, prints]) => prints)).toEqual(printed);
  });
});

describe("the README's program for", () => {
  it.each([
    ['Fastify', 'server.mjs'],
    ['Hono', 'server.mjs'],
    ['NestJS', 'server.ts'],
  ])('%s responds with 401, 200 and 403', async (framework, name) => {
    const server = await startScriptedServer({ clientId: 'my-api', clientSecret: 'my secret' });
    server.tokens.set('good', { sub: 'mickey', scope: 'openid' });
    const [found] = (await blocks('README.md', /^[jt]s$/)).filter(
      ({ code }) => code.startsWith(`// ${name}`) && code.includes(`introspect-${framework.toLowerCase()}`),
    );
    const file = join(folder, `${framework}.mjs`);
    await writeFile(file, name.endsWith('.ts') ? transpiled(found?.code ?? '') : (found?.code ?? ''));
    const port = await freePort();
    const child = spawn(process.execPath, [file], {
      env: {
        ZITADEL_ISSUER: server.origin,
        ZITADEL_CLIENT_ID: 'my-api',
        ZITADEL_CLIENT_SECRET: 'my secret',
        PORT: String(port),
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const ended = once(child, 'exit');
    const status = async (path: string, token?: string) => {
      const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
      return (await fetch(`http://localhost:${port}${path}`, { headers })).status;
    };
    try {
      await vi.waitFor(() => status('/'), { timeout: 20_000, interval: 50 });
      expect([await status('/me'), await status('/me', 'good'), await status('/items', 'good')]).toEqual([
        401, 200, 403,
      ]);
      await server.close();
      expect(await status('/me', 'good')).toBe(503);
    } finally {
      child.kill();
      await ended;
      await server.close();
    }
  });
});

describe("the README's program with typed claims", () => {
  it('checks claims, roles and owners, and responds with its own body', async () => {
    const server = await startScriptedServer({ clientId: 'my-api', clientSecret: 'my secret' });
    const roles = { 'urn:zitadel:iam:org:project:42:roles': { editor: { 1: 'a.example' } } };
    const mickey = { sub: 'mickey', aud: ['42'], email: 'mickey@a.example', scope: 'items:read items:write' };
    server.tokens.set('owner', mickey);
    server.tokens.set('editor', { ...mickey, ...roles });
    server.tokens.set('nameless', { ...mickey, email: undefined });
    const [found] = (await blocks('README.md', /^ts$/)).filter(({ code }) => code.startsWith('// items.ts'));
    const file = join(folder, 'items.mjs');
    await writeFile(file, transpiled(found?.code ?? ''));
    const port = await freePort();
    const env = {
      ZITADEL_ISSUER: server.origin,
      ZITADEL_CLIENT_ID: 'my-api',
      ZITADEL_CLIENT_SECRET: 'my secret',
      ZITADEL_PROJECT_ID: '42',
      PORT: String(port),
    };
    const child = spawn(process.execPath, [file], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = once(child, 'exit');
    const send = (path: string, token: string, method = 'GET') =>
      fetch(`http://localhost:${port}${path}`, { method, headers: { authorization: `Bearer ${token}` } });
    try {
      await vi.waitFor(() => send('/', 'owner'), { timeout: 20_000, interval: 50 });
      expect(await (await send('/hello', 'owner')).text()).toBe('Hello mickey@a.example');
      const denied = await send('/hello', 'nameless');
      expect(await denied.json()).toEqual({
        type: 'about:blank',
        title: 'access_denied',
        status: 403,
        instance: '/hello',
      });
      const statuses = [
        await send('/users/mickey/items', 'owner'),
        await send('/users/minnie/items', 'owner'),
        await send('/items', 'owner', 'PUT'),
        await send('/items', 'editor', 'PUT'),
      ].map(({ status }) => status);
      expect(statuses).toEqual([200, 403, 403, 204]);
    } finally {
      child.kill();
      await ended;
      await server.close();
    }
  });
});

describe("the README's example for ZITADEL", () => {
  it('accepts an editor of their own organisation, and rejects a login that leaves its organisation out', async () => {
    const server = await startScriptedServer({ clientId: 'api', clientSecret: 'secret' });
    const roles = { 'urn:zitadel:iam:org:project:42:roles': { editor: { 1: 'a.example' } } };
    const ofOrganization = (id: string) => ({ 'urn:zitadel:iam:user:resourceowner:id': id });
    server.tokens.set('own', { aud: ['42'], ...roles, ...ofOrganization('1') });
    server.tokens.set('foreign', { aud: ['42'], ...roles, ...ofOrganization('2') });
    server.tokens.set('silent', { aud: ['42'], ...roles });
    const [found] = (await blocks('README.md', /^js$/)).filter(({ code }) => code.includes('hasRole'));
    const [declared = ''] = (found?.code ?? '').split('const token = await');
    const file = join(folder, 'zitadel.mjs');
    await writeFile(
      file,
      `${declared.replace('https://my-instance.zitadel.cloud', server.origin)}\nexport { guard };\n`,
    );
    const { guard } = await import(/* @vite-ignore */ file);
    await expect(guard('Bearer own')).resolves.toMatchObject({ active: true });
    await expect(guard('Bearer foreign')).rejects.toMatchObject({ status: 403 });
    await expect(guard('Bearer silent')).rejects.toMatchObject({ status: 403 });
    await server.close();
  });
});

describe('docs/errors.md', () => {
  it('shows the responses that are really sent', async () => {
    const challenge = { realm: 'items' };
    const errors = [
      new MissingTokenError(challenge),
      new InvalidRequestError(challenge),
      new InvalidTokenError('inactive', challenge),
      new InsufficientScopeError({ ...challenge, scope: 'items:read items:write' }),
      new InsufficientUserAuthenticationError({ ...challenge, max_age: 300 }),
      new AccessDeniedError(),
      new UnavailableError('…', 7),
      new InvalidResponseError('…'),
      new InvalidClientError('…'),
    ];
    const written = errors.map(({ status, headers, body }) => {
      const fields = headers.map(([name, value]) => `${name}: ${value}\n`).join('');
      return `${status}\n${fields}\n${JSON.stringify(body)}\n`;
    });
    expect((await blocks('docs/errors.md', /^http$/)).map(({ code }) => code)).toEqual(written);
    const page = await read('docs/errors.md');
    for (const { code, name } of errors) expect(page).toContain(`## \`${code}\`: \`${name}\``);
  });
});

describe('the adapter in docs/writing-an-adapter.md', () => {
  it('passes the contract', async () => {
    const [adapter] = await blocks('docs/writing-an-adapter.md', /^ts$/);
    const file = join(folder, 'adapter.mjs');
    await writeFile(file, transpiled(adapter?.code ?? ''));
    const { introspect } = await import(/* @vite-ignore */ file);
    const server = await startScriptedServer();
    const api = await startNodeApi(introspect(contractOptions(server)).requireToken);
    for (const { name, request, response, server: script } of contractCases(server)) {
      if (request.path.startsWith('/.well-known/')) continue; // it serves no resource metadata
      server.always(script ?? inactive());
      expect(await sendRequest(api.origin, request), name).toEqual(response);
    }
    for (const { check } of hangUpCases) await check({ api, server });
    await api.close();
    await server.close();
  });
});

describe('the code in the documentation', () => {
  it('compiles', async () => {
    const files: string[] = [];
    for (const page of pages) {
      for (const [index, { language, code }] of (await blocks(page, /^[tj]s$/)).entries()) {
        const file = join(folder, `${page.replaceAll(/\W/g, '-')}-${index}.m${language}`);
        await writeFile(file, code);
        files.push(file);
      }
    }
    expect(files.length).toBeGreaterThan(3);
    const options = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--exactOptionalPropertyTypes',
      '--experimentalDecorators',
      '--allowJs',
      '--checkJs',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--types',
      'node',
    ];
    const tsc = run(join(root, 'node_modules/.bin/tsc'), [...options, ...files], { cwd: folder });
    await tsc.catch((error) => expect(error.stdout || error).toBe(''));
  });
});

describe('the store in docs/caching.md', () => {
  it('is the one that passes the contract', async () => {
    const [{ code } = { code: '' }] = await blocks('docs/caching.md', /^ts$/);
    const store = await read('packages/introspect-core/test/stores/redis-store.ts');
    expect(code.replace(/^\/\/ .*\n/, '')).toBe(store);
  });

  it('has its options explained, each by its name', async () => {
    const cache = { maxAgeSeconds: 1, unknown: 1 } as CacheOptions;
    const construct = () => new Authorizer({ issuer: 'https://a.example', clientId: 'c', clientSecret: 's', cache });
    const table = (await read('docs/caching.md')).split('## The life')[0] ?? '';
    const inFirstColumn = rows(table).flatMap(([option]) => option?.match(/^`(\w+)`$/)?.[1] ?? []);
    expect(inFirstColumn.sort()).toEqual(knownOptions(construct).sort());
  });
});

describe('the documentation', () => {
  it.each(pages)('%s converts no environment variable that may be unset to a string', async (page) => {
    const text = await read(page);
    expect(text.match(/\bString\(\s*process\.env|\?\?\s*(''|""|``)|process\.env\.\w+(!| as string)/g)).toBeNull();
  });

  it.each(pages)('%s links to files that exist', async (page) => {
    const targets = [...(await read(page)).matchAll(/\]\(([^)#:]+)\)/g)].map(([, target = '']) => target);
    expect(targets.filter((target) => !existsSync(join(root, dirname(page), target)))).toEqual([]);
  });

  it('README.md names every option of the client and of the authorizer, and no other', async () => {
    const [, ofClient = '', ofAuthorizer = ''] = (await read('README.md')).split(/^(?:Of the|For ZITADEL,) /m);
    const namedIn = (table: string) =>
      rows(table).flatMap(([option]) => option?.match(/`\w+`/g)?.map((name) => name.replaceAll('`', '')) ?? []);
    const client = knownOptions(() => new IntrospectionClient({ unknown: 1 } as never));
    const authorizer = knownOptions(() => new Authorizer({ unknown: 1 } as never));
    expect(namedIn(ofClient).sort()).toEqual(client.toSorted());
    expect(namedIn(ofAuthorizer).sort()).toEqual(authorizer.filter((name) => !client.includes(name)).sort());
  });

  it('README.md names every member of a policy', async () => {
    const [, list = ''] = /^- \*\*A policy\*\*(.*?)All members hold/ms.exec(await read('README.md')) ?? [];
    const named = [...list.matchAll(/`(\w+)`/g)].map(([, name]) => name);
    expect(named.sort()).toEqual(knownOptions(() => checkPolicy({ unknown: 1 } as never)).sort());
  });

  it('shows a jwtPrefilter without "algorithms", because a rotation to another one would reject every good token', async () => {
    const calls = (await Promise.all(pages.map((page) => blocks(page, /^[jt]s$/))))
      .flat()
      .flatMap(({ code }) => code.match(/jwtPrefilter\([^)]*\)/g) ?? []);
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.filter((call) => call.includes('algorithms'))).toEqual([]);
  });

  it('architecture.md names every folder of the core', async () => {
    const source = await readdir(join(root, 'packages/introspect-core/src'), { withFileTypes: true });
    const folders = source.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    const named = rows(await read('docs/architecture.md')).flatMap(
      ([name]) => /^`(\w+)\/`$/.exec(name ?? '')?.[1] ?? [],
    );
    expect(named.sort()).toEqual(folders.sort());
  });
});

/** Returns the names that the error about an unknown option lists. */
function knownOptions(construct: () => unknown): string[] {
  const [, names = ''] = /known options: (.*)$/.exec(String(catching(construct))) ?? [];
  return names.split(', ');
}

function catching(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
