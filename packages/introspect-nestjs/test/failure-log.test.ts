import { json, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { All, Controller, type DynamicModule, Get, type LoggerService } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Authorizer, IntrospectModule, RequireToken } from '../src/index.js';
import { bearer, createApp, listen, optionsOf, platforms } from './nest-app.js';

const rejected = json({ error: 'invalid_client' }, { status: 401 });

@Controller()
@RequireToken()
class MeController {
  @Get('me')
  me() {
    return {};
  }

  @All('any')
  any() {
    return {};
  }
}

let server: ScriptedServer;
let lines: unknown[][];
const stops: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  lines = [];
  server = await startScriptedServer();
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await server.close();
});

/** Starts an app whose logger collects the lines of errors and warnings. Returns a function that sends a request. */
async function start(adapter: (typeof platforms)[number][1], module: DynamicModule) {
  const collect =
    (level: string) =>
    (...line: unknown[]) =>
      void lines.push([level, ...line]);
  const logger: LoggerService = { log() {}, error: collect('error'), warn: collect('warn') };
  const app = await createApp(adapter, { imports: [module], controllers: [MeController] }, logger);
  stops.push(() => app.close());
  return listen(app);
}

describe.each(platforms)('the log of NestJS on %s', (_, adapter) => {
  it.each<[string, () => DynamicModule]>([
    ['options', () => IntrospectModule.forRoot(optionsOf(server))],
    ['an existing authorizer', () => IntrospectModule.forRoot(new Authorizer(optionsOf(server)))],
    ['a function', () => IntrospectModule.forRoot({ authorizer: () => new Authorizer(optionsOf(server)) })],
  ])('Logger.error gets rejected credentials, with %s', async (_, moduleOf) => {
    server.always(rejected);
    const send = await start(adapter, moduleOf());
    expect((await send('/me', bearer('t'))).status).toBe(503);
    expect(lines).toEqual([
      [
        'error',
        expect.stringMatching(/^Token introspection failed \(invalid_client\).*npx @acme\/introspect-cli doctor/),
        undefined, // the stack
        'IntrospectModule',
      ],
    ]);
  });

  it('Logger.warn gets an unreachable server, and Logger gets nothing for a missing token', async () => {
    await server.close();
    const send = await start(adapter, IntrospectModule.forRoot(optionsOf(server)));
    expect((await send('/me')).status).toBe(401);
    expect(lines).toEqual([]);
    expect((await send('/me', bearer('t'))).status).toBe(503);
    expect(lines).toEqual([['warn', expect.stringContaining('(unavailable)'), 'IntrospectModule']]);
  });

  it('Logger.warn gets one hint when a guard has denied CORS preflights', async () => {
    const send = await start(adapter, IntrospectModule.forRoot(optionsOf(server)));
    const fields: [string, string][] = [
      ['Origin', 'https://app.example'],
      ['Access-Control-Request-Method', 'GET'],
    ];
    for (const _ of [1, 2]) expect((await send('OPTIONS /any', ...fields)).status).toBe(401);
    expect(lines).toEqual([['warn', expect.stringContaining('Register CORS before the guard'), 'IntrospectModule']]);
  });

  it('a log function replaces Logger, and log: false silences it', async () => {
    server.always(rejected);
    const log = vi.fn();
    for (const option of [log, false] as const) {
      const send = await start(adapter, IntrospectModule.forRoot({ ...optionsOf(server), log: option }));
      expect((await send('/me', bearer('t'))).status).toBe(503);
    }
    expect(log).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ level: 'error', code: 'invalid_client' }));
    expect(lines).toEqual([]);
  });
});
