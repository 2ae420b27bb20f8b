import 'reflect-metadata';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  Authorizer,
  type AuthorizerOptions,
  IntrospectionClient,
  type LogEntry,
  type Policy,
} from '@acme/introspect-core';
import { introspect as expressIntrospect } from '@acme/introspect-express';
import { introspect as fastifyIntrospect, introspectionOf as fastifyIntrospectionOf } from '@acme/introspect-fastify';
import { introspect as honoIntrospect } from '@acme/introspect-hono';
import { IntrospectGuard, Introspection, IntrospectModule, Public, RequireToken } from '@acme/introspect-nestjs';
import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import {
  Controller,
  type DynamicModule,
  Get,
  type INestApplication,
  Module,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import express, { type Express } from 'express';
import Fastify, { type FastifyInstance } from 'fastify';
import { type Context, Hono } from 'hono';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

// Each mistake that a newcomer has made, as it is written, and what the packages say to it.

let server: ScriptedServer;
let options: AuthorizerOptions;
let log: LogEntry[];
/** How often a handler ran. */
let handled = 0;

beforeAll(async () => {
  server = await startScriptedServer();
  server.tokens.set('good', { sub: 'alice' });
});
afterAll(() => server.close());
beforeEach(() => {
  handled = 0;
  log = [];
  options = { issuer: server.origin, clientId: 'api', clientSecret: 'secret', log: (entry) => log.push(entry) };
});

const handle = () => {
  handled++;
  return 'the handler ran';
};

/** A function that gets what its types forbid. */
type Loose = (...given: unknown[]) => never;

/** What came of a request: the status, and the message of the error that the framework got. */
interface Outcome {
  status: number;
  says?: string;
}

/** Sends a request to /x of an app with Fastify. */
async function requestFastify(add: (app: FastifyInstance) => unknown, authorization = ''): Promise<Outcome> {
  const app = Fastify();
  let says: string | undefined;
  app.setErrorHandler((error: Error, _, reply) => {
    says = error.message;
    return reply.code(500).send();
  });
  try {
    await app.register(fastifyIntrospect, options);
    await add(app);
    const { statusCode } = await app.inject({ url: '/x', headers: { authorization } });
    return { status: statusCode, ...(says && { says }) };
  } finally {
    await app.close();
  }
}

/** Sends a request to /x of an app with Hono. */
async function requestHono(
  add: (app: Hono, bound: ReturnType<typeof honoIntrospect>) => unknown,
  authorization = '',
): Promise<Outcome> {
  const app = new Hono();
  let says: string | undefined;
  app.onError((error, c) => {
    if ('getResponse' in error) return (error as { getResponse(): Response }).getResponse();
    says = error.message;
    return c.text('', 500);
  });
  await add(app, honoIntrospect(options));
  app.get('/x', (c) => c.text(handle()));
  const { status } = await app.request('/x', { headers: { authorization } });
  return { status, ...(says && { says }) };
}

/** Sends a request to /x of an app with Express. */
async function requestExpress(
  add: (app: Express, bound: ReturnType<typeof expressIntrospect>) => unknown,
): Promise<Outcome> {
  const app = express();
  let says: string | undefined;
  add(app, expressIntrospect(options));
  app.get('/x', (_, res) => res.send(handle()));
  app.use((error: Error, _: unknown, res: { status(code: number): { end(): void } }, __: unknown) => {
    says = error.message;
    res.status(500).end();
  });
  const http = app.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { status } = await fetch(`http://127.0.0.1:${(http.address() as AddressInfo).port}/x`);
  http.close();
  http.closeAllConnections();
  return { status, ...(says && { says }) };
}

function moduleOf(imports: (Type | DynamicModule)[], controllers: Type[] = []): Type {
  class AnyModule {}
  Module({ imports, controllers })(AnyModule);
  return AnyModule;
}

/** @param catchError gets each error that is not an HttpException */
async function startNest(
  imports: (Type | DynamicModule)[],
  controllers: Type[] = [],
  catchError: (error: Error) => void = () => {},
): Promise<INestApplication> {
  const app = await NestFactory.create(moduleOf(imports, controllers), new ExpressAdapter(), {
    logger: false,
    abortOnError: false,
    forceCloseConnections: true,
  });
  app.useGlobalFilters({
    catch(error: Error & { getStatus?(): number }, host) {
      if (error.getStatus === undefined) catchError(error);
      host
        .switchToHttp()
        .getResponse()
        .status(error.getStatus?.() ?? 500)
        .end();
    },
  });
  await app.listen(0, '127.0.0.1');
  return app;
}

/** Sends a request to /x of an app with NestJS. */
async function requestNest(controller: Type, authorization = ''): Promise<Outcome> {
  let says: string | undefined;
  const app = await startNest([IntrospectModule.forRoot(options)], [controller], ({ message }) => {
    says = message;
  });
  try {
    const { status } = await fetch(`${await app.getUrl()}/x`, { headers: { authorization } });
    return { status, ...(says && { says }) };
  } finally {
    await app.close();
  }
}

/** Returns the message of the TypeError or Error that a function throws, or that its promise rejects with. */
async function messageOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('there was no error');
}

/** Shortens the list of known options: another test reads it. */
const shortened = (message: string) => message.replace(/known options: [\w, ]+/, 'known options: …');

/** Each way to pass options, and the name by which errors call it. */
const entrances: [called: string, owner: string, enter: (input: never) => unknown][] = [
  ['new Authorizer', 'Authorizer', (input) => new Authorizer(input)],
  ['app.register(introspect', 'introspect', (input) => Fastify().register(fastifyIntrospect, input)],
  ['introspect', 'introspect', (input) => honoIntrospect(input)],
  ['IntrospectModule.forRoot', 'IntrospectModule.forRoot', (input) => startNest([IntrospectModule.forRoot(input)])],
];

describe.each(entrances)('%s(…)', (_, owner, enter) => {
  const complete = { issuer: 'https://as.example', clientId: 'api', clientSecret: 'secret' };
  const unset = 'is an environment variable unset?';

  it.each<[written: object, says: string]>([
    [
      {},
      'IntrospectionClient: "issuer" (or "introspectionEndpoint"), "clientId" and "clientSecret" are missing: pass them, or use fromEnv() or another preset, which read them from the environment',
    ],
    [
      { audience: 'my-api' },
      'IntrospectionClient: "issuer" (or "introspectionEndpoint"), "clientId" and "clientSecret" are missing: pass them, or use fromEnv() or another preset, which read them from the environment',
    ],
    [
      { issuer: 'https://as.example' },
      'IntrospectionClient: "clientId" and "clientSecret" are missing: pass them, or use fromEnv() or another preset, which read them from the environment',
    ],
    [
      { issuer: 'https://as.example', clientId: 'api' },
      'IntrospectionClient: "clientSecret" is missing: pass it, or use fromEnv() or another preset, which read it from the environment',
    ],
    [{ ...complete, clientSecret: undefined }, `IntrospectionClient: "clientSecret" is undefined: ${unset}`],
    [{ ...complete, clientSecret: '' }, `IntrospectionClient: "clientSecret" must not be empty: ${unset}`],
    [
      { ...complete, clientSecret: String(undefined) },
      `IntrospectionClient: "clientSecret" must not be the string "undefined": ${unset}`,
    ],
    [
      { issuer: undefined, clientId: undefined, clientSecret: undefined },
      'IntrospectionClient: "issuer", "clientId" and "clientSecret" have no value: are environment variables unset?',
    ],
    [{ ...complete, isuer: 'x' }, `${owner}: unknown option "isuer"; known options: …; did you mean "issuer"?`],
    [{ ...complete, url: 'x' }, `${owner}: unknown option "url"; known options: …`],
    [{ ...complete, issuerBaseURL: 'x' }, `${owner}: unknown option "issuerBaseURL"; known options: …`],
    [{ ...complete, secret: 'x' }, `${owner}: unknown option "secret"; known options: …; did you mean "clientSecret"?`],
    [{ ...complete, audiance: 'x' }, `${owner}: unknown option "audiance"; known options: …; did you mean "audience"?`],
    [
      { ...complete, issuer: 'as.example' },
      'IntrospectionClient: "issuer" must be an absolute URL, such as "https://example.com"',
    ],
    [
      { ...complete, issuer: 'http://as.example' },
      'IntrospectionClient: "issuer" must be https, except on loopback: tokens and secrets are sent there ("allowInsecureHttp" permits it)',
    ],
    [
      { ...complete, issuer: 'https://as.example/.well-known/openid-configuration' },
      'IntrospectionClient: "issuer" must be the issuer alone, without "/.well-known/…"',
    ],
    [
      { ...complete, cache: { ttl: 60 } },
      'Authorizer: unknown option "cache.ttl"; known options: …; did you mean "maxAgeSeconds"?',
    ],
    [{ ...complete, cache: {} }, 'Authorizer: "cache.maxAgeSeconds" is missing'],
    [{ ...complete, cache: 60 }, 'Authorizer: "cache" must be an object'],
  ])('%j', async (written, says) => {
    expect(shortened(await messageOf(() => enter(written as never)))).toBe(says);
  });

  it('the known options are those of the authorizer, of its client and of the adapter', async () => {
    const message = await messageOf(() => enter({ ...complete, unheardOf: 1 } as never));
    const known = /known options: ([\w, ]+)/.exec(message)?.[1]?.split(', ');
    expect(known).toEqual(
      expect.arrayContaining(['issuer', 'clientSecret', 'audience', 'cache', 'realm', 'timeoutMs']),
    );
    if (owner !== 'Authorizer') expect(known).toEqual(expect.arrayContaining(['authorizer', 'serveResourceMetadata']));
  });
});

it.each<[written: string, enter: () => unknown, says: string]>([
  [
    'new Authorizer()',
    () => new (Authorizer as never as new () => unknown)(),
    'IntrospectionClient: "issuer" (or "introspectionEndpoint"), "clientId" and "clientSecret" are missing: pass them, or use fromEnv() or another preset, which read them from the environment',
  ],
  [
    'app.register(introspect)',
    () => Fastify().register(fastifyIntrospect as never),
    'IntrospectionClient: "issuer" (or "introspectionEndpoint"), "clientId" and "clientSecret" are missing: pass them, or use fromEnv() or another preset, which read them from the environment',
  ],
  [
    'introspect()',
    () => (honoIntrospect as () => unknown)(),
    'introspect: pass the options as an object, or an Authorizer',
  ],
  [
    'IntrospectModule.forRoot()',
    () => startNest([(IntrospectModule.forRoot as () => DynamicModule)()]),
    'IntrospectModule.forRoot: pass the options as an object, or an Authorizer',
  ],
  [
    'IntrospectModule without forRoot',
    () => startNest([IntrospectModule]),
    'Nest cannot export a provider/module that is not a part of the currently processed module (IntrospectModule). Please verify whether the exported Symbol(IntrospectModule.forRoot(…): import it here, or anywhere if it is global) is available in this particular context.',
  ],
  [
    'IntrospectModule.forRootAsync({ useFactory: () => {} })',
    () => startNest([IntrospectModule.forRootAsync({ useFactory: () => undefined as never })]),
    'IntrospectModule.forRoot: pass the options as an object, or an Authorizer',
  ],
])('%s', async (_, enter, says) => {
  expect((await messageOf(enter)).split('\n', 1)[0]).toBe(says); // Nest appends a list of causes
});

/** Each way to declare a policy. */
const declarations: [written: string, declare: (policy: Policy) => unknown][] = [
  ['authorizer.guard', (policy) => new Authorizer(options).guard(policy)],
  ['app.requireToken', (policy) => requestFastify((app) => app.requireToken(policy))],
  ['requireToken', (policy) => honoIntrospect(options).requireToken(policy)],
  ['@RequireToken', (policy) => RequireToken(policy)],
];

describe.each(declarations)('%s(…)', (_, declare) => {
  it.each<[written: unknown, says: string]>([
    [{ scope: 'items:read' }, 'Policy: unknown option "scope"; known options: …; did you mean "scopes"?'],
    [{ role: 'admin' }, 'Policy: unknown option "role"; known options: …; did you mean "roles"?'],
    [['items:read'], 'Policy: the options must be an object'],
    [{ scopes: 'items:read' }, 'Policy: "scopes" must be a list of strings'],
  ])('%j', async (written, says) => {
    expect(shortened(await messageOf(() => declare(written as Policy)))).toBe(says);
  });
});

const malformed = 'The access token is malformed';
const scheme =
  'it begins with the scheme of an Authorization field; pass the token alone, which bearerToken() reads from the field';

describe.each<[written: string, call: (token: string) => Promise<unknown>]>([
  ['client.introspect(token)', (token) => new IntrospectionClient(options as never).introspect(token)],
  ['authorizer.authorize({ token })', (token) => new Authorizer(options).authorize({ token })],
])('%s', (_, call) => {
  it.each<[token: unknown, says: string]>([
    ['', malformed],
    [undefined, malformed],
    ['Bearer good', `${malformed}: ${scheme}`],
    ['bearer  good', `${malformed}: ${scheme}`],
  ])('%j', async (token, says) => {
    const before = server.requests.length;
    expect(await messageOf(() => call(token as string))).toBe(says);
    expect(server.requests.length).toBe(before);
  });
});

it.each<[written: unknown, says: string]>([
  ['good', 'The request has no bearer token'],
  [
    { headers: { authorization: 'Bearer good' } },
    'authorize: pass an Authorization value, a web-standard Request, a RequestContext or { token }',
  ],
])('authorizer.authorize(%j)', async (written, says) => {
  expect(await messageOf(() => new Authorizer(options).authorize(written as never))).toBe(says);
});

const withMiddleware =
  'requireToken takes a policy alone, and returns the middleware: call it, as in app.use(requireToken()). Pass options or an Authorizer to introspect()';
const throughFastify = 'app.requireToken is not a hook itself: call it, as in { onRequest: app.requireToken() }';

@Controller('x')
class NoGuard {
  @Get() x(@Introspection() token: unknown) {
    return [token, handle()];
  }
}

@Controller('x')
class NoUseGuards {
  @Get() @RequireToken({ scopes: ['items:read'] }) x() {
    return handle();
  }
}

/** A mistake that shows when the app starts (status 0), or at a request without a token. */
it.each<[written: string, run: () => Promise<Outcome>, status: number, says?: string]>([
  [
    'Fastify: app.requireToken() before the plugin is loaded',
    async () => {
      const app = Fastify();
      app.register(fastifyIntrospect, options); // without await
      return app.get('/x', { onRequest: app.requireToken() }, handle) as never;
    },
    0,
    'app.requireToken is not a function',
  ],
  [
    'Fastify: { onRequest: app.requireToken }, not called',
    () => requestFastify((app) => app.get('/x', { onRequest: app.requireToken as never }, handle)),
    0,
    throughFastify,
  ],
  [
    'Fastify: { preHandler: [app.requireToken] }, not called',
    () => requestFastify((app) => app.get('/x', { preHandler: [app.requireToken as never] }, handle)),
    0,
    throughFastify,
  ],
  [
    "Fastify: app.addHook('onRequest', app.requireToken), not called",
    () => requestFastify((app) => app.addHook('onRequest', app.requireToken as never).get('/x', handle)),
    500,
    throughFastify,
  ],
  [
    'Fastify: introspectionOf on a route without a guard',
    () => requestFastify((app) => app.get('/x', (request) => [fastifyIntrospectionOf(request), handle()])),
    500,
    'No guard accepted the request to /x: guard the route with requireToken()',
  ],
  [
    'Fastify: introspectionOf on an optional route',
    () =>
      requestFastify((app) =>
        app.get('/x', { onRequest: app.requireToken({ optional: true }) }, (request) => [
          fastifyIntrospectionOf(request),
          handle(),
        ]),
      ),
    500,
    'The request to /x has no token, and its guard is optional: use request.introspection, which is null then',
  ],
  [
    'Hono: app.use(requireToken), not called',
    () => requestHono((app, { requireToken }) => app.use(requireToken as never)),
    500,
    withMiddleware,
  ],
  [
    "Hono: app.get('/x', requireToken), not called",
    () => requestHono((app, { requireToken }) => app.get('/x', requireToken as never)),
    500,
    withMiddleware,
  ],
  [
    'Express: app.use(requireToken), not called',
    () => requestExpress((app, { requireToken }) => app.use(requireToken as never)),
    500,
    withMiddleware,
  ],
  [
    'Hono: requireToken(options, policy)',
    () => requestHono((app, { requireToken }) => app.use((requireToken as Loose)(options, { scopes: ['a'] }))),
    0,
    withMiddleware,
  ],
  [
    'Hono: requireToken(authorizer, policy)',
    () => requestHono((app, { requireToken }) => app.use((requireToken as Loose)(new Authorizer(options), {}))),
    0,
    withMiddleware,
  ],
  [
    'Hono: withToken(handler), without a policy',
    () => requestHono((app, { withToken }) => app.get('/x', (withToken as Loose)(handle))),
    0,
    'withToken takes a policy and a handler: pass {} as the policy to accept every valid token',
  ],
  [
    "Hono: app.get('/x', withToken), not called",
    () => requestHono((app, { withToken }) => app.get('/x', withToken as never)),
    500,
    'Policy: unknown option "env"; known options: …',
  ],
  [
    'Hono: introspectionOf(c) on a route without a guard',
    () => requestHono((app, { introspectionOf }) => app.get('/x', (c) => c.json([introspectionOf(c), handle()]))),
    500,
    'No guard accepted the request to /x: guard the route with requireToken()',
  ],
  [
    'Hono: introspectionOf(c) on an optional route',
    () =>
      requestHono((app, { requireToken, introspectionOf }) =>
        app.get('/x', requireToken({ optional: true }), (c) => c.json([introspectionOf(c), handle()])),
      ),
    500,
    'The request to /x has no token, and its guard is optional: use c.var.introspection, which is null then',
  ],
  [
    'Hono: c.var.introspection.sub on a route without a guard',
    () => requestHono((app) => app.get('/x', (c: Context) => c.text(c.var.introspection.sub + handle()))),
    500,
    "Cannot read properties of undefined (reading 'sub')",
  ],
  [
    'NestJS: @Introspection() on a route without a guard',
    () => requestNest(NoGuard),
    500,
    'No guard accepted a token for NoGuard.x: guard it with @RequireToken()',
  ],
  ['NestJS: @RequireToken() without @UseGuards()', () => requestNest(NoUseGuards), 401],
  [
    'NestJS: @RequireToken, not called',
    async () => {
      @Controller('x')
      class NotCalled {
        @Get() @(RequireToken as Loose) x() {
          return handle();
        }
      }
      return requestNest(NotCalled);
    },
    0,
    '@RequireToken is not a decorator itself: call it, as in @RequireToken()',
  ],
  [
    'NestJS: @RequireToken, not called, on a controller',
    async () => {
      @(RequireToken as Loose)
      @Controller('x')
      class NotCalled {
        @Get() x() {
          return handle();
        }
      }
      return requestNest(NotCalled);
    },
    0,
    '@RequireToken is not a decorator itself: call it, as in @RequireToken()',
  ],
  [
    'NestJS: @Public, not called',
    async () => {
      @Controller('x')
      class NotCalled {
        @Get() @(Public as Loose) x() {
          return handle();
        }
      }
      return requestNest(NotCalled);
    },
    0,
    '@Public is not a decorator itself: call it, as in @Public()',
  ],
  [
    'NestJS: @UseGuards(IntrospectGuard) without the module',
    async () => {
      @Controller('x')
      @UseGuards(IntrospectGuard)
      class Guarded {
        @Get() x() {
          return handle();
        }
      }
      await startNest([], [Guarded]);
      return { status: 200 };
    },
    0,
    "Nest can't resolve dependencies of the IntrospectGuard (?). Please make sure that the argument Symbol(IntrospectModule.forRoot(…): import it here, or anywhere if it is global) at index [0] is available in the AnyModule module.",
  ],
])('%s', async (_, run, status, says) => {
  const failed = (error: Error): Outcome => ({ status: 0, says: String(error.message.split('\n', 1)[0]) });
  const outcome = await run().catch(failed);
  if (outcome.says !== undefined) outcome.says = shortened(outcome.says);
  expect(outcome).toEqual({ status, ...(says !== undefined && { says }) });
  expect(handled).toBe(0);
});

const rejected =
  'https://as.example rejected this API\'s own credentials (400, "unauthorized_client"): check client id and secret, whether the secret was rotated, and that the OAuth client is active and may introspect; one made a moment ago may need some seconds';

/** Each API with one guarded route, /x. */
const apis: [framework: string, request: () => Promise<Outcome>][] = [
  ['Fastify', () => requestFastify((app) => app.get('/x', { onRequest: app.requireToken() }, handle), 'Bearer good')],
  ['Hono', () => requestHono((app, { requireToken }) => app.use(requireToken()), 'Bearer good')],
  ['NestJS', () => requestNest(Guarded, 'Bearer good')],
];

@Controller('x')
class Guarded {
  @Get() @RequireToken() x() {
    return handle();
  }
}

describe.each(apis)('%s: the first request with a good token', (_, request) => {
  it.each<[what: string, wrong: object, code: string, says: string]>([
    ['a wrong client secret', { clientSecret: 'wrong' }, 'invalid_client', rejected],
    ['a wrong client id', { clientId: 'wrong' }, 'invalid_client', rejected],
    [
      'an issuer with a slash at its end',
      { issuer: 'slash' },
      'invalid_response',
      'The metadata of https://as.example names another issuer than the option "issuer": it does not end with a slash there, so remove the slash at the end of the option',
    ],
  ])('%s is 503, and the log says why', async (_what, wrong, code, says) => {
    Object.assign(options, wrong, 'issuer' in wrong && { issuer: `${server.origin}/` });
    expect(await request()).toEqual({ status: 503 });
    expect(handled).toBe(0);
    const lines = log.map((entry) => ({
      ...entry,
      message: entry.message.replaceAll(server.origin, 'https://as.example'),
    }));
    const denied = `Token introspection failed (${code}), so a request was denied with 503.`;
    const advice = 'To find the cause, run "npx @acme/introspect-cli doctor"';
    expect(lines).toEqual([{ level: 'error', code, message: `${denied} ${says}. ${advice}`, suppressed: 0 }]);
  });
});
