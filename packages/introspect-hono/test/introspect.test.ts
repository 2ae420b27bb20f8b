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
  InvalidTokenError,
  introspect,
  MissingTokenError,
  type Policy,
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

/** Returns the parts of the app's response that matter here. Uses no socket. */
async function send(app: { request: Hono['request'] }, path: string, headers: HeadersInit = {}) {
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

const failing = (name: string) => (): never => {
  throw new Error(`${name} is broken`);
};

describe('requireToken', () => {
  it('sets c.var.introspection to the token', async () => {
    const { requireToken } = introspect(options());
    const app = new Hono().get('/me', requireToken(), (c) => c.json(c.var.introspection));
    expect(await send(app, '/me', good)).toMatchObject({ status: 200, body: { active: true, sub: 'mickey' } });
  });

  it('sets c.var.introspection to null if the policy is optional and the request has no token', async () => {
    const { requireToken } = introspect(options());
    const handler = vi.fn((c: Context) => c.json({ introspection: c.var.introspection }));
    const app = new Hono().get('/optional', requireToken({ optional: true }), handler);
    expect((await send(app, '/optional')).body).toEqual({ introspection: null });
  });

  it('rejects two Authorization lines, which Headers joins', async () => {
    const handler = counting();
    const app = new Hono().get('/me', introspect(options()).requireToken(), handler);
    const headers = new Headers(good);
    headers.append('authorization', 'Bearer good');
    expect(await send(app, '/me', headers)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(handler).not.toHaveBeenCalled();
    expect(server.introspections).toHaveLength(0);
  });

  it('returns middleware with a name', () => {
    expect(introspect(options()).requireToken().name).toBe('requireToken');
  });

  it('guards all that is under its path, and nothing else', async () => {
    const { requireToken } = introspect(options());
    const handler = counting();
    const app = new Hono();
    app.use('/api/*', requireToken());
    app.get('/api/me', handler).get('/api/deep/er', handler).get('/open', handler);
    expect(await send(app, '/api/me')).toEqual(missing);
    expect(await send(app, '/api/deep/er')).toEqual(missing);
    expect(handler).not.toHaveBeenCalled();
    expect((await send(app, '/open')).body).toEqual({ sub: null });
    expect((await send(app, '/api/me', good)).body).toEqual({ sub: 'mickey' });
  });

  it('guards a sub app that is mounted by route, and not its parent', async () => {
    const { requireToken } = introspect(options());
    const handler = counting();
    const items = new Hono();
    items.use(requireToken({ scopes: ['items:read'] }));
    items.get('/', handler);
    const app = new Hono().route('/items', items).get('/open', handler);
    expect(await send(app, '/items')).toEqual(missing);
    expect((await send(app, '/open')).status).toBe(200);
    expect((await send(app, '/items', good)).body).toEqual({ sub: 'mickey' });
  });
});

describe('guards of one introspect()', () => {
  it('share one cache: two routes with one token send one introspection request', async () => {
    const { requireToken } = introspect({ ...options(), cache: { maxAgeSeconds: 60 } });
    const app = new Hono();
    app.get('/me', requireToken(), counting());
    app.get('/items', requireToken({ scopes: ['items:read'] }), counting());
    expect((await send(app, '/me', good)).status).toBe(200);
    expect((await send(app, '/items', good)).status).toBe(200);
    expect(server.introspections).toHaveLength(1);
  });

  it("judge the policy of the parent and that of a sub app's route, with one introspection request", async () => {
    const { requireToken } = introspect(options());
    const handler = counting();
    const items = new Hono()
      .get('/read', requireToken({ scopes: ['items:read'] }), handler)
      .get('/write', requireToken({ scopes: ['items:write'] }), handler);
    const app = new Hono();
    app.use('/api/*', requireToken());
    app.route('/api', items);
    expect((await send(app, '/api/read', good)).status).toBe(200);
    expect(server.introspections).toHaveLength(1);
    expect(await send(app, '/api/write', good)).toEqual(lacksScope);
    expect(server.introspections).toHaveLength(2);
    expect(handler).toHaveBeenCalledOnce();
  });

  it('introspect the token again on the next request if nothing is cached', async () => {
    const app = new Hono().get('/me', introspect(options()).requireToken(), counting());
    await send(app, '/me', good);
    server.tokens.clear();
    expect((await send(app, '/me', good)).status).toBe(401);
    expect(server.introspections).toHaveLength(2);
  });

  it('do not share an introspection with guards of another one', async () => {
    const app = new Hono();
    app.use(introspect(options()).requireToken());
    app.get('/me', introspect(options()).requireToken(), counting());
    expect((await send(app, '/me', good)).status).toBe(200);
    expect(server.introspections).toHaveLength(2);
  });

  it('use the authorizer that introspect() returns: an invalidated response is not used again', async () => {
    const { requireToken, authorizer } = introspect({ ...options(), cache: { maxAgeSeconds: 60 } });
    const app = new Hono().get('/me', requireToken(), counting());
    await send(app, '/me', good);
    await authorizer.invalidate({ token: 'good' });
    await send(app, '/me', good);
    expect(server.introspections).toHaveLength(2);
    expect(authorizer.stats()).toMatchObject({ requests: { active: 2 } });
  });
});

describe('withToken', () => {
  it('gives the handler the token as its second argument', async () => {
    const { withToken } = introspect(options());
    const policy = { scopes: ['items:read'] };
    const app = new Hono().get(
      '/items/:id',
      withToken(policy, (c, token) => c.json({ sub: token.sub, id: c.req.param('id') })),
    );
    expect(await send(app, '/items/7', good)).toMatchObject({ status: 200, body: { sub: 'mickey', id: '7' } });
  });

  it('sets c.var.introspection too', async () => {
    const { withToken, introspectionOf } = introspect(options());
    const handler = vi.fn((c: Context) => c.json(introspectionOf(c)));
    expect((await send(new Hono().get('/me', withToken({}, handler)), '/me', good)).body).toMatchObject({
      sub: 'mickey',
    });
  });

  it('gives the handler null if the policy is optional and the request has no token', async () => {
    const { withToken } = introspect(options());
    const app = new Hono().get(
      '/optional',
      withToken({ optional: true }, (c, token) => c.json({ token })),
    );
    expect(await send(app, '/optional')).toMatchObject({ status: 200, body: { token: null } });
    expect((await send(app, '/optional', good)).body).toMatchObject({ token: { sub: 'mickey' } });
  });

  it('does not run the handler of a rejected request', async () => {
    const handler = counting();
    const { withToken } = introspect(options());
    const app = new Hono().get('/items', withToken({ scopes: ['items:write'] }, handler));
    expect(await send(app, '/items')).toEqual(missing);
    expect(await send(app, '/items', good)).toEqual(lacksScope);
    expect(handler).not.toHaveBeenCalled();
  });

  it('passes what the handler throws to app.onError, untouched', async () => {
    const { withToken } = introspect(options());
    const app = new Hono().get('/me', withToken({}, failing('The handler')));
    app.onError((error, c) => c.json({ message: error.message }, 500));
    expect(await send(app, '/me', good)).toMatchObject({ status: 500, body: { message: 'The handler is broken' } });
  });

  it.each([true, false])('with passPreflight: %s, a preflight never runs the handler', async (passPreflight) => {
    const handler = counting();
    const { withToken } = introspect({ ...options(), passPreflight });
    const app = new Hono().all('/me', withToken({}, handler));
    const headers = { origin: 'https://app.example', 'access-control-request-method': 'GET' };
    const response = await app.request('/me', { method: 'OPTIONS', headers });
    expect(response.status).toBe(passPreflight ? 204 : 401);
    expect(handler).not.toHaveBeenCalled();
    const plainOptions = await app.request('/me', { method: 'OPTIONS', headers: good });
    expect(plainOptions.status).toBe(200);
    expect(handler).toHaveBeenCalledOnce();
  });
});

describe('introspectionOf', () => {
  const messageOf = async (app: Hono, path: string) => {
    app.onError((error, c) => c.json({ message: error.message }, 500));
    return (await send(app, path)).body;
  };

  it('returns the token of a guarded request', async () => {
    const { requireToken, introspectionOf } = introspect(options());
    const app = new Hono();
    app.use('/api/*', requireToken());
    app.get('/api/me', (c) => c.json(introspectionOf(c)));
    expect((await send(app, '/api/me', good)).body).toMatchObject({ active: true, sub: 'mickey' });
  });

  it('throws an error that names the route if no guard ran', async () => {
    const { introspectionOf } = introspect(options());
    const app = new Hono().get('/open/:id', (c) => c.json(introspectionOf(c)));
    expect(await messageOf(app, '/open/1')).toEqual({
      message: 'No guard accepted the request to /open/1: guard the route with requireToken()',
    });
  });

  it('throws another error if an optional guard accepted the request without a token', async () => {
    const { requireToken, introspectionOf } = introspect(options());
    const app = new Hono();
    app.get('/optional', requireToken({ optional: true }), (c) => c.json(introspectionOf(c)));
    expect(await messageOf(app, '/optional')).toEqual({
      message:
        'The request to /optional has no token, and its guard is optional: use c.var.introspection, which is null then',
    });
    expect((await send(app, '/optional', good)).body).toMatchObject({ sub: 'mickey' });
  });
});

describe('a rejected request', () => {
  it('gets the response of the authorizer if the app has no onError', async () => {
    const handler = counting();
    const app = new Hono().get('/items', introspect(options()).requireToken({ scopes: ['items:write'] }), handler);
    expect(await send(app, '/items')).toEqual(missing);
    expect(await send(app, '/items', good)).toEqual(lacksScope);
    expect(handler).not.toHaveBeenCalled();
  });

  it('gets a body of type JSON', async () => {
    const app = new Hono().get('/me', introspect(options()).requireToken(), counting());
    expect((await app.request('/me')).headers.get('content-type')).toBe('application/json');
  });

  it('is an HTTPException for app.onError: with the response, and the typed error as its cause', async () => {
    const seen: Error[] = [];
    const handler = counting();
    const app = new Hono().get('/items', introspect(options()).requireToken({ scopes: ['items:write'] }), handler);
    app.onError((error, c) => {
      seen.push(error);
      if (!(error instanceof HTTPException)) return c.text('foreign', 500);
      const response = error.getResponse();
      return new Response(response.body, { status: response.status, headers: [...response.headers] });
    });
    expect(await send(app, '/items', good)).toEqual(lacksScope);
    expect(seen).toEqual([expect.any(HTTPException)]);
    expect(seen[0]).toMatchObject({ status: 403, cause: expect.any(InsufficientScopeError) });
    expect(handler).not.toHaveBeenCalled();
  });

  it("is an HTTPException for a sub app's own onError", async () => {
    const sub = new Hono().get('/me', introspect(options()).requireToken(), counting());
    sub.onError((error, c) => c.json({ code: (error.cause as AuthorizerError).code }, 418));
    expect(await send(new Hono().route('/sub', sub), '/sub/me')).toMatchObject({
      status: 418,
      body: { code: 'missing_token' },
    });
  });

  it.each<[string, object, Policy]>([
    ['rolesOf', { rolesOf: failing('rolesOf') }, { anyRole: ['admin'] }],
    ['claims', { claims: failing('claims') }, {}],
    ['check', {}, { check: async () => failing('check')() }],
  ])('is not what %s throws: app.onError gets that error, untouched', async (name, more, policy) => {
    const handler = counting();
    const errorBody = vi.fn(() => ({}));
    const { requireToken } = introspect({ ...options(), ...more, errorBody });
    const app = new Hono().get('/me', requireToken(policy), handler);
    app.onError((error, c) => c.json({ message: error.message, isOurs: error instanceof HTTPException }, 500));
    expect(await send(app, '/me', good)).toMatchObject({
      status: 500,
      challenge: undefined,
      body: { message: `${name} is broken`, isOurs: false },
    });
    expect(errorBody).not.toHaveBeenCalled();
    expect(handler).not.toHaveBeenCalled();
  });
});

describe('errorBody', () => {
  it('replaces the body, and neither the status nor a header field', async () => {
    const seen: unknown[] = [];
    const handler = counting();
    const { requireToken } = introspect({
      ...options(),
      errorBody(error, c) {
        seen.push(error);
        return { type: 'about:blank', title: error.code, instance: c.req.path };
      },
    });
    const app = new Hono()
      .get('/me', requireToken(), handler)
      .get('/items', requireToken({ scopes: ['items:write'] }), handler);
    expect(await send(app, '/me')).toEqual({
      ...missing,
      body: { type: 'about:blank', title: 'missing_token', instance: '/me' },
    });
    expect(await send(app, '/items', good)).toEqual({
      ...lacksScope,
      body: { type: 'about:blank', title: 'insufficient_scope', instance: '/items' },
    });
    expect(seen).toEqual([expect.any(MissingTokenError), expect.any(InsufficientScopeError)]);
    expect(handler).not.toHaveBeenCalled();
  });

  it('leaves app.onError the same HTTPException, whose response has the replaced body', async () => {
    const seen: Error[] = [];
    const { requireToken } = introspect({ ...options(), errorBody: ({ code }) => ({ code }) });
    const app = new Hono().get('/me', requireToken(), counting());
    app.onError((error) => {
      seen.push(error);
      return (error as HTTPException).getResponse();
    });
    expect(await send(app, '/me', { Authorization: 'Bearer bad' })).toMatchObject({
      status: 401,
      challenge: 'Bearer error="invalid_token", error_description="The access token is not active"',
      body: { code: 'invalid_token' },
    });
    expect(seen).toEqual([expect.any(HTTPException)]);
    expect(seen[0]).toMatchObject({ status: 401, cause: expect.any(InvalidTokenError) });
  });

  it.each<[string, () => never]>([
    ['throws', failing('errorBody')],
    ['returns nothing', (() => undefined) as never],
    ['returns a promise', (async () => ({})) as never],
  ])('accepts no request when it %s: app.onError gets the error', async (_, errorBody) => {
    const handler = counting();
    const app = new Hono().get('/me', introspect({ ...options(), errorBody }).requireToken(), handler);
    app.onError((error, c) => c.json({ message: error.message }, 500));
    const { status, body } = await send(app, '/me');
    expect(status).toBe(500);
    expect(JSON.stringify(body)).toContain('errorBody');
    expect(handler).not.toHaveBeenCalled();
  });

  it('is not called for an error that the handler throws', async () => {
    const errorBody = vi.fn(() => ({}));
    const app = new Hono().get('/me', introspect({ ...options(), errorBody }).requireToken(), () => {
      throw new MissingTokenError();
    });
    app.onError((error, c) => c.json({ name: error.name }, 500));
    expect((await send(app, '/me', good)).body).toEqual({ name: 'MissingTokenError' });
    expect(errorBody).not.toHaveBeenCalled();
  });
});

describe('introspect', () => {
  it.each<[string, () => unknown]>([
    ['options', options],
    ['an Authorizer', () => new Authorizer(options())],
    ['{ authorizer }', () => ({ authorizer: new Authorizer(options()) })],
    ['a function', () => () => new Authorizer(options())],
    ['{ authorizer: function }', () => ({ authorizer: async () => new Authorizer(options()) })],
  ])('accepts %s', async (_, input) => {
    const { requireToken } = introspect(input() as never);
    const app = new Hono().get('/me', requireToken(), counting());
    expect(await send(app, '/me', good)).toMatchObject({ status: 200, body: { sub: 'mickey' } });
    expect(await send(app, '/me')).toEqual(missing);
  });

  it('returns the given authorizer', () => {
    const authorizer = new Authorizer(options());
    expect(introspect(authorizer).authorizer).toBe(authorizer);
    expect(introspect({ authorizer, passPreflight: true }).authorizer).toBe(authorizer);
  });

  it('accepts a function that chooses by the request: one authorizer for each tenant', async () => {
    const other = await startScriptedServer();
    try {
      other.tokens.set('good', { sub: 'minnie' });
      const tenants = new Map([
        ['a', new Authorizer(options())],
        ['b', new Authorizer({ ...options(), introspectionEndpoint: other.introspectionEndpoint })],
      ]);
      const handler = counting();
      const { requireToken } = introspect(
        (c: Context) => tenants.get(c.req.param('tenant') ?? '') ?? failing('The tenant')(),
      );
      const app = new Hono().get('/:tenant/me', requireToken(), handler);
      expect((await send(app, '/a/me', good)).body).toEqual({ sub: 'mickey' });
      expect((await send(app, '/b/me', good)).body).toEqual({ sub: 'minnie' });
      app.onError((error, c) => c.json({ message: error.message }, 500));
      expect(await send(app, '/c/me', good)).toMatchObject({ status: 500, body: { message: 'The tenant is broken' } });
      expect(handler).toHaveBeenCalledTimes(2);
    } finally {
      await other.close();
    }
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'introspect: pass the options'],
    ['no server', { clientId: 'api', clientSecret: 'secret' }, 'introspectionEndpoint'],
    [
      'a mistyped option',
      { issuer: 'https://a.example', clientId: 'a', clientSecret: 's', cach: {} },
      'introspect: unknown option "cach"; known options: serveResourceMetadata, authorizer, ',
    ],
    [
      "a mistyped option of the adapter's own",
      { serveResourceMetadatas: true },
      'introspect: unknown option "serveResourceMetadatas"; known options: serveResourceMetadata, ',
    ],
    ['an option that is not Hono’s', { global: true }, 'introspect: unknown option "global"; known options: '],
    [
      'an option beside the authorizer',
      { authorizer: failing(''), realm: 'x' },
      'introspect: "realm" cannot be combined with "authorizer"',
    ],
    ['an invalid authorizer', { authorizer: {} }, 'introspect: "authorizer" must be an Authorizer'],
    [
      'an invalid passPreflight',
      { authorizer: failing(''), passPreflight: 'yes' },
      'introspect: "passPreflight" must be true or false',
    ],
  ])('throws if it gets %s', (_, input, message) => {
    expect(() => introspect(input as never)).toThrow(TypeError);
    expect(() => introspect(input as never)).toThrow(message);
    expect(server.requests).toHaveLength(0);
  });

  it.each<[string, unknown, string]>([
    ['a mistyped member', { scope: ['items:read'] }, 'Policy: unknown option "scope"; known options: '],
    ['roles without rolesOf', { anyRole: ['admin'] }, '"rolesOf"'],
    ['an unknown scope', { scopes: ['items:raed'] }, 'did you mean "items:read"?'],
  ])('returns guards that throw where the route is declared if the policy has %s', (_, policy, message) => {
    const { requireToken, withToken } = introspect({ ...options(), scopes: ['items:read'] });
    expect(() => requireToken(policy as never)).toThrow(message);
    expect(() => withToken(policy as never, counting())).toThrow(message);
  });

  it.each<[string, string[]]>([
    ['audience', ['introspectionEndpoint', 'clientId', 'clientSecret']],
    ['serveResourceMetadata', ['introspectionEndpoint', 'clientId', 'clientSecret']],
    ['errorBody', ['introspectionEndpoint', 'clientId', 'clientSecret']],
    ['realm', ['authorizer']],
    ['passPreflight', ['authorizer']],
  ])('throws if "%s" is inherited, and does not drop it silently', (name, own) => {
    const members = { ...options(), authorizer: new Authorizer(options()) };
    const input = Object.create({ [name]: true }, Object.getOwnPropertyDescriptors(members));
    for (const each of Object.keys(members)) if (!own.includes(each)) delete input[each];
    expect(() => introspect(input)).toThrow(TypeError);
    expect(() => introspect(input)).toThrow(`"${name}" `);
  });

  it('accepts an instance of a class whose own fields are the options', async () => {
    class Options {
      readonly errorBody = () => ({ own: true });
      readonly audience = 'another-api';
    }
    const { requireToken } = introspect(Object.assign(new Options(), options()));
    const app = new Hono().get('/me', requireToken(), counting());
    expect(await send(app, '/me', good)).toMatchObject({ status: 401, body: { own: true } });
  });

  it('does not change the options', () => {
    const given = Object.freeze({ ...options(), errorBody: () => ({}), serveResourceMetadata: false });
    expect(() => introspect(given)).not.toThrow();
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

  it.each(['*', '/.well-known/*'])(
    'serves the document without a token if the middleware is mounted at %s',
    async (mounted) => {
      const app = new Hono();
      app.use(mounted, introspect({ ...withResource(), serveResourceMetadata: true }).requireToken());
      expect(await send(app, path)).toEqual({ status: 200, challenge: undefined, cache: undefined, body: document() });
      expect(server.requests).toHaveLength(0);
    },
  );

  it('opens only the path of the document', async () => {
    const handler = counting();
    const app = new Hono();
    app.use('*', introspect({ ...withResource(), serveResourceMetadata: true }).requireToken());
    app.get('*', handler).post(path, handler);
    for (const near of [`${path}/`, `${path}/x`, '/.well-known/oauth-protected-resource', path.toUpperCase(), '/me']) {
      expect((await app.request(near)).status, near).toBe(401);
    }
    expect((await app.request(path, { method: 'POST' })).status).toBe(401);
    expect(handler).not.toHaveBeenCalled();
  });

  it('serves the document if the resource has escapes in its path', async () => {
    const app = new Hono();
    app.use(
      '*',
      introspect({
        ...withResource(),
        resource: 'https://api.example.com/ü',
        serveResourceMetadata: true,
      }).requireToken(),
    );
    expect((await app.request('/.well-known/oauth-protected-resource/%C3%BC')).status).toBe(200);
  });

  it('responds to HEAD as to GET', async () => {
    const app = new Hono();
    app.use('*', introspect({ ...withResource(), serveResourceMetadata: true }).requireToken());
    const response = await app.request(path, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });

  it('serves no document by default', async () => {
    const app = new Hono();
    app.use('*', introspect(withResource()).requireToken());
    expect((await app.request(path)).status).toBe(401);
  });

  it('throws without "resource", and with a function that chooses an authorizer', () => {
    expect(() => introspect({ ...options(), serveResourceMetadata: true })).toThrow('"resource"');
    const authorizer = () => new Authorizer(withResource());
    expect(() => introspect({ authorizer, serveResourceMetadata: true })).toThrow('"serveResourceMetadata"');
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

  it('a guard ends its introspection request when the caller hangs up', async () => {
    const handler = counting();
    const app = new Hono();
    app.get('/me', introspect({ ...options(), timeoutMs: 60_000 }).requireToken(), handler);
    const { port, close } = await listening(app);
    server.next(hangBeforeHeaders());
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n\r\n');
    const introspection = await server.introspection(1);
    socket.destroy();
    await introspection.over;
    expect(handler).not.toHaveBeenCalled();
    await close();
  });

  it('a rejection has the same status, header fields and body as without a socket', async () => {
    const app = new Hono();
    app.get('/items', introspect(options()).requireToken({ scopes: ['items:write'] }), counting());
    const { origin, close } = await listening(app);
    const response = await sendRequest(origin, { path: '/items', fields: [['Authorization', 'Bearer good']] });
    expect(response).toMatchObject({
      status: 403,
      'www-authenticate': lacksScope.challenge,
      'cache-control': 'no-store',
    });
    expect(JSON.parse(response.body)).toEqual(lacksScope.body);
    await close();
  });
});
