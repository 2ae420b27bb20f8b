import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { hangBeforeHeaders, type ScriptedServer, sendRequest, startScriptedServer } from '@acme/introspect-testing';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import introspectByDefault, {
  Authorizer,
  type AuthorizerError,
  InsufficientScopeError,
  type IntrospectOptions,
  introspect,
  introspectionOf,
  MissingTokenError,
  type Policy,
} from '../src/index.js';

let server: ScriptedServer;
let app: FastifyInstance;
beforeEach(async () => {
  server = await startScriptedServer();
  server.tokens.set('good', { sub: 'mickey', scope: 'items:read' });
  app = Fastify({ forceCloseConnections: true });
});
afterEach(async () => {
  await app.close();
  await server.close();
});

const options = () => ({
  introspectionEndpoint: server.introspectionEndpoint,
  clientId: 'api',
  clientSecret: 'secret',
});

const good = { authorization: 'Bearer good' };
const missing = { status: 401, challenge: 'Bearer realm="api"', body: {} };
const lacksScope = {
  status: 403,
  challenge:
    'Bearer error="insufficient_scope", error_description="The access token lacks a scope that is needed here", scope="items:write"',
  body: { error: 'insufficient_scope', error_description: 'The access token lacks a scope that is needed here' },
};

/** Returns the app's response to an injected request. */
async function send(url: string, headers: Record<string, string | string[]> = {}) {
  const response = await app.inject({ url, headers: headers as Record<string, string> });
  return { status: response.statusCode, challenge: response.headers['www-authenticate'], body: response.json() };
}

/** Resolves after the given number of turns of the event loop. */
async function ticks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
}

/** A route that counts how often its handler has run. */
function countingRoute(url: string, policy?: Policy) {
  const handler = vi.fn(async (request: FastifyRequest) => ({ sub: request.introspection?.sub ?? null }));
  app.get(url, { onRequest: app.requireToken(policy) }, handler);
  return handler;
}

describe('request.introspection', () => {
  it('is null until a token was accepted', async () => {
    await app.register(introspect, options());
    const seen: unknown[] = [];
    const look = async (request: FastifyRequest) => void seen.push(request.introspection);
    app.get('/me', { onRequest: [look, app.requireToken(), look] }, async () => 'ok');
    await app.inject({ url: '/me', headers: good });
    expect(seen).toEqual([null, { active: true, sub: 'mickey', scope: 'items:read' }]);
  });

  it('is null for a later hook of a rejected request', async () => {
    await app.register(introspect, options());
    const seen: unknown[] = [];
    app.addHook('onResponse', async (request) => void seen.push(request.introspection));
    countingRoute('/me');
    countingRoute('/items', { scopes: ['items:write'] });
    await send('/me');
    await send('/items', good);
    expect(seen).toEqual([null, null]);
  });

  it('belongs to one request: the next one begins with null', async () => {
    await app.register(introspect, options());
    countingRoute('/optional', { optional: true });
    expect((await send('/optional', good)).body).toEqual({ sub: 'mickey' });
    expect((await send('/optional')).body).toEqual({ sub: null });
  });
});

describe('introspectionOf', () => {
  it('returns the token of a guarded request', async () => {
    await app.register(introspect, options());
    app.get('/me', { onRequest: app.requireToken() }, async (request) => introspectionOf(request));
    expect(await send('/me', good)).toMatchObject({ status: 200, body: { active: true, sub: 'mickey' } });
  });

  it('throws an error that names the route if no guard ran', async () => {
    await app.register(introspect, options());
    app.get('/open/:id', async (request) => introspectionOf(request));
    expect(await send('/open/1', good)).toMatchObject({
      status: 500,
      body: { message: 'No guard accepted the request to /open/:id: guard the route with requireToken()' },
    });
    expect(server.introspections).toHaveLength(0);
  });

  it('throws another error if an optional guard accepted the request without a token', async () => {
    await app.register(introspect, options());
    app.get('/optional', { onRequest: app.requireToken({ optional: true }) }, async (request) =>
      introspectionOf(request),
    );
    expect(await send('/optional')).toMatchObject({
      status: 500,
      body: {
        message:
          'The request to /optional has no token, and its guard is optional: use request.introspection, which is null then',
      },
    });
    expect((await send('/optional', good)).status).toBe(200);
  });
});

describe('app.authorizer', () => {
  it('is the authorizer of all guards: two routes with one token send one introspection request', async () => {
    await app.register(introspect, { ...options(), cache: { maxAgeSeconds: 60 } });
    countingRoute('/me');
    countingRoute('/items', { scopes: ['items:read'] });
    expect((await send('/me', good)).status).toBe(200);
    expect((await send('/items', good)).status).toBe(200);
    expect(server.introspections).toHaveLength(1);
    await app.authorizer.invalidate({ token: 'good' });
    expect((await send('/me', good)).status).toBe(200);
    expect(app.authorizer.stats()).toMatchObject({ requests: { active: 2 } });
  });

  it('is the given authorizer, in child contexts too', async () => {
    const authorizer = new Authorizer(options());
    await app.register(introspect, { authorizer });
    expect(app.authorizer).toBe(authorizer);
    await app.register(async (child) => expect(child.authorizer).toBe(authorizer));
  });

  it('belongs to its context: two siblings have one each', async () => {
    const authorizers: Authorizer[] = [];
    for (const prefix of ['/a', '/b']) {
      await app.register(
        async (child) => {
          await child.register(introspect, options());
          authorizers.push(child.authorizer);
        },
        { prefix },
      );
    }
    expect(new Set(authorizers).size).toBe(2);
    expect(app.hasDecorator('authorizer')).toBe(false);
  });

  it('throws when it is read if a function chooses the authorizer', async () => {
    await app.register(introspect, { authorizer: () => new Authorizer(options()) });
    await app.ready();
    expect(() => app.authorizer).toThrow('app.authorizer: a function chooses the authorizer for each request');
  });

  it('is closed with the app if the plugin has made it', async () => {
    const close = vi.spyOn(Authorizer.prototype, 'close');
    try {
      await app.register(introspect, options());
      const { authorizer } = app;
      await app.ready();
      expect(close).not.toHaveBeenCalled();
      await app.close();
      expect(close).toHaveBeenCalledOnce();
      expect(close.mock.contexts).toEqual([authorizer]);
    } finally {
      close.mockRestore();
    }
  });

  it('stays open if it was given to the plugin', async () => {
    const authorizer = new Authorizer(options());
    const close = vi.spyOn(authorizer, 'close');
    await app.register(introspect, { authorizer });
    await app.ready();
    await app.close();
    expect(close).not.toHaveBeenCalled();
  });
});

describe('encapsulation', () => {
  it('limits the plugin to where it was registered: a sibling has no requireToken', async () => {
    const decorated: Record<string, boolean> = {};
    await app.register(async (child) => {
      await child.register(introspect, options());
      decorated.child = child.hasDecorator('requireToken');
      child.get('/guarded', { onRequest: child.requireToken() }, async () => 'ok');
    });
    await app.register(async (sibling) => {
      decorated.sibling = sibling.hasDecorator('requireToken');
      sibling.get('/sibling', async () => ({ open: true }));
    });
    app.get('/root', async () => ({ open: true }));
    expect(decorated).toEqual({ child: true, sibling: false });
    expect(app.hasDecorator('requireToken')).toBe(false);
    expect(await send('/guarded')).toEqual(missing);
    expect((await send('/sibling')).status).toBe(200);
    expect((await send('/root')).status).toBe(200);
  });

  it('extends to the children of the context where the plugin was registered', async () => {
    await app.register(introspect, options());
    await app.register(async (child) => {
      child.get('/child', { onRequest: child.requireToken() }, async () => 'ok');
    });
    expect(await send('/child')).toEqual(missing);
  });

  it('limits global to its context', async () => {
    await app.register(async (child) => {
      await child.register(introspect, { ...options(), global: true });
      child.get('/guarded', async () => 'ok');
    });
    app.get('/root', async () => ({ open: true }));
    expect(await send('/guarded')).toEqual(missing);
    expect((await send('/root')).status).toBe(200);
  });

  it('lets two siblings have an authorizer each', async () => {
    const other = await startScriptedServer();
    try {
      for (const [prefix, { introspectionEndpoint }] of [['/a', server] as const, ['/b', other] as const]) {
        await app.register(
          async (child) => {
            await child.register(introspect, { ...options(), introspectionEndpoint });
            child.get('/me', { onRequest: child.requireToken() }, async (request) => introspectionOf(request));
          },
          { prefix },
        );
      }
      other.tokens.set('good', { sub: 'minnie' });
      expect((await send('/a/me', good)).body.sub).toBe('mickey');
      expect((await send('/b/me', good)).body.sub).toBe('minnie');
    } finally {
      await other.close();
    }
  });
});

describe('under inject', () => {
  beforeEach(() => app.register(introspect, options()));

  it('a guard responds as over a socket', async () => {
    const handler = countingRoute('/me');
    expect(await send('/me')).toEqual(missing);
    expect(await send('/me', { Authorization: 'bearer  good' })).toMatchObject({
      status: 200,
      body: { sub: 'mickey' },
    });
    expect(handler).toHaveBeenCalledOnce();
  });

  it('the body of a rejection is JSON', async () => {
    countingRoute('/me');
    expect((await app.inject('/me')).headers['content-type']).toMatch(/^application\/json(;|$)/);
  });

  it('a guard rejects two Authorization lines', async () => {
    const handler = countingRoute('/me');
    const response = await send('/me', { authorization: ['Bearer good', 'Bearer good'] });
    expect(response).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(handler).not.toHaveBeenCalled();
    expect(server.introspections).toHaveLength(0);
  });
});

describe('over HTTP/2', () => {
  let session: ClientHttp2Session;
  let http2: { port: number; handled: () => number; close: () => Promise<void> };
  beforeEach(async () => {
    const api = Fastify({ http2: true });
    let handled = 0;
    await api.register(introspect, options());
    api.get('/me', { onRequest: api.requireToken() as never }, async (request) => {
      handled++;
      return { sub: request.introspection?.sub };
    });
    await api.listen({ port: 0, host: '127.0.0.1' });
    const { port } = api.server.address() as AddressInfo;
    http2 = { port, handled: () => handled, close: () => api.close() };
    session = connectHttp2(`http://127.0.0.1:${port}`);
  });
  afterEach(async () => {
    session.destroy();
    await http2.close();
  });

  async function sendHttp2(headers: Record<string, string>) {
    const stream = session.request({ ':path': '/me', ...headers });
    const [head] = await once(stream, 'response');
    let body = '';
    for await (const chunk of stream.setEncoding('utf8')) body += chunk;
    return { status: head[':status'], challenge: head['www-authenticate'], body: JSON.parse(body) };
  }

  it('a guard accepts a good token', async () => {
    expect(await sendHttp2(good)).toEqual({ status: 200, challenge: undefined, body: { sub: 'mickey' } });
  });

  it('a guard rejects a request without a token', async () => {
    expect(await sendHttp2({})).toEqual(missing);
    expect(http2.handled()).toBe(0);
  });

  it('a guard rejects two Authorization lines, which Node would join', async () => {
    const body = await sendTwoLinesByHand(http2.port);
    expect(JSON.parse(body)).toMatchObject({ error: 'invalid_request' });
    expect(http2.handled()).toBe(0);
    expect(server.introspections).toHaveLength(0);
  });

  it('ends the introspection request when the caller resets its stream', async () => {
    server.next(hangBeforeHeaders());
    const stream = session.request({ ':path': '/me', ...good });
    stream.on('error', () => {});
    const introspection = await server.introspection(1);
    stream.close(8);
    await introspection.over;
    expect(http2.handled()).toBe(0);
  });
});

/** Node's client sends no second line, so these are the frames (RFC 9113 §4.1) of such a request. */
async function sendTwoLinesByHand(port: number): Promise<string> {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  const frame = (type: number, flags: number, stream: number, payload: Buffer) =>
    Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]), payload]);
  const line = Buffer.concat([Buffer.from([0x00]), text('authorization'), text('Bearer good')]);
  // RFC 7541: 0x82 and 0x86 are GET and http, 0x04 and 0x01 begin a path and an authority.
  const fields = [Buffer.from([0x82, 0x86, 0x04]), text('/me'), Buffer.from([0x01]), text('localhost'), line, line];
  const socket = connect(port, '127.0.0.1');
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.write(Buffer.concat([frame(4, 0, 0, Buffer.alloc(0)), frame(1, 0x5, 1, Buffer.concat(fields))]));
  let received = Buffer.alloc(0);
  let body = '';
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 9 && received.length >= 9 + received.readUIntBE(0, 3)) {
      const end = 9 + received.readUIntBE(0, 3);
      if (received[3] === 0) body += received.subarray(9, end).toString();
      if (received[3] === 0 && (Number(received[4]) & 1) === 1) {
        socket.destroy();
        return body;
      }
      received = received.subarray(end);
    }
  }
  throw new Error('The server closed the connection without a response');
}

describe('global', () => {
  beforeEach(() => app.register(introspect, { ...options(), global: true }));

  it('guards every route', async () => {
    const handler = vi.fn(async () => 'ok');
    app.get('/me', handler);
    await app.register(async (child) => child.get('/child', handler));
    expect(await send('/me')).toEqual(missing);
    expect(await send('/child')).toEqual(missing);
    expect(handler).not.toHaveBeenCalled();
    expect((await app.inject({ url: '/child', headers: good })).statusCode).toBe(200);
  });

  it('exempts a route with config: { public: true }, and no other value', async () => {
    app.get('/public', { config: { public: true } }, async (request) => ({ sub: request.introspection }));
    app.get('/private', { config: { public: false } }, async () => 'ok');
    app.get('/odd', { config: { public: 'yes' as unknown as boolean } }, async () => 'ok');
    expect(await send('/public', { authorization: 'Bearer' })).toMatchObject({ status: 200, body: { sub: null } });
    expect(await send('/private')).toEqual(missing);
    expect(await send('/odd')).toEqual(missing);
  });

  it('judges the policy of the route too, with one introspection request', async () => {
    const read = countingRoute('/read', { scopes: ['items:read'] });
    const write = countingRoute('/write', { scopes: ['items:write'] });
    expect((await send('/read', good)).status).toBe(200);
    expect(server.introspections).toHaveLength(1);
    expect(await send('/write', good)).toEqual(lacksScope);
    expect(server.introspections).toHaveLength(2);
    expect([read.mock.calls.length, write.mock.calls.length]).toEqual([1, 0]);
  });

  it('guards an optional route as well', async () => {
    const handler = countingRoute('/optional', { optional: true });
    expect(await send('/optional')).toEqual(missing);
    expect(handler).not.toHaveBeenCalled();
  });

  it('hides from a caller without a token which routes exist', async () => {
    expect(await send('/nowhere')).toEqual(missing);
    expect((await send('/nowhere', good)).status).toBe(404);
  });
});

describe('errorBody', () => {
  it('replaces the body, and neither the status nor a header field', async () => {
    const seen: AuthorizerError[] = [];
    await app.register(introspect, {
      ...options(),
      errorBody(error, request) {
        seen.push(error);
        return { type: 'about:blank', title: error.code, instance: request.url };
      },
    });
    const handlers = [countingRoute('/me'), countingRoute('/items', { scopes: ['items:write'] })];
    expect(await send('/me')).toEqual({
      ...missing,
      body: { type: 'about:blank', title: 'missing_token', instance: '/me' },
    });
    expect(await send('/items', good)).toEqual({
      ...lacksScope,
      body: { type: 'about:blank', title: 'insufficient_scope', instance: '/items' },
    });
    expect(seen).toEqual([expect.any(MissingTokenError), expect.any(InsufficientScopeError)]);
    for (const handler of handlers) expect(handler).not.toHaveBeenCalled();
  });

  it('leaves the hooks of the app what they see: onError the error, onSend and onResponse the response', async () => {
    const seen: unknown[] = [];
    app.addHook('onSend', async (_, reply, payload) => void seen.push(['onSend', reply.statusCode, payload]));
    app.addHook('onResponse', async (_, reply) => void seen.push(['onResponse', reply.statusCode]));
    app.addHook('onError', async (_request, _reply, error) => void seen.push(['onError', error.code]));
    await app.register(introspect, { ...options(), errorBody: ({ code }) => ({ code }) });
    countingRoute('/me');
    expect(await send('/me')).toMatchObject({ status: 401, body: { code: 'missing_token' } });
    await ticks(3);
    expect(seen).toEqual([
      ['onError', 'missing_token'],
      ['onSend', 401, '{"code":"missing_token"}'],
      ['onResponse', 401],
    ]);
  });

  it.each<[string, () => never]>([
    ['throws', () => fail('errorBody')],
    ['returns nothing', (() => undefined) as never],
    ['returns a promise', (async () => ({})) as never],
  ])('accepts no request when it %s: the hook onError and the error handler get the error', async (_, errorBody) => {
    const failed = vi.fn();
    app.addHook('onError', async (_request, _reply, error) => failed(error.message));
    app.setErrorHandler((error, _, reply) => reply.code(500).send({ message: (error as Error).message }));
    await app.register(introspect, { ...options(), errorBody });
    const handler = countingRoute('/me');
    const { status, challenge, body } = await send('/me');
    expect({ status, challenge }).toEqual({ status: 500, challenge: undefined });
    expect(body.message).toContain('errorBody');
    expect(failed).toHaveBeenCalledExactlyOnceWith(body.message);
    expect(handler).not.toHaveBeenCalled();
  });

  it('is not called for an error of the app', async () => {
    const errorBody = vi.fn(() => ({}));
    await app.register(introspect, { ...options(), errorBody });
    countingRoute('/broken', { check: () => fail('check') });
    expect((await send('/broken', good)).status).toBe(500);
    expect(errorBody).not.toHaveBeenCalled();
  });
});

describe('an app with the plugin', () => {
  it("keeps the body of a rejection, whatever the route's response schema says", async () => {
    await app.register(introspect, options());
    const none = { type: 'object', properties: { nothing: { type: 'string' } }, additionalProperties: false };
    app.get(
      '/items',
      {
        onRequest: app.requireToken({ scopes: ['items:write'] }),
        schema: { response: { '2xx': none, 401: none, 403: none, '4xx': none } },
      },
      async () => ({}),
    );
    expect(await send('/items', good)).toEqual(lacksScope);
  });

  it.each<[string, Partial<IntrospectOptions>, Policy]>([
    ['rolesOf', { rolesOf: () => fail('rolesOf') }, { anyRole: ['admin'] }],
    ['check', {}, { check: () => fail('check') }],
    ['an async check', {}, { check: async () => fail('an async check') }],
  ])('gets what %s throws in its error handler, and the handler does not run', async (name, more, policy) => {
    const seen: unknown[] = [];
    app.setErrorHandler((error, _, reply) => {
      seen.push((error as Error).message);
      return reply.send(error);
    });
    await app.register(introspect, { ...options(), ...more } as IntrospectOptions);
    const handler = countingRoute('/me', policy);
    expect(await send('/me', good)).toMatchObject({ status: 500, challenge: undefined });
    expect(seen).toEqual([`${name} is broken`]);
    expect(handler).not.toHaveBeenCalled();
  });

  it.each(['in a route', 'without a route, for a 404', 'in a route that was declared before the plugin'])(
    'gets a denial %s as it is, whatever its error handlers do',
    async (where) => {
      const handled = vi.fn(async () => ({ mine: true }));
      app.setErrorHandler(handled);
      if (where === 'in a route that was declared before the plugin') app.get('/me', async () => 'ok');
      await app.register(introspect, options());
      app.addHook('onRequest', app.requireToken());
      if (where === 'in a route') app.get('/me', { errorHandler: handled }, async () => 'ok');
      expect(await send('/me')).toEqual(missing);
      expect(handled).not.toHaveBeenCalled();
    },
  );

  it.each([
    ['its route', { errorHandler: () => ({ by: 'its route' }) }],
    ['the app', {}],
  ])('handles other errors by the error handler of %s, also if they are not an Error', async (by, route) => {
    app.setErrorHandler(() => ({ by: 'the app' }));
    await app.register(introspect, options());
    const fail = async () => {
      throw 'a string';
    };
    app.get('/me', { ...route, onRequest: app.requireToken() }, fail);
    expect(await send('/me', good)).toMatchObject({ body: { by } });
  });

  it('may set an error handler without a warning', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    try {
      await app.register(introspect, { ...options(), global: true });
      app.setErrorHandler((_, __, reply) => reply.code(499).send({ mine: true }));
      app.get('/broken', async () => fail('the handler'));
      expect(await send('/broken', good)).toMatchObject({ status: 499, body: { mine: true } });
      expect(await send('/broken')).toEqual(missing);
      expect(warn).not.toHaveBeenCalled();
    } finally {
      warn.mockRestore();
    }
  });

  it('gets rejections before a body is read', async () => {
    await app.register(introspect, options());
    const parsed = vi.fn(async () => ({}));
    app.addContentTypeParser('text/odd', parsed);
    app.post('/items', { onRequest: app.requireToken() }, async () => 'ok');
    const post = { method: 'POST', url: '/items', payload: 'x' } as const;
    const rejected = await app.inject({ ...post, headers: { 'content-type': 'text/odd' } });
    expect(rejected.statusCode).toBe(401);
    expect(parsed).not.toHaveBeenCalled();
    const accepted = await app.inject({ ...post, headers: { 'content-type': 'text/odd', ...good } });
    expect(accepted.statusCode).toBe(200);
    expect(parsed).toHaveBeenCalledOnce();
  });
});

function fail(name: string): never {
  throw new Error(`${name} is broken`);
}

describe('the plugin’s input', () => {
  it('goes to the named export or to the default export, which are the same', () => {
    expect(introspectByDefault).toBe(introspect);
  });

  it('may be an authorizer, which is used as it is', async () => {
    const authorizer = new Authorizer(options());
    const decider = vi.spyOn(authorizer, 'decider');
    await app.register(introspect, { authorizer });
    countingRoute('/items', { scopes: ['items:read'] });
    expect((await send('/items', good)).status).toBe(200);
    expect(decider).toHaveBeenCalledExactlyOnceWith({ scopes: ['items:read'] }, undefined);
  });

  it.each(['synchronously', 'asynchronously'])(
    'may be a function that chooses an authorizer by the request, %s',
    async (when) => {
      const other = await startScriptedServer();
      try {
        other.tokens.set('good', { sub: 'minnie' });
        const tenants = new Map([
          ['a', new Authorizer(options())],
          ['b', new Authorizer({ ...options(), introspectionEndpoint: other.introspectionEndpoint })],
        ]);
        const tenantOf = (request: FastifyRequest) =>
          tenants.get(String(request.headers['x-tenant'])) ?? fail('no tenant');
        const authorizer = when === 'synchronously' ? tenantOf : async (request: FastifyRequest) => tenantOf(request);
        await app.register(introspect, { authorizer });
        const handler = countingRoute('/me');
        expect((await send('/me', { ...good, 'x-tenant': 'a' })).body).toEqual({ sub: 'mickey' });
        expect((await send('/me', { ...good, 'x-tenant': 'b' })).body).toEqual({ sub: 'minnie' });
        expect((await send('/me', { ...good, 'x-tenant': 'c' })).status).toBe(500);
        expect(handler).toHaveBeenCalledTimes(2);
        expect([server.introspections.length, other.introspections.length]).toEqual([1, 1]);
      } finally {
        await other.close();
      }
    },
  );

  it.each<[string, object, string]>([
    ['no server', { clientId: 'api', clientSecret: 'secret' }, 'introspectionEndpoint'],
    ['an option of a wrong type', { clockSkewSeconds: 'x' }, '"clockSkewSeconds"'],
    ['a broken URL', { introspectionEndpoint: 'not a url' }, '"introspectionEndpoint"'],
    [
      'a mistyped option',
      { cach: {} },
      'introspect: unknown option "cach"; known options: serveResourceMetadata, global, authorizer, ',
    ],
    ["a mistyped option of the plugin's own", { gloabl: true }, 'introspect: unknown option "gloabl"; known options: '],
    ['an invalid authorizer', { authorizer: {} }, 'introspect: "authorizer" must be an Authorizer'],
    [
      'an option beside the authorizer',
      { authorizer: () => fail(''), realm: 'x' },
      'introspect: "realm" cannot be combined with "authorizer"',
    ],
  ])('is rejected at register with %s', async (name, bad, message) => {
    const all = name === 'no server' || 'authorizer' in bad ? bad : { ...options(), ...bad };
    await expect(app.register(introspect, all as IntrospectOptions)).rejects.toThrow(message);
    expect(server.requests).toHaveLength(0);
  });

  it('is rejected with an error that names an inherited option, such as a getter of its class', async () => {
    class Inherits {
      readonly global = true;
      get audience() {
        return 'my-api';
      }
    }
    const registered = app.register(introspect, Object.assign(new Inherits(), options()));
    await expect(registered).rejects.toThrow('Authorizer: "audience" is inherited');
  });

  it('is not changed', async () => {
    const given = Object.freeze({ ...options(), global: true, errorBody: () => ({}) });
    await app.register(introspect, given);
    countingRoute('/me');
    expect((await send('/me', good)).status).toBe(200);
  });

  it.each<[string, unknown, string]>([
    ['a mistyped member', { scope: 'items:read' }, 'Policy: unknown option "scope"; known options: '],
    ['scopes in one string', { scopes: 'items:read items:write' }, '"scopes"'],
    ['two scopes in one', { scopes: ['items:read items:write'] }, '"scopes'],
    ['roles without rolesOf', { anyRole: ['admin'] }, '"rolesOf"'],
    ['no roles', { anyRole: [] }, '"anyRole"'],
    ['an age that is not a number', { maxAuthenticationAgeSeconds: '300' }, '"maxAuthenticationAgeSeconds"'],
  ])('rejects a policy where the route is declared: %s', async (_, policy, message) => {
    await app.register(introspect, options());
    expect(() => app.requireToken(policy as Policy)).toThrow(message);
  });
});

it('a guard ends its introspection request when the caller hangs up', async () => {
  await app.register(introspect, { ...options(), timeoutMs: 60_000 });
  const handler = countingRoute('/me');
  const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }));
  server.next(hangBeforeHeaders());
  const socket = connect(Number(port), '127.0.0.1');
  socket.write('GET /me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n\r\n');
  const introspection = await server.introspection(1);
  socket.destroy();
  await introspection.over;
  expect(handler).not.toHaveBeenCalled();
});

describe('serveResourceMetadata', () => {
  const resource = 'https://api.example.com/v1';
  const document = () => ({
    resource,
    authorization_servers: [server.origin],
    bearer_methods_supported: ['header'],
  });
  const withResource = () => ({ issuer: server.origin, clientId: 'api', clientSecret: 'secret', resource });

  it.each([false, true])('serves the document without a token, global: %s', async (global) => {
    await app.register(introspect, { ...withResource(), global, serveResourceMetadata: true });
    const response = await send('/.well-known/oauth-protected-resource/v1');
    expect(response).toEqual({ status: 200, challenge: undefined, body: document() });
    expect(server.requests).toHaveLength(0);
  });

  it('serves no document by default', async () => {
    await app.register(introspect, withResource());
    expect((await send('/.well-known/oauth-protected-resource/v1')).status).toBe(404);
  });

  it('responds to HEAD as to GET', async () => {
    await app.register(introspect, { ...withResource(), global: true, serveResourceMetadata: true });
    const origin = await app.listen({ port: 0, host: '127.0.0.1' });
    const response = await sendRequest(origin, { method: 'HEAD', path: '/.well-known/oauth-protected-resource/v1' });
    expect(response).toMatchObject({ status: 200, body: '' });
  });

  it('throws at register without resource', async () => {
    await expect(app.register(introspect, { ...options(), serveResourceMetadata: true })).rejects.toThrow('"resource"');
  });

  it('throws at register if a function chooses the authorizer', async () => {
    const authorizer = () => new Authorizer(withResource());
    await expect(app.register(introspect, { authorizer, serveResourceMetadata: true })).rejects.toThrow(
      '"serveResourceMetadata"',
    );
  });
});
