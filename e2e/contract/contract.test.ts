import { inspect } from 'node:util';
import {
  type ContractApi,
  inactive,
  json,
  respond,
  runAdapterContract,
  type ScriptedServer,
  sendRequest,
  startScriptedServer,
} from '@acme/introspect-testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startExpress4Api, startExpressApi } from './apis/express.js';
import { startFastifyApi } from './apis/fastify.js';
import { startHonoApi } from './apis/hono.js';
import { startNestExpressApi, startNestFastifyApi } from './apis/nestjs.js';
import { startWebApi } from './apis/web.js';

const adapters = [
  ['Fastify', startFastifyApi],
  ['Hono on node-server', startHonoApi],
  ['NestJS on Express', startNestExpressApi],
  ['NestJS on Fastify', startNestFastifyApi],
  ['Express', startExpressApi],
  ['Express 4', startExpress4Api],
  ['web-standard requests', startWebApi],
] as const;

describe.each(adapters)('%s', (_, start) => runAdapterContract({ it, afterAll, serve: start }));

describe.each(adapters)('%s', (_, start) => {
  let server: ScriptedServer;
  let api: ContractApi;
  beforeAll(async () => {
    server = await startScriptedServer();
    api = await start(server);
  });
  afterAll(async () => {
    await api.close();
    await server.close();
  });

  const good = () => json({ active: true, iss: server.origin, aud: 'contract-api', sub: 'mickey' });
  const withToken = (token: string, path = '/any') => ({
    path,
    fields: [['Authorization', `Bearer ${token}`]] as const,
  });

  it('rejects a forged token after somebody has replaced the global Promise', async () => {
    const { Promise: native } = globalThis;
    server.always(inactive());
    const before = api.handled();
    globalThis.Promise = class extends native<never> {} as PromiseConstructor;
    try {
      expect((await sendRequest(api.origin, withToken('forged'))).status).toBe(401);
    } finally {
      globalThis.Promise = native;
    }
    expect(api.handled()).toBe(before);
  });

  it('rejects a forged token after somebody has added "allowed" to the prototype of all objects', async () => {
    server.always(inactive());
    const before = api.handled();
    Object.defineProperty(Object.prototype, 'allowed', { value: true, configurable: true });
    try {
      expect((await sendRequest(api.origin, withToken('forged'))).status).toBe(401);
    } finally {
      Reflect.deleteProperty(Object.prototype, 'allowed');
    }
    expect(api.handled()).toBe(before);
  });

  it("responds with the framework's own 500 if errorBody throws, and runs no handler", async () => {
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
    server.always(inactive());
    const before = api.handled();
    for (const request of [{ path: '/fault' }, withToken('bad', '/fault')]) {
      expect(await sendRequest(api.origin, request)).toMatchObject({
        status: 500,
        'www-authenticate': undefined,
        'retry-after': undefined,
      });
    }
    logged.mockRestore();
    expect(api.handled()).toBe(before);
    server.always(good());
    expect((await sendRequest(api.origin, withToken('good', '/fault'))).status).toBe(200);
  });

  it('survives 1,000 requests of random garbage', async () => {
    server.always(inactive());
    const characters = Array.from({ length: 224 }, (_, i) => String.fromCharCode(i + 32)).filter(
      (each) => each !== '\u007f',
    );
    const random = (length: number) =>
      Array.from({ length }, () => characters[Math.floor(Math.random() * characters.length)]).join('');
    const before = api.handled();
    for (let batch = 0; batch < 20; batch++) {
      const statuses = await Promise.all(
        Array.from({ length: 50 }, async (_, i) => {
          const value = i % 2 === 0 ? `Bearer ${random(i)}` : random(i);
          return (await sendRequest(api.origin, { path: '/any', fields: [['Authorization', value]] })).status;
        }),
      );
      for (const status of statuses) expect([400, 401]).toContain(status);
    }
    expect(api.handled()).toBe(before);
    server.always(good());
    expect((await sendRequest(api.origin, withToken('good'))).status).toBe(200);
  });

  it('never reveals a canary: the token, the secret, or the body of the server', async () => {
    const output = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const errors = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const body = 'CANARYbody';
    const headers = { 'x-canary': body, 'content-type': 'application/json' };
    const given: unknown[] = [];
    for (const status of [200, 302, 400, 401, 403, 404, 429, 500]) {
      server.always(respond({ status, headers, body: JSON.stringify({ error: body, error_description: body }) }));
      for (const path of ['/any', '/scopes', '/role', '/optional', '/denied']) {
        given.push(await sendRequest(api.origin, withToken('CANARYtoken', path)));
      }
    }
    server.always(json({ active: true, iss: server.origin, aud: 'contract-api', sub: body, scope: body, acr: body }));
    for (const path of ['/scopes', '/role', '/strong', '/recent', '/denied']) {
      given.push(await sendRequest(api.origin, withToken('CANARYtoken', path)));
    }
    const shown = inspect([given, output.mock.calls, errors.mock.calls], { depth: 9, maxArrayLength: null });
    vi.restoreAllMocks();
    expect(shown).toContain('503');
    expect(shown).not.toContain('CANARY');
    expect(shown).not.toContain(btoa('api:secret'));
  });
});

describe.each(adapters)('%s, started while the authorization server is down', (_, start) => {
  it('responds with 503, and recovers by itself when the server is back', async () => {
    const server = await startScriptedServer();
    const down = vi.fn();
    server.at('/.well-known/openid-configuration', (response) => {
      down();
      response.socket?.resetAndDestroy();
    });
    const api = await start(server);
    server.tokens.set('good', { iss: server.origin, aud: 'contract-api', sub: 'mickey' });
    const request = { path: '/any', fields: [['Authorization', 'Bearer good']] } as const;
    expect((await sendRequest(api.origin, request)).status).toBe(503);
    expect(down).toHaveBeenCalled();
    server.at(
      '/.well-known/openid-configuration',
      json({ issuer: server.origin, introspection_endpoint: server.introspectionEndpoint }),
    );
    expect((await sendRequest(api.origin, request)).status).toBe(200);
    await api.close();
    await server.close();
  });
});
