import { json, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { Hono } from 'hono';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Authorizer, introspect, type LogEntry } from '../src/index.js';

const rejected = json({ error: 'invalid_client' }, { status: 401 });

let server: ScriptedServer;
const print = {
  error: vi.spyOn(console, 'error').mockReturnValue(),
  warn: vi.spyOn(console, 'warn').mockReturnValue(),
};
beforeEach(async () => {
  server = await startScriptedServer();
  print.error.mockClear();
  print.warn.mockClear();
});
afterEach(() => server.close());

function optionsOf(log?: false | ((entry: LogEntry) => void)) {
  const { introspectionEndpoint } = server;
  return { introspectionEndpoint, clientId: 'api', clientSecret: 'secret', ...(log !== undefined && { log }) };
}

/** An app with one guarded route. */
function appOf({ requireToken }: Pick<ReturnType<typeof introspect>, 'requireToken'>) {
  const app = new Hono();
  app.use(requireToken());
  app.get('/me', (c) => c.json({}));
  return app;
}
const request = { headers: { Authorization: 'Bearer t' } };

describe('the log of Hono', () => {
  it.each<[string, () => Pick<ReturnType<typeof introspect>, 'requireToken'>]>([
    ['options', () => introspect(optionsOf())],
    ['an existing authorizer', () => introspect(new Authorizer(optionsOf()))],
    ['a function that chooses the authorizer', () => introspect(() => new Authorizer(optionsOf()))],
  ])('console.error gets rejected credentials, with %s', async (_, guards) => {
    server.always(rejected);
    expect((await appOf(guards()).request('/me', request)).status).toBe(503);
    expect(print.error.mock.calls).toEqual([
      [expect.stringMatching(/^Token introspection failed \(invalid_client\).*npx @acme\/introspect-cli doctor/)],
    ]);
    expect(print.warn).not.toHaveBeenCalled();
  });

  it('console.warn gets an unreachable server', async () => {
    await server.close();
    expect((await appOf(introspect(optionsOf())).request('/me', request)).status).toBe(503);
    expect(print.warn.mock.calls).toEqual([[expect.stringContaining('(unavailable)')]]);
  });

  it('console.warn gets one hint when a guard before CORS has denied preflights', async () => {
    const app = appOf(introspect(optionsOf()));
    const headers = { Origin: 'https://app.example', 'Access-Control-Request-Method': 'GET' };
    for (let i = 0; i < 2; i++) {
      expect((await app.request('/me', { method: 'OPTIONS', headers })).status).toBe(401);
    }
    expect(print.warn.mock.calls).toEqual([[expect.stringContaining('Register CORS before the guard')]]);
  });

  it('the console gets nothing for an accepted and for a rejected token', async () => {
    server.tokens.set('t', {});
    const app = appOf(introspect(optionsOf()));
    expect((await app.request('/me', request)).status).toBe(200);
    expect((await app.request('/me', { headers: { Authorization: 'Bearer bad' } })).status).toBe(401);
    expect([print.error, print.warn].flatMap(({ mock }) => mock.calls)).toEqual([]);
  });

  it('a log function replaces the console, and log: false silences it', async () => {
    server.always(rejected);
    const log = vi.fn();
    for (const option of [log, false] as const) {
      expect((await appOf(introspect(optionsOf(option))).request('/me', request)).status).toBe(503);
    }
    expect(log).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ level: 'error', code: 'invalid_client' }));
    expect(print.error).not.toHaveBeenCalled();
  });
});
