import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { EventEmitter } from 'node:stream';
import type { Authorizer } from '@acme/introspect-core';
import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { serve } from '@hono/node-server';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { blocks, programFolder } from '../documentation/pages.js';
import { transpiled } from '../transpiled.js';

const page = 'docs/long-connections.md';

/** A program of the page that listens. */
interface Recipe {
  readonly port: number;
  readonly authorizer: Authorizer;
  readonly news: EventEmitter;
  readonly connect: (port: number, token?: string) => Promise<Connection>;
}

interface Connection {
  /** The status of the response, and its challenge. */
  readonly status: number;
  readonly challenge: string | undefined;
  /** Resolves with the next message, or with how the connection ended. */
  next(): Promise<string>;
  /** Ends the connection without a word. */
  leave(): void;
}

let server: ScriptedServer;
let folder: string;
const closing: (() => unknown)[] = [];

beforeEach(async () => {
  server = await startScriptedServer({ clientId: 'my-api', clientSecret: 'my secret' });
  const roles = { 'urn:zitadel:iam:org:project:42:roles': { reader: { 1: 'a.example' } } };
  server.tokens.set('nobody', { sub: 'mickey', aud: ['42'] });
  for (const token of ['reader', 'other']) server.tokens.set(token, { sub: `minnie-${token}`, aud: ['42'], ...roles });
  vi.stubEnv('ZITADEL_ISSUER', server.origin);
  vi.stubEnv('ZITADEL_CLIENT_ID', 'my-api');
  vi.stubEnv('ZITADEL_CLIENT_SECRET', 'my secret');
  vi.stubEnv('ZITADEL_PROJECT_ID', '42');
  folder = await mkdtemp(programFolder);
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  vi.unstubAllEnvs();
  await server.close();
  await rm(folder, { recursive: true });
});

async function program(name: string) {
  const found = (await blocks(page, /^[jt]s$/)).find(({ code }) => code.startsWith(`// ${name}\n`));
  const file = join(folder, name.replace(/\.\w+$/, '.mjs'));
  await writeFile(file, transpiled(found?.code ?? ''));
  return import(/* @vite-ignore */ file);
}

function messageQueue() {
  const messages: string[] = [];
  let wake = () => {};
  return {
    push(message: string) {
      messages.push(message);
      wake();
    },
    async next() {
      while (messages.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return String(messages.shift());
    },
  };
}

const headersOf = (token: string | undefined): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

async function connectWebSocket(port: number, token?: string): Promise<Connection> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/events`, { headers: headersOf(token) });
  const queue = messageQueue();
  socket.on('message', (data) => queue.push(String(data)));
  socket.on('close', (code, reason) => queue.push(`closed: ${code} ${reason}`));
  socket.on('error', () => {});
  closing.push(() => socket.terminate());
  const [status, challenge] = await new Promise<[number, string | undefined]>((resolve) => {
    socket.on('unexpected-response', (_, { statusCode, headers }) =>
      resolve([statusCode ?? 0, headers['www-authenticate']]),
    );
    socket.on('open', () => resolve([101, undefined]));
  });
  return { status, challenge, next: queue.next, leave: () => socket.terminate() };
}

async function connectEventStream(port: number, token?: string): Promise<Connection> {
  const leaving = new AbortController();
  const { signal } = leaving;
  closing.push(() => leaving.abort());
  const response = await fetch(`http://127.0.0.1:${port}/events`, { headers: headersOf(token), signal });
  const queue = messageQueue();
  const read = async () => {
    const events = response.body?.pipeThrough(new TextDecoderStream()) ?? [];
    for await (const text of events) for (const [, data = ''] of text.matchAll(/^data: (.*)$/gm)) queue.push(data);
  };
  if (response.ok) {
    read().then(
      () => queue.push('ended'),
      () => {},
    );
  }
  const challenge = response.headers.get('www-authenticate') ?? undefined;
  return { status: response.status, challenge, next: queue.next, leave: () => leaving.abort() };
}

async function portOf(http: Server): Promise<number> {
  if (!http.listening) {
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
  }
  return (http.address() as AddressInfo).port;
}

const recipes: Record<string, () => Promise<Recipe>> = {
  'ws.ts': async () => {
    const { server: http, authorizer, news } = await program('ws.ts');
    closing.push(() => http.close());
    return { port: await portOf(http), authorizer, news, connect: connectWebSocket };
  },

  'fastify-websocket.js': async () => {
    const { app, news } = await program('fastify-websocket.js');
    await app.listen({ port: 0, host: '127.0.0.1' });
    closing.push(() => app.close());
    return { port: await portOf(app.server), authorizer: app.authorizer, news, connect: connectWebSocket };
  },

  'gateway.ts': async () => {
    const { app, authorizer, news } = await program('gateway.ts');
    app.useLogger(false);
    await app.listen(0, '127.0.0.1');
    closing.push(() => app.close());
    return { port: await portOf(app.getHttpServer()), authorizer, news, connect: connectWebSocket };
  },

  'hono-sse.js': async () => {
    const { app, authorizer, news } = await program('hono-sse.js');
    const http = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server;
    await once(http, 'listening');
    closing.push(() => http.close());
    return { port: await portOf(http), authorizer, news, connect: connectEventStream };
  },
};
const ends: Record<string, string> = { 'hono-sse.js': 'ended' };

describe.each(Object.keys(recipes))('the program %s in docs/long-connections.md', (name) => {
  const start = () => recipes[name]?.() as Promise<Recipe>;

  it('rejects a connection without a token, with an invalid one, and without the role', async () => {
    const { port, connect } = await start();
    expect(await connect(port)).toMatchObject({ status: 401, challenge: 'Bearer realm="api"' });
    expect(await connect(port, 'unknown')).toMatchObject({
      status: 401,
      challenge: 'Bearer error="invalid_token", error_description="The access token is not active"',
    });
    expect(await connect(port, 'nobody')).toMatchObject({ status: 403 });
    await server.close();
    expect(await connect(port, 'reader')).toMatchObject({ status: 503 });
  });

  it('sends messages until the token becomes inactive, and then ends the connection', async () => {
    const { port, connect, authorizer, news } = await start();
    const connection = await connect(port, 'reader');
    expect(await connection.next()).toBe('Hello minnie-reader');
    expect(server.introspections).toHaveLength(1);
    news.emit('item', 'one');
    expect(await connection.next()).toBe('one');
    server.tokens.delete('reader');
    await authorizer.invalidate({ token: 'reader' });
    expect(await connection.next()).toBe(ends[name] ?? 'closed: 4401 The token has ended');
    expect(news.listenerCount('item')).toBe(0);
  });

  it('ends a watch when its client leaves', async () => {
    const { port, connect, authorizer, news } = await start();
    const [leaver, other] = [await connect(port, 'reader'), await connect(port, 'other')];
    await Promise.all([leaver.next(), other.next()]);
    expect(news.listenerCount('item')).toBe(2);
    leaver.leave();
    await vi.waitFor(() => expect(news.listenerCount('item')).toBe(1), { timeout: 60_000 });
    const before = server.introspections.length;
    for (const round of [1, 2]) {
      await authorizer.invalidate({ all: true });
      await server.introspection(before + round); // of the connection that stays
    }
    const tokens = server.introspections.slice(before).map(({ form }) => form.get('token'));
    expect(tokens).toEqual(['other', 'other']);
  });
});

describe('docs/long-connections.md', () => {
  it('has a test for each program', async () => {
    const names = (await blocks(page, /^[jt]s$/)).flatMap(({ code }) => /^\/\/ (\S+)\n/.exec(code)?.[1] ?? []);
    expect(names).toEqual(Object.keys(recipes));
  });
});
