import 'reflect-metadata';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Authorizer, introspect } from '@acme/introspect-fastify';
import { introspect as introspectInHono } from '@acme/introspect-hono';
import { IntrospectGuard, IntrospectModule } from '@acme/introspect-nestjs';
import { active, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import fastifyCors from '@fastify/cors';
import { createAdaptorServer } from '@hono/node-server';
import { All, Controller, type INestApplication, Module, type Type, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import Fastify, { type FastifyInstance } from 'fastify';
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

interface Options {
  issuer: string;
  clientId: string;
  clientSecret: string;
  passPreflight?: boolean;
}
type Source = Options | { authorizer: Authorizer; passPreflight?: boolean };

interface Api {
  origin: string;
  close(): Promise<unknown>;
}

let server: ScriptedServer;
let api: Api;
let handled: number;
beforeEach(async () => {
  handled = 0;
  server = await startScriptedServer();
  server.always(active({ sub: 'mickey' }));
});
afterEach(async () => {
  await api.close();
  await server.close();
});

const options = (): Options => ({ issuer: server.origin, clientId: 'api', clientSecret: 'secret' });
const handle = () => {
  handled++;
  return { ok: true };
};

async function listen(app: FastifyInstance): Promise<Api> {
  return { origin: await app.listen({ port: 0, host: '127.0.0.1' }), close: () => app.close() };
}

/** Starts an app with one route for all methods, `/all`, guarded by a hook of the route or by `global`. */
async function startFastify(source: Source, { global = false, order = [] as ('cors' | 'introspect')[] }): Promise<Api> {
  const app = Fastify({ forceCloseConnections: true });
  for (const each of order) {
    if (each === 'cors') await app.register(fastifyCors, { origin: 'https://app.example' });
    else await app.register(introspect, { ...source, global });
  }
  app.all('/all', global ? {} : { onRequest: app.requireToken() }, async () => handle());
  return listen(app);
}

async function startHono(source: Source, withCors: boolean): Promise<Api> {
  const app = new Hono();
  if (withCors) app.use('*', cors({ origin: 'https://app.example' }));
  app.all('/all', introspectInHono(source as Options).requireToken(), (c) => c.json(handle()));
  const http = createAdaptorServer({ fetch: app.fetch });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const close = async () => {
    http.close();
    if ('closeAllConnections' in http) http.closeAllConnections();
  };
  return { origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, close };
}

async function startNest(source: Source, withCors: boolean, create: (module: Type) => Promise<INestApplication>) {
  @Controller()
  @UseGuards(IntrospectGuard)
  class AllController {
    @All('/all')
    all() {
      return handle();
    }
  }
  class CorsModule {}
  Module({ imports: [IntrospectModule.forRoot(source as Options)], controllers: [AllController] })(CorsModule);
  const app = await create(CorsModule);
  if (withCors) app.enableCors({ origin: 'https://app.example' });
  await app.listen(0, '127.0.0.1');
  return { origin: await app.getUrl(), close: () => app.close() };
}

const quiet = { logger: false, forceCloseConnections: true } as const;
const onExpress = (module: Type) => NestFactory.create(module, new ExpressAdapter(), quiet);
const onFastify = (module: Type) =>
  NestFactory.create<NestFastifyApplication>(module, new FastifyAdapter({ forceCloseConnections: true }), quiet);

/** The preflight that a browser sends before a request with credentials from another origin. */
const preflight = {
  method: 'OPTIONS',
  headers: {
    origin: 'https://app.example',
    'access-control-request-method': 'GET',
    'access-control-request-headers': 'authorization',
  },
};
const send = async (request: { method?: string; headers: Record<string, string> }) => {
  const response = await fetch(`${api.origin}/all`, request);
  await response.arrayBuffer();
  return {
    status: response.status,
    allowed: response.headers.get('access-control-allow-origin'),
    challenge: response.headers.get('www-authenticate'),
  };
};
const origin = 'https://app.example';

describe('CORS in front of a guard', () => {
  it.each<[string, () => Promise<Api>]>([
    [
      '@fastify/cors, registered before a plugin with "global"',
      () => startFastify(options(), { global: true, order: ['cors', 'introspect'] }),
    ],
    ['@fastify/cors, before hooks of routes', () => startFastify(options(), { order: ['cors', 'introspect'] })],
    [
      '@fastify/cors, registered after a plugin whose hooks belong to routes',
      () => startFastify(options(), { order: ['introspect', 'cors'] }),
    ],
    ['hono/cors, used before the middleware', () => startHono(options(), true)],
    ['enableCors of NestJS on Express', () => startNest(options(), true, onExpress)],
    ['enableCors of NestJS on Fastify', () => startNest(options(), true, onFastify)],
  ])('responds to a preflight itself, and the guard handles all other requests: %s', async (_, start) => {
    api = await start();
    expect(await send(preflight)).toEqual({ status: 204, allowed: origin, challenge: null });
    expect(handled).toBe(0);
    expect(await send({ headers: { origin } })).toEqual({
      status: 401,
      allowed: origin, // so that a script of that origin may read the status
      challenge: 'Bearer realm="api"',
    });
    expect(handled).toBe(0);
    expect(server.introspections).toHaveLength(0);
    expect(await send({ headers: { origin, authorization: 'Bearer good' } })).toEqual({
      status: 200,
      allowed: origin,
      challenge: null,
    });
    expect(handled).toBe(1);
  });

  it('must come first: with @fastify/cors after a plugin with "global", the guard rejects preflights', async () => {
    api = await startFastify(options(), { global: true, order: ['introspect', 'cors'] });
    expect(await send(preflight)).toEqual({ status: 401, allowed: null, challenge: 'Bearer realm="api"' });
    expect(handled).toBe(0);
  });
});

describe('without CORS', () => {
  const adapters: Record<string, (source: Source) => Promise<Api>> = {
    Fastify: (source) => startFastify(source, { order: ['introspect'] }),
    'Fastify with "global"': (source) => startFastify(source, { global: true, order: ['introspect'] }),
    Hono: (source) => startHono(source, false),
    'NestJS on Express': (source) => startNest(source, false, onExpress),
    'NestJS on Fastify': (source) => startNest(source, false, onFastify),
  };
  const sources: Record<string, { source: () => Source; status: number }> = {
    nothing: { source: () => options(), status: 401 },
    '"passPreflight" among the options': { source: () => ({ ...options(), passPreflight: true }), status: 200 },
    '"passPreflight" beside "authorizer"': {
      source: () => ({ authorizer: new Authorizer(options()), passPreflight: true }),
      status: 200,
    },
    '"passPreflight: false" beside an "authorizer" with it': {
      source: () => ({ authorizer: new Authorizer({ ...options(), passPreflight: true }), passPreflight: false }),
      status: 401,
    },
  };
  const cases = Object.keys(adapters).flatMap((adapter) => Object.keys(sources).map((name) => [adapter, name]));

  it.each(cases)(
    '%s rejects a preflight to a handler for all methods unless "passPreflight" is true: %s',
    async (adapter, name) => {
      const { source, status } = sources[String(name)] ?? expect.fail(name);
      const start = adapters[String(adapter)] ?? expect.fail(adapter);
      api = await start(source());
      expect((await send(preflight)).status).toBe(status);
      expect(handled).toBe(status === 200 ? 1 : 0);
      expect((await send({ method: 'OPTIONS', headers: {} })).status).toBe(401);
      expect(server.introspections).toHaveLength(0);
    },
  );
});
