import { json, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest';
import { protect } from '../../src/adapter/protect.js';
import {
  Authorizer,
  type AuthorizerSettings,
  IntrospectionClient,
  type IntrospectionClientOptions,
  type LogEntry,
} from '../../src/index.js';
import { cachingAuthorizer, outcomeOf, rejectionOf } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';

const rejected = json({ error: 'invalid_client', error_description: 'canary of the server' }, { status: 401 });
const preflight = {
  method: 'OPTIONS',
  authorization: null,
  header: (name: string) => (['origin', 'access-control-request-method'].includes(name) ? ['x'] : []),
};

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

function optionsOf(options: Partial<IntrospectionClientOptions> = {}) {
  const { introspectionEndpoint } = server;
  return { introspectionEndpoint, clientId: 'api', clientSecret: 'secret', ...options };
}
type Options = Partial<IntrospectionClientOptions & AuthorizerSettings>;
type Log = Options['log'];
const authorizerOf = (options: Options = {}) => new Authorizer({ ...optionsOf(), ...options });

function collector() {
  const entries: LogEntry[] = [];
  return { entries, log: (entry: LogEntry) => void entries.push(entry) };
}

describe('the log of an authorizer', () => {
  it('an authorizer logs rejected credentials by console.error, without secret, token or text of the server', async () => {
    server.always(rejected);
    expect(await outcomeOf(authorizerOf({ clientSecret: 'canary-secret' }).authorize('Bearer canary-token'))).toBe(
      'invalid_client',
    );
    expect(print.error.mock.calls).toEqual([
      [expect.stringMatching(/^Token introspection failed \(invalid_client\).*npx @acme\/introspect-cli doctor/)],
    ]);
    expect(JSON.stringify(print.error.mock.calls)).not.toContain('canary');
    expect(print.warn).not.toHaveBeenCalled();
  });

  it('an authorizer logs an unreachable server by console.warn', async () => {
    await server.close();
    expect(await outcomeOf(authorizerOf().authorize('Bearer t'))).toBe('unavailable');
    expect(print.warn.mock.calls).toEqual([
      [expect.stringMatching(/could not be reached .*, and its address right\? To find the cause, run/)],
    ]);
    expect(print.error).not.toHaveBeenCalled();
  });

  it('an authorizer logs a response that is not an introspection response by console.error', async () => {
    server.always(json([]));
    expect(await outcomeOf(authorizerOf().authorize('Bearer t'))).toBe('invalid_response');
    expect(print.error.mock.calls).toEqual([[expect.stringContaining('(invalid_response)')]]);
  });

  it('an authorizer logs nothing for accepted, rejected and anonymous requests', async () => {
    server.tokens.set('good', { scope: 'a' });
    const { log, entries } = collector();
    const authorizer = authorizerOf({ log });
    const guard = authorizer.guard({ scopes: ['b'] });
    const requests = [
      authorizer.authorize('Bearer good'),
      authorizer.authorize('Bearer bad'),
      authorizer.authorize(null),
    ];
    expect(await Promise.all([...requests, guard('Bearer good')].map(outcomeOf))).toEqual([
      'ok',
      'inactive',
      'missing_token',
      'insufficient_scope',
    ]);
    expect(entries).toEqual([]);
  });

  it('each authorizer counts for itself, also with a shared client, whose log both use', async () => {
    server.always(rejected);
    const { log, entries } = collector();
    const client = new IntrospectionClient(optionsOf({ log }));
    const authorizers = [new Authorizer({ client }), new Authorizer({ client })];
    for (const authorizer of [...authorizers, ...authorizers]) await outcomeOf(authorizer.authorize('Bearer t'));
    expect(entries).toMatchObject([{ code: 'invalid_client' }, { code: 'invalid_client' }]);
  });

  it('requests that share one failed introspection give one line, and the next line counts the others', async () => {
    server.always(rejected);
    const { log, entries } = collector();
    const clocks = new Clocks();
    const authorizer = authorizerOf({ log, monotonicNow: clocks.monotonicNow });
    await Promise.all([1, 2, 3, 4].map(() => outcomeOf(authorizer.authorize('Bearer t'))));
    clocks.pass(60);
    await outcomeOf(authorizer.authorize('Bearer t'));
    expect(entries).toMatchObject([{ suppressed: 0 }, { suppressed: 3 }]);
  });

  it('an authorizer logs unavailable at level warn when it uses a stale response', async () => {
    server.tokens.set('t', {});
    const { log, entries } = collector();
    const clocks = new Clocks();
    const cache = { maxAgeSeconds: 10, maxAgeIfErrorSeconds: 600 };
    const { authorize } = cachingAuthorizer(server, clocks, { cache, log });
    expect(await authorize()).toBe('ok');
    await server.close();
    expect(await authorize()).toBe('ok');
    expect(entries).toEqual([]);
    clocks.pass(11);
    expect([await authorize(), await authorize()]).toEqual(['ok', 'ok']);
    expect(entries).toMatchObject([{ level: 'warn', code: 'unavailable', suppressed: 0 }]);
    expect(entries[0]?.message).toContain('so a stale response was used');
    clocks.pass(600);
    expect(await authorize()).toBe('unavailable');
    expect(entries.slice(1)).toMatchObject([{ code: 'unavailable', suppressed: 1 }]);
    expect(entries[1]?.message).toContain('so a request was denied with 503');
  });

  it('an authorizer hints at the order of CORS once, when a guard has denied a preflight', async () => {
    const { log, entries } = collector();
    const authorizer = authorizerOf({ log });
    for (let i = 0; i < 3; i++) await outcomeOf(authorizer.authorize(preflight));
    await outcomeOf(authorizer.authorize({ ...preflight, method: 'GET' }));
    expect(entries).toMatchObject([{ level: 'warn', code: 'preflight_denied', suppressed: 0 }]);
  });

  it('an authorizer gives no hint for a preflight that an optional policy or passPreflight lets pass', async () => {
    const { log, entries } = collector();
    await authorizerOf({ log }).authorize(preflight, { optional: true });
    await protect(authorizerOf({ log, passPreflight: true }))({ ...preflight, native: {} });
    expect(entries).toEqual([]);
  });

  it.each<[string, Exclude<Log, undefined>]>([
    ['log: false', false],
    [
      'a log function that throws',
      () => {
        throw new Error('disk full');
      },
    ],
  ])('%s changes no decision and prints nothing', async (_, log) => {
    server.always(rejected);
    const authorizer = authorizerOf({ log });
    expect(await rejectionOf(authorizer.authorize('Bearer t'))).toMatchObject({ code: 'invalid_client', status: 503 });
    expect(await rejectionOf(authorizer.authorize(preflight))).toMatchObject({ code: 'missing_token', status: 401 });
    expect([print.error, print.warn].flatMap(({ mock }) => mock.calls)).toEqual([]);
  });

  it('ready() logs nothing, because its caller gets the error', async () => {
    server.always(rejected);
    const { log, entries } = collector();
    expect(await outcomeOf(authorizerOf({ log }).ready())).toBe('invalid_client');
    expect(entries).toEqual([]);
  });

  it('a client without an authorizer logs nothing, because its caller gets the error', async () => {
    server.always(rejected);
    const { log, entries } = collector();
    expect(await outcomeOf(new IntrospectionClient(optionsOf({ log })).introspect('t'))).toBe('invalid_client');
    expect(await outcomeOf(new IntrospectionClient(optionsOf()).introspect('t'))).toBe('invalid_client');
    expect([entries, print.error.mock.calls]).toEqual([[], []]);
  });
});

describe('protect with a log of the framework', () => {
  const request = { authorization: 'Bearer t', native: { id: 7 } };

  it('protect passes each line and its request to the log of the framework, and prints nothing', async () => {
    server.always(rejected);
    const log = vi.fn();
    await protect(authorizerOf(), {}, log)(request);
    expect(log).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'invalid_client' }), request.native);
    expect(print.error).not.toHaveBeenCalled();
  });

  it('protect passes the lines about stale responses and preflights to the log of the framework', async () => {
    server.tokens.set('t', {});
    const log = vi.fn();
    const clocks = new Clocks();
    const cache = { maxAgeSeconds: 10, maxAgeIfErrorSeconds: 600 };
    const decide = protect(cachingAuthorizer(server, clocks, { cache }).authorizer, {}, log);
    await decide(request);
    await server.close();
    clocks.pass(11);
    expect(await decide({ ...request, native: { id: 8 } })).toMatchObject({ allowed: true });
    await decide({ ...preflight, native: { id: 9 } });
    expect(log.mock.calls).toMatchObject([
      [{ code: 'unavailable' }, { id: 8 }],
      [{ code: 'preflight_denied' }, { id: 9 }],
    ]);
    expect(print.warn).not.toHaveBeenCalled();
  });

  it('protect uses the log of the framework for an authorizer that a function chooses', async () => {
    server.always(rejected);
    const log = vi.fn();
    const authorizer = authorizerOf();
    const decide = protect(async () => authorizer, {}, log);
    for (let i = 0; i < 2; i++) await decide(request);
    expect(log).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'invalid_client' }), request.native);
  });

  it("protect leaves the authorizer's own log in place, and log: false too", async () => {
    server.always(rejected);
    const framework = vi.fn();
    const { log, entries } = collector();
    await protect(authorizerOf({ log }), {}, framework)(request);
    await protect(() => authorizerOf({ log: false }), {}, framework)(request);
    expect(entries).toMatchObject([{ code: 'invalid_client' }]);
    expect(framework).not.toHaveBeenCalled();
  });

  it('a log of the framework that throws changes no decision', async () => {
    server.always(rejected);
    const log = () => {
      throw new Error('disk full');
    };
    expect(await protect(authorizerOf(), {}, log)(request)).toMatchObject({ allowed: false, status: 503 });
  });
});

describe('the option log', () => {
  it.each([true, 'console', {}, null])('an authorizer rejects log: %j at construction', (log) => {
    const message = 'IntrospectionClient: "log" must be a function, or false';
    expect(() => authorizerOf({ log } as never)).toThrow(new TypeError(message));
  });

  it('log cannot be combined with a client, which has its own', () => {
    const client = new IntrospectionClient(optionsOf());
    expect(() => new Authorizer({ client, log: false } as never)).toThrow('"log" cannot be combined with "client"');
  });

  it('the type of log accepts false, or a function that receives an entry', () => {
    expectTypeOf<false>().toExtend<Log>();
    expectTypeOf<
      (entry: { level: 'error' | 'warn'; code: string; message: string; suppressed: number }) => void
    >().toExtend<Log>();
    expectTypeOf<(line: string) => void>().not.toExtend<Log>();
    expectTypeOf<true>().not.toExtend<Log>();
  });
});
