import { json, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Authorizer, type IntrospectOptions, introspect, type LogEntry } from '../src/index.js';

const rejected = json({ error: 'invalid_client' }, { status: 401 });

let server: ScriptedServer;
let app: FastifyInstance;
/** The lines of the app's log that come from the authorizer. */
let lines: Record<string, unknown>[];
beforeEach(async () => {
  server = await startScriptedServer();
  lines = [];
  const write = (line: string) => {
    const parsed = JSON.parse(line);
    if ('suppressed' in parsed) lines.push(parsed);
  };
  app = Fastify({ logger: { stream: { write } }, genReqId: () => 'the-request' });
});
afterEach(async () => {
  await app.close();
  await server.close();
});

function optionsOf(log?: false | ((entry: LogEntry) => void)) {
  const { introspectionEndpoint } = server;
  return { introspectionEndpoint, clientId: 'api', clientSecret: 'secret', ...(log !== undefined && { log }) };
}

/** Sends a request with a token, and returns the status of the response. */
async function send(options: IntrospectOptions, token = 't'): Promise<number> {
  await app.register(introspect, options);
  app.get('/me', { onRequest: app.requireToken() }, async () => ({}));
  return (await app.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })).statusCode;
}

describe('request.log', () => {
  it.each<[string, () => IntrospectOptions]>([
    ['options', () => optionsOf()],
    ['an existing authorizer', () => ({ authorizer: new Authorizer(optionsOf()) })],
    ['a function that chooses the authorizer', () => ({ authorizer: () => new Authorizer(optionsOf()) })],
  ])('request.log gets rejected credentials at level error, with %s', async (_, options) => {
    const print = vi.spyOn(console, 'error').mockReturnValue();
    server.always(rejected);
    expect(await send(options())).toBe(503);
    expect(lines).toMatchObject([
      {
        level: 50,
        reqId: 'the-request',
        code: 'invalid_client',
        suppressed: 0,
        msg: expect.stringMatching(/^Token introspection failed \(invalid_client\).*npx @acme\/introspect-cli doctor/),
      },
    ]);
    expect(print).not.toHaveBeenCalled();
    print.mockRestore();
  });

  it('request.log gets an unreachable server at level warn', async () => {
    await server.close();
    expect(await send(optionsOf())).toBe(503);
    expect(lines).toMatchObject([{ level: 40, code: 'unavailable' }]);
  });

  it('console gets the line in an app without a logger, because request.log discards each line', async () => {
    const print = vi.spyOn(console, 'error').mockReturnValue();
    app = Fastify();
    server.always(rejected);
    expect(await send(optionsOf())).toBe(503);
    expect(print.mock.calls).toEqual([[expect.stringMatching(/^Token introspection failed \(invalid_client\)/)]]);
    print.mockRestore();
  });

  it.each<[string, FastifyServerOptions, false | undefined]>([
    ['the level silent', { logger: { level: 'silent' } }, undefined],
    ['the option log: false', {}, false],
  ])('console gets nothing in an app with %s', async (_, settings, log) => {
    const print = vi.spyOn(console, 'error').mockReturnValue();
    app = Fastify(settings) as FastifyInstance;
    server.always(rejected);
    expect(await send(optionsOf(log))).toBe(503);
    expect(print).not.toHaveBeenCalled();
    print.mockRestore();
  });

  it('request.log gets nothing for an accepted and for a rejected token', async () => {
    server.tokens.set('good', {});
    expect(await send(optionsOf(), 'good')).toBe(200);
    expect((await app.inject({ url: '/me', headers: { authorization: 'Bearer bad' } })).statusCode).toBe(401);
    expect((await app.inject('/me')).statusCode).toBe(401);
    expect(lines).toEqual([]);
  });

  it('request.log gets one hint when the option global has denied CORS preflights', async () => {
    await app.register(introspect, { ...optionsOf(), global: true });
    app.options('/me', async () => ({}));
    const headers = { origin: 'https://app.example', 'access-control-request-method': 'GET' };
    for (let i = 0; i < 2; i++) {
      expect((await app.inject({ method: 'OPTIONS', url: '/me', headers })).statusCode).toBe(401);
    }
    expect(lines).toMatchObject([{ level: 40, code: 'preflight_denied' }]);
  });
});

describe('the option log', () => {
  it('a log function replaces request.log, also the one of an existing authorizer', async () => {
    server.always(rejected);
    const log = vi.fn();
    expect(await send({ authorizer: new Authorizer(optionsOf(log)) })).toBe(503);
    expect(log).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ level: 'error', code: 'invalid_client' }));
    expect(lines).toEqual([]);
  });

  it('log: false silences the log', async () => {
    server.always(rejected);
    expect(await send(optionsOf(false))).toBe(503);
    expect(lines).toEqual([]);
  });
});
