import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { hangBeforeHeaders, type ScriptedServer, sendRequest, startScriptedServer } from '@acme/introspect-testing';
import { createAdaptorServer } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  Authorizer,
  type AuthorizerError,
  InsufficientScopeError,
  MissingTokenError,
  type Policy,
  type RequireTokenInput,
  requireToken,
} from '../src/index.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
  server.tokens.set('good', { sub: 'mickey', scope: 'items:read' });
});
afterEach(() => server.close());

const options = () => ({
  introspectionEndpoint: server.introspectionEndpoint,
  clientId: 'api',
  clientSecret: 'secret',
});

const good = { Authorization: 'Bearer good' };
const missing = { status: 401, challenge: 'Bearer realm="api"', cache: 'no-store', body: {} };
const lacksScope = {
  status: 403,
  challenge:
    'Bearer error="insufficient_scope", error_description="The access token lacks a scope that is needed here", scope="items:write"',
  cache: 'no-store',
  body: { error: 'insufficient_scope', error_description: 'The access token lacks a scope that is needed here' },
};

/** What an app answers to a request that never saw a socket. */
async function ask(app: { request: Hono['request'] }, path: string, headers: HeadersInit = {}) {
  const response = await app.request(path, { headers });
  return {
    status: response.status,
    challenge: response.headers.get('www-authenticate') ?? undefined,
    cache: response.headers.get('cache-control') ?? undefined,
    body: await response.json(),
  };
}

/** A handler that counts how often it has run. */
const counting = () => vi.fn((c: Context) => c.json({ sub: c.var.introspection?.sub ?? null }));

describe('a guarded route', () => {
  it('has the token as c.var.introspection', async () => {
    const app = new Hono().get('/me', requireToken(options()), (c) => c.json(c.var.introspection));
    expect(await ask(app, '/me', good)).toMatchObject({ status: 200, body: { active: true, sub: 'mickey' } });
  });

  it('has null there where the policy is optional and nobody came', async () => {
    const handler = vi.fn((c: Context) => c.json({ introspection: c.var.introspection }));
    const app = new Hono().get('/optional', requireToken(options(), { optional: true }), handler);
    expect((await ask(app, '/optional')).body).toEqual({ introspection: null });
  });

  it('refuses two Authorization lines, which Headers joins', async () => {
    const handler = counting();
    const app = new Hono().get('/me', requireToken(options()), handler);
    const headers = new Headers(good);
    headers.append('authorization', 'Bearer good');
    expect(await ask(app, '/me', headers)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(handler).not.toHaveBeenCalled();
    expect(server.introspections).toHaveLength(0);
  });

  it('is guarded by a middleware with a name', () => {
    expect(requireToken(options()).name).toBe('requireToken');
  });
});

describe('where it is mounted', () => {
  it('guards all that is under a path, and nothing else', async () => {
    const handler = counting();
    const app = new Hono();
    app.use('/api/*', requireToken(options()));
    app.get('/api/me', handler).get('/api/deep/er', handler).get('/open', handler);
    expect(await ask(app, '/api/me')).toEqual(missing);
    expect(await ask(app, '/api/deep/er')).toEqual(missing);
    expect(handler).not.toHaveBeenCalled();
    expect((await ask(app, '/open')).body).toEqual({ sub: null });
    expect((await ask(app, '/api/me', good)).body).toEqual({ sub: 'mickey' });
  });

  it('guards a sub app that is mounted by route, and not its parent', async () => {
    const handler = counting();
    const items = new Hono();
    items.use(requireToken(options(), { scopes: ['items:read'] }));
    items.get('/', handler);
    const app = new Hono().route('/items', items).get('/open', handler);
    expect(await ask(app, '/items')).toEqual(missing);
    expect((await ask(app, '/open')).status).toBe(200);
    expect((await ask(app, '/items', good)).body).toEqual({ sub: 'mickey' });
  });

  it("lets a sub app's route add a policy to its parent's, with one question", async () => {
    const authorizer = new Authorizer(options());
    const handler = counting();
    const items = new Hono().get('/', requireToken(authorizer, { scopes: ['items:write'] }), handler);
    const app = new Hono();
    app.use('/api/*', requireToken(authorizer));
    app.route('/api/items', items);
    expect(await ask(app, '/api/items', good)).toEqual(lacksScope);
    expect(server.introspections).toHaveLength(1);
    expect(handler).not.toHaveBeenCalled();
  });
});

describe('a second one on the same request', () => {
  it('of the same Authorizer judges its policy, and asks nothing', async () => {
    const authorizer = new Authorizer(options());
    const handler = counting();
    const app = new Hono()
      .use(requireToken(authorizer))
      .get('/read', requireToken(authorizer, { scopes: ['items:read'] }), handler)
      .get('/write', requireToken(authorizer, { scopes: ['items:write'] }), handler);
    expect((await ask(app, '/read', good)).status).toBe(200);
    expect(server.introspections).toHaveLength(1);
    expect(await ask(app, '/write', good)).toEqual(lacksScope);
    expect(server.introspections).toHaveLength(2);
    expect(handler).toHaveBeenCalledOnce();
  });

  it('of another Authorizer asks its own question', async () => {
    const app = new Hono();
    app.use(requireToken(options()));
    app.get('/me', requireToken(options()), counting());
    expect((await ask(app, '/me', good)).status).toBe(200);
    expect(server.introspections).toHaveLength(2);
  });

  it('on the next request asks anew', async () => {
    const app = new Hono().get('/me', requireToken(options()), counting());
    await ask(app, '/me', good);
    server.tokens.clear();
    expect((await ask(app, '/me', good)).status).toBe(401);
    expect(server.introspections).toHaveLength(2);
  });
});

describe('a refusal', () => {
  it('is written where the app has no onError', async () => {
    const handler = counting();
    const app = new Hono().get('/items', requireToken(options(), { scopes: ['items:write'] }), handler);
    expect(await ask(app, '/items')).toEqual(missing);
    expect(await ask(app, '/items', good)).toEqual(lacksScope);
    expect(handler).not.toHaveBeenCalled();
  });

  it('says that its body is JSON', async () => {
    const app = new Hono().get('/me', requireToken(options()), counting());
    expect((await app.request('/me')).headers.get('content-type')).toBe('application/json');
  });

  it('is an HTTPException for app.onError: the answer as res, the typed error as cause', async () => {
    const seen: Error[] = [];
    const handler = counting();
    const app = new Hono().get('/items', requireToken(options(), { scopes: ['items:write'] }), handler);
    app.onError((error, c) => {
      seen.push(error);
      if (!(error instanceof HTTPException)) return c.text('foreign', 500);
      const answer = error.getResponse();
      return new Response(answer.body, { status: answer.status, headers: { ...Object.fromEntries(answer.headers) } });
    });
    expect(await ask(app, '/items', good)).toEqual(lacksScope);
    expect(seen).toEqual([expect.any(HTTPException)]);
    expect(seen[0]).toMatchObject({ status: 403, cause: expect.any(InsufficientScopeError) });
    expect(handler).not.toHaveBeenCalled();
  });

  it("is an HTTPException for a sub app's own onError", async () => {
    const sub = new Hono().get('/me', requireToken(options()), counting());
    sub.onError((error, c) => c.json({ code: (error.cause as AuthorizerError).code }, 418));
    expect(await ask(new Hono().route('/sub', sub), '/sub/me')).toMatchObject({
      status: 418,
      body: { code: 'missing_token' },
    });
  });

  it.each(['at once', 'after a while'])('is what the option onError answers, %s', async (when) => {
    const seen: AuthorizerError[] = [];
    const handler = counting();
    const answer = (error: AuthorizerError, c: Context) => {
      seen.push(error);
      return c.json({ code: error.code, path: c.req.path }, 418);
    };
    const onError = when === 'at once' ? answer : async (error: AuthorizerError, c: Context) => answer(error, c);
    const app = new Hono().get('/me', requireToken({ ...options(), onError }), handler);
    expect(await ask(app, '/me')).toMatchObject({ status: 418, body: { code: 'missing_token', path: '/me' } });
    expect(seen).toEqual([expect.any(MissingTokenError)]);
    expect(handler).not.toHaveBeenCalled();
  });

  it('lets nobody in when the option onError gives nothing', async () => {
    const handler = counting();
    const onError = (() => undefined) as never;
    const app = new Hono().get('/me', requireToken({ ...options(), onError }), handler);
    app.onError((_, c) => c.text('', 500));
    expect((await app.request('/me')).status).toBe(500);
    expect(handler).not.toHaveBeenCalled();
  });

  it.each<[string, object, Policy]>([
    ['rolesOf', { rolesOf: () => fail('rolesOf') }, { anyRole: ['admin'] }],
    ['check', {}, { check: async () => fail('check') }],
  ])('is not what %s throws: that goes to the app, untouched', async (name, more, policy) => {
    const handler = counting();
    const onError = vi.fn();
    const app = new Hono().get('/me', requireToken({ ...options(), ...more, onError }, policy), handler);
    app.onError((error, c) => c.json({ message: error.message, isOurs: error instanceof HTTPException }, 500));
    expect(await ask(app, '/me', good)).toMatchObject({
      status: 500,
      challenge: undefined,
      body: { message: `${name} is broken`, isOurs: false },
    });
    expect(onError).not.toHaveBeenCalled();
    expect(handler).not.toHaveBeenCalled();
  });

  it('is not what the handler throws', async () => {
    const onError = vi.fn();
    const app = new Hono().get('/me', requireToken({ ...options(), onError }), () => {
      throw new MissingTokenError();
    });
    app.onError((error, c) => c.json({ name: error.name }, 500));
    expect((await ask(app, '/me', good)).body).toEqual({ name: 'MissingTokenError' });
    expect(onError).not.toHaveBeenCalled();
  });
});

function fail(name: string): never {
  throw new Error(`${name} is broken`);
}

describe('what it takes', () => {
  it.each<[string, () => RequireTokenInput]>([
    ['options', options],
    ['an Authorizer', () => new Authorizer(options())],
    ['{ authorizer }', () => ({ authorizer: new Authorizer(options()) })],
    ['a function', () => () => new Authorizer(options())],
    ['{ authorizer: function }', () => ({ authorizer: async () => new Authorizer(options()) })],
  ])('may be %s', async (_, input) => {
    const app = new Hono().get('/me', requireToken(input()), counting());
    expect(await ask(app, '/me', good)).toMatchObject({ status: 200, body: { sub: 'mickey' } });
    expect(await ask(app, '/me')).toEqual(missing);
  });

  it('may be a function that chooses by the request: one authorizer for each tenant', async () => {
    const other = await startScriptedServer();
    try {
      other.tokens.set('good', { sub: 'minnie' });
      const tenants = new Map([
        ['a', new Authorizer(options())],
        ['b', new Authorizer({ ...options(), introspectionEndpoint: other.introspectionEndpoint })],
      ]);
      const handler = counting();
      const tenantOf = (c: Context) => tenants.get(c.req.param('tenant') ?? '') ?? fail('no tenant');
      const app = new Hono().get('/:tenant/me', requireToken(tenantOf), handler);
      expect((await ask(app, '/a/me', good)).body).toEqual({ sub: 'mickey' });
      expect((await ask(app, '/b/me', good)).body).toEqual({ sub: 'minnie' });
      app.onError((error, c) => c.json({ message: error.message }, 500));
      expect(await ask(app, '/c/me', good)).toMatchObject({ status: 500, body: { message: 'no tenant is broken' } });
      expect(handler).toHaveBeenCalledTimes(2);
    } finally {
      await other.close();
    }
  });

  it.each<[string, unknown, unknown, string]>([
    ['nothing', undefined, undefined, '"clientId"'],
    ['no server', { clientId: 'api', clientSecret: 'secret' }, undefined, 'introspectionEndpoint'],
    ['an unknown option', { url: 'https://a.example', clientId: 'api' }, undefined, '"url"'],
    ['an option beside the authorizer', { authorizer: () => fail(''), realm: 'x' }, undefined, '"realm"'],
    ['an authorizer that is none', { authorizer: {} }, undefined, '"authorizer"'],
    ['an unknown member of the policy', undefined, { scope: 'items:read' }, '"scope"'],
    ['roles without rolesOf', undefined, { anyRole: ['admin'] }, '"rolesOf"'],
  ])('is refused where the route is declared: %s', (name, input, policy, message) => {
    const given = policy === undefined ? input : options();
    expect(() => requireToken(given as RequireTokenInput, policy as Policy), name).toThrow(message);
    expect(server.requests).toHaveLength(0);
  });

  it.each<[string, string[]]>([
    ['audience', ['introspectionEndpoint', 'clientId', 'clientSecret']],
    ['onError', ['introspectionEndpoint', 'clientId', 'clientSecret']],
    ['realm', ['authorizer']],
  ])('does not drop an inherited "%s": declaring the route throws', (name, own) => {
    const members = { ...options(), authorizer: new Authorizer(options()) };
    const input = Object.create({ [name]: 'x' }, Object.getOwnPropertyDescriptors(members));
    for (const each of Object.keys(members)) if (!own.includes(each)) delete input[each];
    expect(() => requireToken(input)).toThrow(TypeError);
    expect(() => requireToken(input)).toThrow(`"${name}" `);
  });

  it('may be an instance of a class whose own fields are the options', async () => {
    class Options {
      readonly onError = (_: AuthorizerError, c: Context) => c.text('mine', 418);
      readonly audience = 'another-api';
    }
    const input = Object.assign(new Options(), options());
    const app = new Hono().get('/me', requireToken(input), counting());
    expect((await app.request('/me', { headers: good })).status).toBe(418);
  });

  it('is never written to', async () => {
    const given = Object.freeze({ ...options(), onError: undefined });
    expect(() => requireToken(given as unknown as RequireTokenInput)).not.toThrow();
  });
});

describe('serveResourceMetadata', () => {
  const resource = 'https://api.example.com/v1';
  const path = '/.well-known/oauth-protected-resource/v1';
  const withResource = () => ({ issuer: server.origin, clientId: 'api', clientSecret: 'secret', resource });
  const document = () => ({
    resource,
    authorization_servers: [server.origin],
    bearer_methods_supported: ['header'],
  });

  it.each(['*', '/.well-known/*'])('serves the document without a token where it is mounted at %s', async (mounted) => {
    const app = new Hono();
    app.use(mounted, requireToken({ ...withResource(), serveResourceMetadata: true }));
    expect(await ask(app, path)).toEqual({ status: 200, challenge: undefined, cache: undefined, body: document() });
    expect(server.requests).toHaveLength(0);
  });

  it('opens that one path alone', async () => {
    const handler = counting();
    const app = new Hono();
    app.use('*', requireToken({ ...withResource(), serveResourceMetadata: true }));
    app.get('*', handler).post(path, handler);
    for (const near of [`${path}/`, `${path}/x`, '/.well-known/oauth-protected-resource', path.toUpperCase(), '/me']) {
      expect((await app.request(near)).status, near).toBe(401);
    }
    expect((await app.request(path, { method: 'POST' })).status).toBe(401);
    expect(handler).not.toHaveBeenCalled();
  });

  it('serves it where the resource has escapes in its path', async () => {
    const app = new Hono();
    app.use(
      '*',
      requireToken({ ...withResource(), resource: 'https://api.example.com/ü', serveResourceMetadata: true }),
    );
    expect((await app.request('/.well-known/oauth-protected-resource/%C3%BC')).status).toBe(200);
  });

  it('answers HEAD like GET', async () => {
    const app = new Hono();
    app.use('*', requireToken({ ...withResource(), serveResourceMetadata: true }));
    const response = await app.request(path, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });

  it('serves nothing unless it is asked to', async () => {
    const app = new Hono();
    app.use('*', requireToken(withResource()));
    expect((await app.request(path)).status).toBe(401);
  });

  it('throws without resource, and where a function chooses among several', () => {
    expect(() => requireToken({ ...options(), serveResourceMetadata: true })).toThrow('"resource"');
    const authorizer = () => new Authorizer(withResource());
    expect(() => requireToken({ authorizer, serveResourceMetadata: true })).toThrow('"serveResourceMetadata"');
  });
});

describe('on node-server', () => {
  async function listening(app: Hono) {
    const http = createAdaptorServer({ fetch: app.fetch });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { port } = http.address() as AddressInfo;
    const close = async () => {
      const closed = once(http, 'close');
      http.close();
      if ('closeAllConnections' in http) http.closeAllConnections();
      await closed;
    };
    return { port, origin: `http://127.0.0.1:${port}`, close };
  }

  it('ends the question at the server when the caller has gone', async () => {
    const handler = counting();
    const app = new Hono();
    app.get('/me', requireToken({ ...options(), timeoutMs: 60_000 }), handler);
    const { port, close } = await listening(app);
    server.next(hangBeforeHeaders());
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n\r\n');
    const question = await server.introspection(1);
    socket.destroy();
    await question.over;
    expect(handler).not.toHaveBeenCalled();
    await close();
  });

  it('answers as it does without a socket', async () => {
    const app = new Hono();
    app.get('/items', requireToken(options(), { scopes: ['items:write'] }), counting());
    const { origin, close } = await listening(app);
    const answer = await sendRequest(origin, { path: '/items', fields: [['Authorization', 'Bearer good']] });
    expect(answer).toMatchObject({
      status: 403,
      'www-authenticate': lacksScope.challenge,
      'cache-control': 'no-store',
    });
    expect(JSON.parse(answer.body)).toEqual(lacksScope.body);
    await close();
  });
});
