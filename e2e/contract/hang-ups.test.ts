import 'reflect-metadata';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { introspect as introspectInExpress } from '@acme/introspect-express';
import { introspect } from '@acme/introspect-fastify';
import { introspect as introspectInHono } from '@acme/introspect-hono';
import { IntrospectGuard, IntrospectModule } from '@acme/introspect-nestjs';
import {
  active,
  holdEnd,
  inactive,
  type ScriptedServer,
  sendRequest,
  startScriptedServer,
} from '@acme/introspect-testing';
import { createAdaptorServer } from '@hono/node-server';
import {
  All,
  Controller,
  type INestApplication,
  Module,
  type NestInterceptor,
  Req,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import express, { type ErrorRequestHandler } from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

/** The number of callers per adapter. `pnpm hang-ups` sets the variable to a larger number. */
const connections = Number(process.env.HANG_UPS ?? 400);
const atOnce = 10;
const slowestMs = 8;

interface Api {
  origin: string;
  close(): Promise<unknown>;
}

/** Counts what happens in an app while callers hang up. */
class Tally {
  withToken = 0;
  withoutToken = 0;
  /** The number of hooks and middleware functions that are waiting. */
  waiting = 0;
  readonly uncaught: unknown[] = [];

  /** Counts a call of a handler. */
  handle(authorization: string | null | undefined): object {
    if (authorization === 'Bearer good') this.withToken++;
    else this.withoutToken++;
    return { ok: true };
  }

  /** Waits as long as a slow store might. */
  async wait(): Promise<void> {
    this.waiting++;
    await new Promise((resolve) => setTimeout(resolve, Math.random() * slowestMs));
    this.waiting--;
  }
}

let server: ScriptedServer;
let tally: Tally;
let api: Api;
const keepUncaught = (error: unknown) => void tally.uncaught.push(error);
beforeEach(async () => {
  tally = new Tally();
  process.on('uncaughtException', keepUncaught);
  process.on('unhandledRejection', keepUncaught);
  server = await startScriptedServer();
  server.always((response, request) => {
    const respond = request.form.get('token') === 'good' ? active({ sub: 'mickey' }) : inactive();
    setTimeout(() => respond(response, request), Math.random() * slowestMs);
  });
});
afterEach(async () => {
  await api.close();
  await server.close();
  process.off('uncaughtException', keepUncaught);
  process.off('unhandledRejection', keepUncaught);
});

const options = () => ({
  issuer: server.origin,
  clientId: 'api',
  clientSecret: 'secret',
  timeoutMs: 60_000,
  circuitBreaker: false as const,
});

/** Starts an app with async and callback hooks for onSend, and with guards in both phases. */
async function startFastify(): Promise<Api> {
  const app = Fastify({ forceCloseConnections: true });
  app.addHook('onSend', () => tally.wait());
  app.addHook('onSend', (_, __, payload, done) => {
    tally.wait().then(() => done(null, payload));
  });
  await app.register(introspect, options());
  app.all('/early', { onRequest: app.requireToken() }, async ({ headers }) => tally.handle(headers.authorization));
  app.all('/late', { preHandler: app.requireToken() }, async ({ headers }) => tally.handle(headers.authorization));
  return { origin: await app.listen({ port: 0, host: '127.0.0.1' }), close: () => app.close() };
}

/** Starts an app with middleware around the guard. */
async function startHono(): Promise<Api> {
  const app = new Hono();
  app.use('*', async (_, next) => {
    await tally.wait();
    await next();
    await tally.wait();
  });
  const guard = introspectInHono(options()).requireToken();
  app.all('/early', guard, (c) => c.json(tally.handle(c.req.header('authorization'))));
  app.all('/late', guard, async (c) => {
    await c.req.text();
    return c.json(tally.handle(c.req.header('authorization')));
  });
  const http = createAdaptorServer({ fetch: app.fetch });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const close = async () => {
    http.close();
    if ('closeAllConnections' in http) http.closeAllConnections();
  };
  return { origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, close };
}

/** Starts an app with middleware that waits before the guard, and before the end of a response. */
async function startExpress(): Promise<Api> {
  const app = express();
  app.use((_, response, next) => {
    holdEnd(response, tally);
    tally.wait().then(() => next());
  });
  const { requireToken, withToken } = introspectInExpress(options());
  app.all('/early', requireToken(), (req, res) => res.json(tally.handle(req.headers.authorization)));
  app.all(
    '/late',
    express.json(),
    withToken({}, (req, res) => res.json(tally.handle(req.headers.authorization))),
  );
  app.use(((_error, _req, res, _next) => res.status(400).end()) as ErrorRequestHandler); // a body that is cut short
  const http = app.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const close = async () => {
    http.close();
    http.closeAllConnections();
  };
  return { origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, close };
}

async function startNest(create: (module: Type) => Promise<INestApplication>): Promise<Api> {
  @Controller()
  @UseGuards(IntrospectGuard)
  class FireController {
    @All(['/early', '/late'])
    all(@Req() request: { headers: { authorization?: string } }) {
      return tally.handle(request.headers.authorization);
    }
  }
  class FireModule {}
  Module({ imports: [IntrospectModule.forRoot(options())], controllers: [FireController] })(FireModule);
  const app = await create(FireModule);
  const interceptor: NestInterceptor = {
    async intercept(_, next) {
      await tally.wait();
      return next.handle();
    },
  };
  app.useGlobalInterceptors(interceptor);
  await app.listen(0, '127.0.0.1');
  return { origin: await app.getUrl(), close: () => app.close() };
}

/** Middleware that waits before the guard, and before the end of a response. */
const startNestExpress = () =>
  startNest(async (module) => {
    const app = await NestFactory.create<NestExpressApplication>(module, new ExpressAdapter(), quiet);
    app.use((_: unknown, response: ServerResponse, next: () => void) => {
      holdEnd(response, tally);
      tally.wait().then(() => next());
    });
    return app;
  });

/** Adds async and callback hooks for onSend. */
const startNestFastify = () =>
  startNest(async (module) => {
    const adapter = new FastifyAdapter({ forceCloseConnections: true });
    const app = await NestFactory.create<NestFastifyApplication>(module, adapter, quiet);
    const fastify = app.getHttpAdapter().getInstance();
    fastify.addHook('onSend', () => tally.wait());
    fastify.addHook('onSend', (_: unknown, __: unknown, payload: unknown, done: (...args: unknown[]) => void) => {
      tally.wait().then(() => done(null, payload));
    });
    return app;
  });
const quiet = { logger: false, forceCloseConnections: true } as const;

const random = (below: number) => Math.floor(Math.random() * below);

/** Returns the text of a random request. Most requests have no good token, and some have a body. */
function randomRequest(): string {
  const authorization = ['', '', 'Bearer', `Bearer bad-${random(1e9)}`, `Bearer bad-${random(1e9)}`, 'Bearer good'];
  const field = authorization[random(authorization.length)] ?? '';
  const body = random(3) === 0 ? JSON.stringify({ text: 'x'.repeat(random(2000)) }) : '';
  const lines = [
    `${body === '' ? 'GET' : 'POST'} ${random(2) === 0 ? '/early' : '/late'} HTTP/1.1`,
    'Host: a',
    ...(field === '' ? [] : [`Authorization: ${field}`]),
    ...(body === '' ? [] : ['Content-Type: application/json', `Content-Length: ${body.length}`]),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** Sends one to three requests on one connection, the last one perhaps cut short, and hangs up at a random moment. */
async function hangUp(port: number): Promise<void> {
  const text = Array.from({ length: 1 + (random(3) === 0 ? random(3) : 0) }, randomRequest).join('');
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  socket.write(random(8) === 0 ? text.slice(0, -random(20)) : text);
  socket.once('connect', () => setTimeout(() => socket.destroy(), Math.random() * slowestMs * 3));
  await closed;
}

describe.each<[string, () => Promise<Api>]>([
  ['Fastify', startFastify],
  ['Hono on node-server', startHono],
  ['Express', startExpress],
  ['NestJS on Express', startNestExpress],
  ['NestJS on Fastify', startNestFastify],
])('%s, with slow hooks or middleware', (adapter, start) => {
  it(
    'runs no handler without a good token and survives when callers hang up at random moments',
    async () => {
      api = await start();
      const port = Number(new URL(api.origin).port);
      for (let sent = 0; sent < connections; sent += atOnce) {
        await Promise.all(Array.from({ length: atOnce }, () => hangUp(port)));
      }
      const fields = [['Authorization', 'Bearer good']] as const;
      expect((await sendRequest(api.origin, { path: '/early', fields })).status).toBe(200);
      await vi.waitFor(() => expect(tally.waiting).toBe(0), 60_000);
      expect((await sendRequest(api.origin, { path: '/late', fields })).status).toBe(200);
      const { withToken, withoutToken, uncaught } = tally;
      const counts = { connections, withToken, withoutToken, uncaught: uncaught.length };
      process.stdout.write(`Hang-ups, ${adapter}: ${JSON.stringify(counts)}\n`);
      expect({ withoutToken, uncaught }).toEqual({ withoutToken: 0, uncaught: [] });
    },
    60_000 + connections * 100,
  );
});
