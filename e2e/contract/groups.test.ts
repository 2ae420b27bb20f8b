import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Authorizer, issuers, tenants } from '@acme/introspect-core';
import { mcpGate, mcpVerifier } from '@acme/introspect-core/mcp';
import { introspect as introspectWeb } from '@acme/introspect-core/web';
import { introspect as introspectExpress } from '@acme/introspect-express';
import introspectFastify from '@acme/introspect-fastify';
import { introspect as introspectHono } from '@acme/introspect-hono';
import { IntrospectModule } from '@acme/introspect-nestjs';
import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { NestFactory } from '@nestjs/core';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const resource = 'http://localhost/mcp';
const jwt = (iss: string) => `${part({ alg: 'none' })}.${part({ iss })}.c2ln`;

let a: ScriptedServer;
let b: ScriptedServer;
beforeEach(async () => {
  [a, b] = await Promise.all([startScriptedServer(), startScriptedServer()]);
  for (const server of [a, b]) server.tokens.set(jwt(server.origin), { iss: server.origin, sub: 'alice' });
});
afterEach(() => Promise.all([a.close(), b.close()]));

const authorizerOf = (server: ScriptedServer) =>
  new Authorizer({
    issuer: server.origin,
    introspectionEndpoint: server.introspectionEndpoint,
    clientId: 'api',
    clientSecret: 'secret',
    cache: { maxAgeSeconds: 60 },
    resource,
  });

/** Sends a request to an API, and returns the status. */
type Send = (token: string) => Promise<number>;
const apis: [string, (authorizer: Authorizer) => Promise<{ send: Send; close?: () => Promise<unknown> }>][] = [
  [
    'Hono',
    async (authorizer) => {
      const { withToken } = introspectHono(authorizer);
      const app = new Hono().get(
        '/',
        withToken({}, (c, { sub }) => c.json({ sub })),
      );
      return { send: async (token) => (await app.request('/', { headers: bearer(token) })).status };
    },
  ],
  [
    'Fastify',
    async (authorizer) => {
      const app = fastify();
      await app.register(introspectFastify, { authorizer });
      app.get('/', { onRequest: app.requireToken() }, async () => 'ok');
      return { send: async (token) => (await app.inject({ url: '/', headers: bearer(token) })).statusCode };
    },
  ],
  [
    'Express',
    async (authorizer) => {
      const server = express().get('/', introspectExpress(authorizer).requireToken(), (_, res) => void res.end());
      const listening = server.listen(0, '127.0.0.1');
      await once(listening, 'listening');
      const { port } = listening.address() as AddressInfo;
      return {
        send: async (token) => (await fetch(`http://127.0.0.1:${port}/`, { headers: bearer(token) })).status,
        close: async () => void listening.close(),
      };
    },
  ],
  [
    'NestJS',
    async (authorizer) => {
      const module = { module: class App {}, imports: [IntrospectModule.forRoot(authorizer)] };
      const app = await NestFactory.createApplicationContext(module, { logger: false });
      const injected = app.get(Authorizer);
      return { send: (token) => statusOf(injected.authorize(`Bearer ${token}`)), close: () => app.close() };
    },
  ],
  [
    'web-standard requests',
    async (authorizer) => {
      const handle = introspectWeb(authorizer).withToken({}, () => new Response());
      return { send: async (token) => (await handle(new Request(resource, { headers: bearer(token) }))).status };
    },
  ],
];
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const statusOf = (decision: Promise<unknown>) =>
  decision.then(
    () => 200,
    (error) => error.status as number,
  );

describe.each(apis)('%s', (_, start) => {
  it.each([
    ['issuers', () => issuers([authorizerOf(a), authorizerOf(b)])],
    [
      'tenants, whose tenant has several issuers',
      () =>
        tenants(
          () => 'one',
          () => issuers([authorizerOf(a), authorizerOf(b)]),
        ),
    ],
  ])('accepts %s as an authorizer', async (__, make) => {
    const { send, close } = await start(make());
    for (const _round of [1, 2]) {
      expect(await send(jwt(a.origin))).toBe(200);
      expect(await send(jwt(b.origin))).toBe(200);
      expect(await send(jwt('https://other.example'))).toBe(401);
    }
    expect([a, b].map(({ introspections }) => introspections.length)).toEqual([1, 1]);
    await close?.();
  });
});

it('mcpGate and mcpVerifier accept issuers, and the gate serves a document with all of them', async () => {
  const authorizer = issuers([authorizerOf(a), authorizerOf(b)]);
  const gate = mcpGate(authorizer, {}, { anyAudience: true });
  for (const { origin } of [a, b]) {
    expect(await gate(new Request(resource, { headers: bearer(jwt(origin)) }))).toMatchObject({ token: jwt(origin) });
    expect(await mcpVerifier(authorizer).verifyAccessToken(jwt(origin))).toMatchObject({ token: jwt(origin) });
  }
  const document = await gate(new Request('http://localhost/.well-known/oauth-protected-resource/mcp'));
  expect(await (document as Response).json()).toMatchObject({ authorization_servers: [a.origin, b.origin] });
});
