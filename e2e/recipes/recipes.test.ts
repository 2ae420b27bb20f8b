import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { serve } from 'h3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../documentation/free-port.js';
import { blocks, programFolder } from '../documentation/pages.js';
import { transpiled } from '../transpiled.js';

type Handler = (request: Request) => Response | Promise<Response>;

let server: ScriptedServer;
let folder: string;
const closing: (() => unknown)[] = [];

/** Writes every program of the page, so that they can import each other. */
beforeEach(async () => {
  server = await startScriptedServer({ clientId: 'my-api', clientSecret: 'my secret' });
  server.tokens.set('nobody', { sub: 'mickey', aud: ['42'] });
  server.tokens.set('reader', {
    sub: 'minnie',
    aud: ['42'],
    'urn:zitadel:iam:org:project:42:roles': { reader: { 1: 'a.example' } },
  });
  vi.stubEnv('ZITADEL_ISSUER', server.origin);
  vi.stubEnv('ZITADEL_CLIENT_ID', 'my-api');
  vi.stubEnv('ZITADEL_CLIENT_SECRET', 'my secret');
  vi.stubEnv('ZITADEL_PROJECT_ID', '42');
  folder = await mkdtemp(programFolder);
  for (const { code } of await blocks('docs/recipes.md', /^[jt]s$/)) {
    const [, name = ''] = /^\/\/ (\S+)\.[jt]s\n/.exec(code) ?? [];
    await writeFile(join(folder, `${name}.js`), transpiled(code));
  }
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  vi.unstubAllEnvs();
  await server.close();
  await rm(folder, { recursive: true });
});

const program = (name: string) => import(/* @vite-ignore */ join(folder, `${name}.js`));

/** Starts the program node.js, with this import and this function in place of those of fetch.js. */
async function servedByNode(imports?: string, fetchFunction = 'fetch'): Promise<Handler> {
  const file = join(folder, 'node.js');
  const code = await readFile(file, 'utf8');
  if (imports !== undefined) {
    const replaced = code
      .replace(/^import .* from '.\/fetch.js';$/m, imports)
      .replace('{ fetch,', `{ fetch: ${fetchFunction},`);
    await writeFile(file, replaced);
  }
  const port = await freePort();
  const env = { ...process.env, PORT: String(port) };
  const child = spawn(process.execPath, [file], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  closing.push(() => child.kill() && ended);
  const origin = `http://localhost:${port}`;
  await vi.waitFor(() => fetch(origin), { timeout: 120_000, interval: 50 });
  return ({ url, headers }) => fetch(new URL(new URL(url).pathname, origin), { headers });
}

/** Sends a request to the procedure of the same name, and returns what the procedure returns. */
function throughTrpc(handler: Handler): Handler {
  return async ({ url, headers }) => {
    const response = await handler(new Request(new URL(`/trpc${new URL(url).pathname}`, url), { headers }));
    return response.ok ? Response.json((await response.json()).result.data) : response;
  };
}

/** Each returns a function that sends a request to the program. */
const recipes: Record<string, () => Promise<Handler>> = {
  'Bun, Deno and Cloudflare Workers': async () => (await program('fetch')).fetch,

  'Node, by the program node.js': () => servedByNode(),
  'h3, by the program node.js': () => servedByNode("import { app } from './h3.js';", 'app.fetch'),
  'Elysia, by the program node.js': () => servedByNode("import { app } from './elysia.js';", 'app.fetch'),
  'tRPC, by the program node.js': async () =>
    throughTrpc(await servedByNode("import { handler } from './trpc.js';", 'handler')),

  'Next.js': async () => {
    const { GET, POST } = await program('route');
    const context = { params: Promise.resolve({}) };
    return (request) => (request.url.endsWith('/items') ? GET(request, context) : POST(request, context));
  },

  SvelteKit: async () => {
    const { handle } = await program('hooks.server');
    const resolve = ({ request, locals }: { request: Request; locals: { token?: { sub: string } } }) =>
      Response.json(request.url.endsWith('/items') ? ['hammer'] : { sub: locals.token?.sub });
    return (request) =>
      handle({ event: { request, locals: {}, route: { id: new URL(request.url).pathname } }, resolve });
  },

  'h3, by its fetch function': async () => (await program('h3')).app.fetch,

  'h3, served by Node': async () => {
    const http = await serve((await program('h3')).app, { port: 0, hostname: '127.0.0.1', silent: true }).ready();
    closing.push(() => http.close(true));
    return ({ url, headers }) => fetch(new URL(new URL(url).pathname, http.url), { headers });
  },

  Elysia: async () => (await program('elysia')).app.handle,

  tRPC: async () => throughTrpc((await program('trpc')).handler),

  'node:http': async () => {
    const { server: http } = await program('node-http');
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    closing.push(async () => {
      http.closeAllConnections();
      await new Promise((closed) => http.close(closed));
    });
    const { port } = http.address() as AddressInfo;
    return ({ url, headers }) => fetch(`http://127.0.0.1:${port}${new URL(url).pathname}`, { headers });
  },
};

describe('a recipe in docs/recipes.md', () => {
  it.each(Object.keys(recipes))('protects its routes: %s', async (name) => {
    const handler = await recipes[name]?.();
    const send = async (path: string, token?: string) => {
      const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
      return (await handler?.(new Request(`https://api.example${path}`, { headers }))) as Response;
    };

    for (const path of ['/me', '/items']) {
      const withoutToken = await send(path);
      const unknown = await send(path, 'unknown');
      expect([withoutToken.status, withoutToken.headers.get('www-authenticate')]).toEqual([
        401,
        expect.stringMatching(/^Bearer/),
      ]);
      expect([unknown.status, unknown.headers.get('www-authenticate')]).toEqual([
        401,
        expect.stringContaining('error="invalid_token"'),
      ]);
    }
    const me = await send('/me', 'nobody');
    expect([me.status, await me.json()]).toEqual([200, { sub: 'mickey' }]);
    const items = await send('/items', 'reader');
    expect([items.status, await items.json()]).toEqual([200, ['hammer']]);
    expect((await send('/items', 'nobody')).status).toBe(403);

    server.always(json({ error: 'temporarily_unavailable' }, { status: 503 }));
    expect((await send('/me', 'another')).status).toBe(503);
  });

  it('has a test for each program', async () => {
    const names = (await blocks('docs/recipes.md', /^[jt]s$/)).map(({ code }) => /^\/\/ (\S+)\n/.exec(code)?.[1]);
    expect(names).toEqual([
      'auth.js',
      'fetch.js',
      'node.js',
      'bun.js', // `npm run test:runtimes` runs it, and the next two
      'deno.js',
      'worker.js',
      'route.js',
      'hooks.server.js',
      'h3.js',
      'elysia.js',
      'trpc.ts',
      'node-http.ts',
    ]);
  });
});

describe('the fetch function in docs/recipes.md', () => {
  it('responds with 404 to other paths', async () => {
    const { fetch } = await program('fetch');
    expect((await fetch(new Request('https://api.example/other'))).status).toBe(404);
  });
});

describe('a recipe in docs/recipes.md on a runtime with waitUntil', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  type Run = (request: Request, context: { waitUntil(promise: Promise<unknown>): void }) => Promise<Response>;
  it.each<[string, () => Promise<Run>]>([
    [
      'the ctx of a Worker',
      async () => {
        const { default: worker } = await program('worker');
        return (request, ctx) => worker.fetch(request, {}, ctx);
      },
    ],
    [
      'the event of h3',
      async () => {
        const { app } = await program('h3');
        return (request, context) => app.fetch(Object.assign(request, context));
      },
    ],
  ])('hands over the refresh of a cached response, and responds before it ends: %s', async (_, load) => {
    const run = await load();
    const work: Promise<unknown>[] = [];
    const waitUntil = (promise: Promise<unknown>) => void work.push(promise);
    const me = async () => {
      const request = new Request('https://api.example/me', { headers: { authorization: 'Bearer nobody' } });
      return (await run(request, { waitUntil })).json();
    };
    expect([await me(), work.length]).toEqual([{ sub: 'mickey' }, 0]);

    vi.advanceTimersByTime(50_000); // a refresh is due after 48 s
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    server.always(async (response, request) => {
      await held;
      json({ active: true, sub: 'donald', aud: ['42'] })(response, request);
    });
    expect([await me(), work.length]).toEqual([{ sub: 'mickey' }, 1]);
    release();
    await work[0];
    expect(await me()).toEqual({ sub: 'donald' });
  });
});
