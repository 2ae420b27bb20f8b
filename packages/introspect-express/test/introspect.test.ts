import { once } from 'node:events';
import { createRequire } from 'node:module';
import { type AddressInfo, connect } from 'node:net';
import { nodeRequestContext } from '@acme/introspect-core/adapter';
import {
  hangBeforeHeaders,
  respond,
  type ScriptedServer,
  sendRequest,
  startScriptedServer,
} from '@acme/introspect-testing';
import express, { type ErrorRequestHandler, type Express, type Request, Router } from 'express';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AccessDeniedError, Authorizer, introspect, type Policy, type RequestContext } from '../src/index.js';

let server: ScriptedServer;
const running: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  server = await startScriptedServer();
  server.tokens.set('good', { sub: 'mickey', scope: 'items:read' });
});
afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
  await server.close();
});

const options = () => ({
  introspectionEndpoint: server.introspectionEndpoint,
  clientId: 'api',
  clientSecret: 'secret',
});

const good = ['Authorization', 'Bearer good'] as const;
const version4: typeof express = createRequire(import.meta.url)('express-4');

/** Starts an app on a free port, and returns its origin. */
async function listen(app: Express): Promise<string> {
  const http = app.listen(0, '127.0.0.1');
  await once(http, 'listening');
  running.push(async () => {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

/** Sends a GET, and returns the parts of the response that matter here. */
async function send(origin: string, path: string, ...fields: (readonly [string, string])[]) {
  const { body, ...response } = await sendRequest(origin, { path, fields });
  return { ...response, body: body.startsWith('{') ? JSON.parse(body) : body };
}

/** Adds a handler of errors that shows the message. */
function showErrors(app: Express): Express {
  const show: ErrorRequestHandler = (error, _, res, __) => void res.status(500).json({ says: String(error?.message) });
  return app.use(show);
}

const subOf = (req: Request) => ({ sub: req.introspection?.sub ?? null });

describe('requireToken', () => {
  it('sets req.introspection to the token, and to null for an optional policy without one', async () => {
    const { requireToken } = introspect(options());
    const app = express();
    app.get('/me', requireToken(), (req, res) => res.json(subOf(req)));
    app.get('/optional', requireToken({ optional: true }), (req, res) => res.json({ token: req.introspection }));
    const origin = await listen(app);
    expect(await send(origin, '/me', good)).toMatchObject({ status: 200, body: { sub: 'mickey' } });
    expect(await send(origin, '/optional')).toMatchObject({ status: 200, body: { token: null } });
  });

  it('leaves req.introspection undefined where no guard ran', async () => {
    const app = express().get('/open', (req, res) => res.json({ has: 'introspection' in req }));
    expect(await send(await listen(app), '/open', good)).toMatchObject({ body: { has: false } });
  });

  it('sends the response of a rejected request, and runs neither the handler nor an error handler', async () => {
    const { requireToken } = introspect(options());
    const handler = vi.fn();
    const app = showErrors(express().get('/items', requireToken({ scopes: ['items:write'] }), handler));
    const origin = await listen(app);
    expect(await send(origin, '/items')).toMatchObject({
      status: 401,
      'www-authenticate': 'Bearer realm="api"',
      'cache-control': 'no-store',
      'content-type': 'application/json',
      body: {},
    });
    expect(await send(origin, '/items', good)).toMatchObject({ status: 403, body: { error: 'insufficient_scope' } });
    expect(await send(origin, '/items', good, good)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    await server.close();
    expect(await send(origin, '/items', ['Authorization', 'Bearer new'])).toMatchObject({ status: 503 });
    expect(handler).not.toHaveBeenCalled();
  });

  it('guards all that is under its path, and nothing else', async () => {
    const app = express();
    app.use('/api', introspect(options()).requireToken());
    app.get(['/api/deep/er', '/open'], (_, res) => res.json({}));
    const origin = await listen(app);
    expect([await send(origin, '/api/deep/er'), await send(origin, '/open')].map(({ status }) => status)).toEqual([
      401, 200,
    ]);
  });

  it('shows a check the URL as received, under a mounted router too, and the request of Express', async () => {
    const seen: unknown[] = [];
    const { requireToken } = introspect(options());
    const router = Router();
    router.get(
      '/:id',
      requireToken({
        check: (_, { url, native, method }) => {
          seen.push([method, url, native?.params.id, native?.baseUrl]);
          return true;
        },
      }),
      (req, res) => res.json(subOf(req)),
    );
    const origin = await listen(express().use('/items', router));
    expect(await send(origin, '/items/7?a=b', good)).toMatchObject({ status: 200 });
    expect(seen).toEqual([['GET', '/items/7?a=b', '7', '/items']]);
  });

  it('shares one introspection request among the guards of a request, and one cache among routes', async () => {
    const { requireToken, authorizer } = introspect({ ...options(), cache: { maxAgeSeconds: 60 } });
    const app = express();
    app.use(requireToken());
    app.get('/a', requireToken({ scopes: ['items:read'] }), (req, res) => res.json(subOf(req)));
    app.get('/b', (req, res) => res.json(subOf(req)));
    const origin = await listen(app);
    for (const path of ['/a', '/b']) expect((await send(origin, path, good)).status).toBe(200);
    expect(server.introspections).toHaveLength(1);
    await authorizer.invalidate({ token: 'good' });
    expect((await send(origin, '/b', good)).status).toBe(200);
    expect(server.introspections).toHaveLength(2);
  });

  it('ends its introspection request when the caller hangs up, and responds to nobody', async () => {
    server.always(hangBeforeHeaders());
    const handler = vi.fn();
    const onError = vi.fn((_error, _req, res, _next) => res.end());
    const app = express().get('/me', introspect(options()).requireToken(), handler).use(onError);
    const { port } = new URL(await listen(app));
    const socket = connect(Number(port), '127.0.0.1');
    socket.write('GET /me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\n\r\n');
    const introspection = await server.introspection(1);
    socket.destroy();
    await introspection.over;
    expect(handler).not.toHaveBeenCalled();
    expect(onError).not.toHaveBeenCalled();
  });
});

describe.each([
  ['Express 5', express],
  ['Express 4', version4],
])('an error of the app, in %s', (_, create) => {
  it.each<[string, unknown, string]>([
    ['an error', new Error('broken'), 'broken'],
    ['nothing', undefined, 'The guard failed: a function of the app threw undefined instead of an error'],
    ['a command of the router', 'route', 'The guard failed: a function of the app threw route instead of an error'],
    ['another one', 'router', 'The guard failed: a function of the app threw router instead of an error'],
    ['zero', 0, 'The guard failed: a function of the app threw 0 instead of an error'],
  ])('reaches the error handlers if a check throws %s, and no other handler runs', async (__, thrown, says) => {
    const { requireToken } = introspect(options());
    const handler = vi.fn((_req: unknown, res: { json(body: object): void }) => res.json({}));
    const checks: Policy['check'][] = [
      () => {
        throw thrown;
      },
      async () => {
        throw thrown;
      },
    ];
    for (const check of checks) {
      const app = create();
      app.get('/me', requireToken({ check: check as () => boolean }), handler as never);
      app.get('/me', handler as never);
      expect(await send(await listen(showErrors(app)), '/me', good)).toMatchObject({ status: 500, body: { says } });
    }
    expect(handler).not.toHaveBeenCalled();
  });

  it('reaches the error handlers if a handler in withToken throws or rejects', async () => {
    const { withToken } = introspect(options());
    const app = create();
    app.get(
      '/throws',
      withToken({}, () => {
        throw new Error('broken');
      }),
    );
    app.get(
      '/rejects',
      withToken({}, async () => {
        throw new Error('broken');
      }),
    );
    const origin = await listen(showErrors(app));
    for (const path of ['/throws', '/rejects']) {
      expect(await send(origin, path, good)).toMatchObject({ status: 500, body: { says: 'broken' } });
    }
  });
});

describe('a cache hit', () => {
  const cached = () => ({ ...options(), cache: { maxAgeSeconds: 60 } });

  it('runs the next handler, or that of withToken, before the middleware returns, and makes no promise', async () => {
    const { requireToken, withToken } = introspect(cached());
    const order: unknown[] = [];
    const guards = [requireToken(), withToken({}, () => void order.push('handler'))];
    const app = express().get('/me', (req, res) => {
      for (const guard of guards) order.push(guard(req, res, () => void order.push('next')));
      res.json([order.length]);
    });
    const origin = await listen(app);
    await send(origin, '/me', good);
    await vi.waitFor(() => expect(order).toHaveLength(4));
    expect(order.slice(0, 2)).toEqual([expect.any(Promise), expect.any(Promise)]); // the first request of the token
    order.length = 0;
    await send(origin, '/me', good);
    expect(order).toEqual(['next', undefined, 'handler', undefined]);
  });

  const broken = new Error('broken');
  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw broken;
      },
    ],
    ['rejects', async () => Promise.reject(broken)],
    [
      'returns a promise of a library that rejects',
      () => Object.fromEntries([['then', (_: unknown, fail: (error: Error) => void) => fail(broken)]]),
    ],
  ])(
    'passes the error to next once, with and without a cached response, if the handler of withToken %s',
    async (_, handler) => {
      const guard = introspect(cached()).withToken({}, handler);
      const next = vi.fn();
      const app = express().get('/me', async (req, res) => {
        await guard(req, res, next);
        res.json({});
      });
      const origin = await listen(app);
      for (const requests of [1, 2]) {
        await send(origin, '/me', good);
        expect(next.mock.calls).toEqual(Array(requests).fill([broken]));
      }
      expect(server.introspections).toHaveLength(1);
    },
  );
});

describe('withToken', () => {
  it('gives the handler the token as its third argument, and null for an optional policy without one', async () => {
    const { withToken } = introspect(options());
    const app = express();
    app.get(
      '/me',
      withToken({}, (_, res, token) => res.json({ sub: token.sub })),
    );
    app.get(
      '/optional',
      withToken({ optional: true }, (_, res, token) => res.json({ token })),
    );
    const origin = await listen(app);
    expect(await send(origin, '/me', good)).toMatchObject({ status: 200, body: { sub: 'mickey' } });
    expect(await send(origin, '/optional')).toMatchObject({ status: 200, body: { token: null } });
    expect(await send(origin, '/me')).toMatchObject({ status: 401 });
  });

  it.each([
    [true, 204],
    [false, 401],
  ])('with passPreflight %s, responds to a preflight with %i and runs no handler', async (passPreflight, status) => {
    const handler = vi.fn();
    const app = express().options('/me', introspect({ ...options(), passPreflight }).withToken({}, handler));
    const fields = [
      ['Origin', 'https://app.example'],
      ['Access-Control-Request-Method', 'GET'],
    ] as const;
    const response = await sendRequest(await listen(app), { method: 'OPTIONS', path: '/me', fields });
    expect(response.status).toBe(status);
    expect(handler).not.toHaveBeenCalled();
  });
});

describe('introspectionOf', () => {
  it('returns the token of a guarded request, and throws for another one', async () => {
    const { requireToken, introspectionOf } = introspect(options());
    const app = express();
    app.get('/me', requireToken(), (req, res) => res.json({ sub: introspectionOf(req).sub }));
    app.get('/open', (req, res) => res.json(introspectionOf(req)));
    app.get('/optional', requireToken({ optional: true }), (req, res) => res.json(introspectionOf(req)));
    const origin = await listen(showErrors(app));
    expect(await send(origin, '/me', good)).toMatchObject({ body: { sub: 'mickey' } });
    expect((await send(origin, '/open', good)).body.says).toMatch(/^No guard accepted the request to \/open/);
    expect((await send(origin, '/optional')).body.says).toMatch(/its guard is optional: use req\.introspection/);
  });
});

describe('introspect', () => {
  it('accepts an authorizer, alone or as an option, and a function that chooses one for each request', async () => {
    const authorizer = new Authorizer(options());
    expect([introspect(authorizer).authorizer, introspect({ authorizer }).authorizer]).toEqual([
      authorizer,
      authorizer,
    ]);
    const { requireToken, ...others } = introspect((req) => {
      if (req.get('x-tenant') === 'unknown') throw new AccessDeniedError();
      return authorizer;
    });
    expect(others).toMatchObject({ authorizer: undefined });
    const origin = await listen(express().get('/me', requireToken(), (req, res) => res.json(subOf(req))));
    expect((await send(origin, '/me', good)).status).toBe(200);
    expect((await send(origin, '/me', good, ['X-Tenant', 'unknown'])).status).toBe(403);
  });

  it('replaces the body by errorBody, which gets the request of Express', async () => {
    const { requireToken } = introspect({
      ...options(),
      errorBody: ({ code }, req) => ({ title: code, instance: req.path }),
    });
    const origin = await listen(express().get('/me', requireToken()));
    expect((await send(origin, '/me')).body).toEqual({ title: 'missing_token', instance: '/me' });
  });

  it('names an unknown option, and an invalid member of a policy', () => {
    expect(() => introspect({ ...options(), passPreflght: true } as never)).toThrow(/did you mean "passPreflight"/);
    expect(() => introspect(options()).requireToken({ scopes: [] })).toThrow(/"scopes"/);
  });
});

describe('the log', () => {
  it('goes to the console, once a minute for each code, and log: false silences it', async () => {
    const error = vi.spyOn(console, 'error').mockReturnValue();
    server.always(respond({ status: 401 }));
    for (const log of [undefined, false] as const) {
      const { requireToken } = introspect({ ...options(), ...(log === false && { log }) });
      const origin = await listen(express().get('/me', requireToken()));
      for (let i = 0; i < 2; i++)
        expect((await send(origin, '/me', ['Authorization', `Bearer ${i}`])).status).toBe(503);
    }
    expect(error.mock.calls).toEqual([[expect.stringMatching(/^Token introspection failed \(invalid_client\)/)]]);
    error.mockRestore();
  });
});

describe('serveResourceMetadata', () => {
  const path = '/.well-known/oauth-protected-resource/v1';
  const documented = () => ({ ...options(), resource: 'https://api.example/v1', serveResourceMetadata: true });

  it.each([
    ['for all paths', '/'],
    ['for the well-known paths', '/.well-known'],
  ])('serves the document without a token, by a guard %s', async (_, mount) => {
    const origin = await listen(express().use(mount, introspect(documented()).requireToken()));
    expect(await send(origin, path)).toMatchObject({ status: 200, body: { resource: 'https://api.example/v1' } });
    expect((await send(origin, `${path}/deeper`)).status).toBe(401);
    expect((await sendRequest(origin, { method: 'POST', path })).status).toBe(401);
    const head = await sendRequest(origin, { method: 'HEAD', path });
    expect([head.status, head.body]).toEqual([200, '']);
  });

  it('serves no document by default', async () => {
    const { serveResourceMetadata: _, ...others } = documented();
    expect((await send(await listen(express().use(introspect(others).requireToken())), path)).status).toBe(401);
  });
});

describe('authorizer.watch in a handler', () => {
  it.each([
    ['Express 5', express],
    ['Express 4', version4],
  ])(
    'watches the token of nodeRequestContext(req), with its path and every Authorization line: %s',
    async (_, create) => {
      const { authorizer } = introspect(options());
      const paths: (string | undefined)[] = [];
      const policy = {
        check: (_token: unknown, { url, header }: RequestContext) => paths.push(url, header?.('x-tenant')[0]) > 0,
      };
      const events = Router().get('/events', (req, res) => {
        const closed = new AbortController();
        res.on('close', () => closed.abort());
        authorizer.watch(nodeRequestContext(req), policy, { signal: closed.signal }).then(
          ({ token, signal }) => {
            res.write(`data: ${token.sub}\n\n`);
            signal.addEventListener('abort', () => res.end(`data: ${signal.reason.code}\n\n`));
          },
          (error) => res.status(error.status).end(),
        );
      });
      const origin = await listen(create().use('/api', events));
      expect(await send(origin, '/api/events', good, good)).toMatchObject({ status: 400 });

      const response = await fetch(`${origin}/api/events?a=b`, {
        headers: { authorization: 'Bearer good', 'x-tenant': 'acme' },
      });
      expect(paths).toEqual(['/api/events?a=b', 'acme']);
      server.tokens.delete('good');
      await authorizer.invalidate({ token: 'good' });
      expect(await response.text()).toBe('data: mickey\n\ndata: invalid_token\n\n');
    },
  );
});
