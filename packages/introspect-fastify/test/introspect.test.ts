import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import {
  hangBeforeHeaders,
  inactive,
  respond,
  type ScriptedServer,
  sendRequest,
  startScriptedServer,
} from '@acme/introspect-testing';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import introspectByDefault, {
  Authorizer,
  type AuthorizerError,
  InsufficientScopeError,
  type IntrospectOptions,
  introspect,
  introspectionOf,
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

/** What the app answers to an injected request. */
async function ask(url: string, headers: Record<string, string | string[]> = {}) {
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

  it('is null for a later hook of a request that was refused', async () => {
    await app.register(introspect, options());
    const seen: unknown[] = [];
    app.addHook('onResponse', async (request) => void seen.push(request.introspection));
    countingRoute('/me');
    countingRoute('/items', { scopes: ['items:write'] });
    await ask('/me');
    await ask('/items', good);
    expect(seen).toEqual([null, null]);
  });

  it('belongs to one request: the next one begins with null', async () => {
    await app.register(introspect, options());
    countingRoute('/optional', { optional: true });
    expect((await ask('/optional', good)).body).toEqual({ sub: 'mickey' });
    expect((await ask('/optional')).body).toEqual({ sub: null });
  });
});

describe('introspectionOf', () => {
  it('gives the token of a guarded route', async () => {
    await app.register(introspect, options());
    app.get('/me', { onRequest: app.requireToken() }, async (request) => introspectionOf(request));
    expect(await ask('/me', good)).toMatchObject({ status: 200, body: { active: true, sub: 'mickey' } });
  });

  it('answers 500 on a route without guard, and names the route and what it lacks', async () => {
    await app.register(introspect, options());
    app.get('/open/:id', async (request) => introspectionOf(request));
    expect(await ask('/open/1', good)).toMatchObject({
      status: 500,
      body: {
        message: 'No token was accepted for /open/:id: guard it with { onRequest: app.requireToken() }',
      },
    });
    expect(server.introspections).toHaveLength(0);
  });

  it('answers 500 where an optional guard let nobody in', async () => {
    await app.register(introspect, options());
    app.get('/optional', { onRequest: app.requireToken({ optional: true }) }, async (request) =>
      introspectionOf(request),
    );
    expect((await ask('/optional')).status).toBe(500);
    expect((await ask('/optional', good)).status).toBe(200);
  });
});

describe('encapsulation', () => {
  it('guards where it was registered: a sibling has no requireToken', async () => {
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
    expect(await ask('/guarded')).toEqual(missing);
    expect((await ask('/sibling')).status).toBe(200);
    expect((await ask('/root')).status).toBe(200);
  });

  it('reaches the children of the context where it was registered', async () => {
    await app.register(introspect, options());
    await app.register(async (child) => {
      child.get('/child', { onRequest: child.requireToken() }, async () => 'ok');
    });
    expect(await ask('/child')).toEqual(missing);
  });

  it('keeps global to its context', async () => {
    await app.register(async (child) => {
      await child.register(introspect, { ...options(), global: true });
      child.get('/guarded', async () => 'ok');
    });
    app.get('/root', async () => ({ open: true }));
    expect(await ask('/guarded')).toEqual(missing);
    expect((await ask('/root')).status).toBe(200);
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
      expect((await ask('/a/me', good)).body.sub).toBe('mickey');
      expect((await ask('/b/me', good)).body.sub).toBe('minnie');
    } finally {
      await other.close();
    }
  });
});

describe('under inject', () => {
  beforeEach(() => app.register(introspect, options()));

  it('answers as over a socket', async () => {
    const handler = countingRoute('/me');
    expect(await ask('/me')).toEqual(missing);
    expect(await ask('/me', { Authorization: 'bearer  good' })).toMatchObject({ status: 200, body: { sub: 'mickey' } });
    expect(handler).toHaveBeenCalledOnce();
  });

  it('says that the body of a refusal is JSON', async () => {
    countingRoute('/me');
    expect((await app.inject('/me')).headers['content-type']).toMatch(/^application\/json(;|$)/);
  });

  it('refuses two Authorization lines', async () => {
    const handler = countingRoute('/me');
    const answer = await ask('/me', { authorization: ['Bearer good', 'Bearer good'] });
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
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

  async function askHttp2(headers: Record<string, string>) {
    const stream = session.request({ ':path': '/me', ...headers });
    const [head] = await once(stream, 'response');
    let body = '';
    for await (const chunk of stream.setEncoding('utf8')) body += chunk;
    return { status: head[':status'], challenge: head['www-authenticate'], body: JSON.parse(body) };
  }

  it('lets a good token in', async () => {
    expect(await askHttp2(good)).toEqual({ status: 200, challenge: undefined, body: { sub: 'mickey' } });
  });

  it('refuses a request without token', async () => {
    expect(await askHttp2({})).toEqual(missing);
    expect(http2.handled()).toBe(0);
  });

  it('refuses two Authorization lines, which Node would make one of', async () => {
    const body = await sendTwoLinesByHand(http2.port);
    expect(JSON.parse(body)).toMatchObject({ error: 'invalid_request' });
    expect(http2.handled()).toBe(0);
    expect(server.introspections).toHaveLength(0);
  });

  it('ends the question when the caller resets its stream', async () => {
    server.next(hangBeforeHeaders());
    const stream = session.request({ ':path': '/me', ...good });
    stream.on('error', () => {});
    const question = await server.introspection(1);
    stream.close(8);
    await question.over;
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
  throw new Error('The server closed the connection without an answer');
}

describe('global', () => {
  beforeEach(() => app.register(introspect, { ...options(), global: true }));

  it('guards every route', async () => {
    const handler = vi.fn(async () => 'ok');
    app.get('/me', handler);
    await app.register(async (child) => child.get('/child', handler));
    expect(await ask('/me')).toEqual(missing);
    expect(await ask('/child')).toEqual(missing);
    expect(handler).not.toHaveBeenCalled();
    expect((await app.inject({ url: '/child', headers: good })).statusCode).toBe(200);
  });

  it('leaves out a route with config: { public: true }, and no other value', async () => {
    app.get('/public', { config: { public: true } }, async (request) => ({ sub: request.introspection }));
    app.get('/private', { config: { public: false } }, async () => 'ok');
    app.get('/odd', { config: { public: 'yes' as unknown as boolean } }, async () => 'ok');
    expect(await ask('/public', { authorization: 'Bearer' })).toMatchObject({ status: 200, body: { sub: null } });
    expect(await ask('/private')).toEqual(missing);
    expect(await ask('/odd')).toEqual(missing);
  });

  it('judges a policy of the route on top, with one question', async () => {
    const read = countingRoute('/read', { scopes: ['items:read'] });
    const write = countingRoute('/write', { scopes: ['items:write'] });
    expect((await ask('/read', good)).status).toBe(200);
    expect(server.introspections).toHaveLength(1);
    expect(await ask('/write', good)).toEqual(lacksScope);
    expect(server.introspections).toHaveLength(2);
    expect([read.mock.calls.length, write.mock.calls.length]).toEqual([1, 0]);
  });

  it('guards an optional route all the same', async () => {
    const handler = countingRoute('/optional', { optional: true });
    expect(await ask('/optional')).toEqual(missing);
    expect(handler).not.toHaveBeenCalled();
  });

  it('tells whoever has no token nothing of which routes there are', async () => {
    expect(await ask('/nowhere')).toEqual(missing);
    expect((await ask('/nowhere', good)).status).toBe(404);
  });
});

describe('onError', () => {
  it('gets the typed error, and may reply', async () => {
    const seen: AuthorizerError[] = [];
    await app.register(introspect, {
      ...options(),
      onError: (error, request, reply) => {
        seen.push(error);
        return reply.code(418).send({ code: error.code, url: request.url });
      },
    });
    const handler = countingRoute('/items', { scopes: ['items:write'] });
    expect(await ask('/items', good)).toMatchObject({
      status: 418,
      body: { code: 'insufficient_scope', url: '/items' },
    });
    expect(seen).toEqual([expect.any(InsufficientScopeError)]);
    expect(handler).not.toHaveBeenCalled();
  });

  it('may reply after a while', async () => {
    await app.register(introspect, {
      ...options(),
      onError: async (_, __, reply) => {
        await new Promise(setImmediate);
        reply.code(418).send({ late: true });
      },
    });
    const handler = countingRoute('/me');
    expect(await ask('/me')).toMatchObject({ status: 418, body: { late: true } });
    expect(handler).not.toHaveBeenCalled();
  });

  it('may reply without returning it, also while a hook for onSend takes its time', async () => {
    app.addHook('onSend', async (_, __, payload) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return payload;
    });
    await app.register(introspect, {
      ...options(),
      onError: (error, _, reply) => {
        reply.code(418).send({ own: error.code });
      },
    });
    const handler = countingRoute('/me');
    expect(await ask('/me')).toMatchObject({ status: 418, body: { own: 'missing_token' } });
    expect(handler).not.toHaveBeenCalled();
  });

  describe.each(['without hooks', 'with slow hooks of the app'])('takes over the reply, %s', (hooks) => {
    type OnError = NonNullable<IntrospectOptions['onError']>;
    const takeovers: Record<string, { onError: OnError; status: number; sends: number; logs?: string }> = {
      'sends and returns nothing': {
        onError: (_, __, reply) => void reply.code(418).send({ own: true }),
        status: 418,
        sends: 1,
      },
      'sends and returns the reply': {
        onError: (_, __, reply) => reply.code(418).send({ own: true }),
        status: 418,
        sends: 1,
      },
      'returns the reply and sends later': {
        onError: (_, __, reply) => {
          ticks(3).then(() => reply.code(418).send({ own: true }));
          return reply;
        },
        status: 418,
        sends: 1,
      },
      'sends after a while': {
        onError: async (_, __, reply) => {
          await new Promise(setImmediate);
          reply.code(418).send({ own: true });
        },
        status: 418,
        sends: 1,
      },
      'resolves to the reply': {
        onError: async (_, __, reply) => reply.code(418).send({ own: true }),
        status: 418,
        sends: 1,
      },
      'sends by redirect': { onError: (_, __, reply) => void reply.redirect('/login'), status: 302, sends: 1 },
      'calls callNotFound': { onError: (_, __, reply) => void reply.callNotFound(), status: 404, sends: 1 },
      'hijacks the reply': {
        onError: (_, __, reply) => {
          reply.hijack();
          reply.raw.statusCode = 418;
          ticks(3).then(() => reply.raw.end('{}'));
        },
        status: 418,
        sends: 0,
      },
      'begins to write by itself': {
        onError: (_, __, { raw }) => {
          raw.writeHead(418).write('{');
          ticks(3).then(() => raw.end('}'));
        },
        status: 418,
        sends: 0,
      },
      'sends and throws': {
        onError: (_, __, reply) => {
          reply.code(418).send({ own: true });
          return fail('onError');
        },
        status: 418,
        sends: 1,
        logs: 'onError threw after it had taken over the reply',
      },
      'sends and rejects': {
        onError: async (_, __, reply) => {
          reply.code(418).send({ own: true });
          return fail('onError');
        },
        status: 418,
        sends: 1,
        logs: 'onError threw after it had taken over the reply',
      },
    };

    it.each(Object.keys(takeovers))('if it %s: the plugin sends nothing', async (name) => {
      const { onError, status, sends, logs } = takeovers[name] ?? fail(name);
      const lines: { level: number; msg: string }[] = [];
      const stream = { write: (line: string) => void lines.push(JSON.parse(line)) };
      app = Fastify({ logger: { level: 'warn', stream } });
      const sent = vi.fn();
      if (hooks === 'with slow hooks of the app') {
        const wait = (_: unknown, __: unknown, payload: unknown) => ticks(10).then(() => payload);
        app.addHook('preSerialization', wait);
        app.addHook('onSend', wait);
      }
      app.addHook('onSend', async () => sent());
      app.setNotFoundHandler(async (_, reply) => {
        await ticks(3);
        return reply.code(404).send({});
      });
      await app.register(introspect, { ...options(), onError });
      const handler = countingRoute('/me');
      const response = await app.inject('/me');
      expect(response.statusCode).toBe(status);
      expect(response.headers['www-authenticate']).toBeUndefined();
      await ticks(50); // by now a second response would have passed all hooks
      expect(sent).toHaveBeenCalledTimes(sends);
      expect(lines.map(({ msg }) => msg)).toEqual(logs === undefined ? [] : [logs]);
      expect(handler).not.toHaveBeenCalled();
    });

    const failingSends: Record<string, OnError> = {
      'an object that is not JSON by its type': (_, __, reply) => reply.code(401).type('text/html').send({ a: 1 }),
      'such an object, asynchronously': async (_, __, reply) => {
        await new Promise(setImmediate);
        return reply.code(401).type('text/html').send({ a: 1 });
      },
      'a header with a line break': (_, __, reply) => reply.header('x', 'a\nb').send({}),
      'a number as text': (_, __, reply) => reply.type('text/plain').send(42),
    };

    it.each(Object.keys(failingSends))('with a 500, if its send throws because of %s', async (name) => {
      const onError = failingSends[name] ?? fail(name);
      app = Fastify();
      const wait = (_: unknown, __: unknown, payload: unknown) => ticks(10).then(() => payload);
      if (hooks === 'with slow hooks of the app') app.addHook('onSend', wait);
      const failed = vi.fn();
      app.addHook('onError', async () => failed());
      await app.register(introspect, { ...options(), onError });
      const handler = countingRoute('/me');
      expect((await app.inject('/me')).statusCode).toBe(500);
      expect(failed).toHaveBeenCalled();
      expect(handler).not.toHaveBeenCalled();
    });
  });

  it('takes over the reply by its first send, if a second one throws while the first one is pending', async () => {
    const lines: { msg: string }[] = [];
    const stream = { write: (line: string) => void lines.push(JSON.parse(line)) };
    app = Fastify({ logger: { level: 'warn', stream } });
    app.addHook('preSerialization', (_: unknown, __: unknown, payload: unknown) => ticks(10).then(() => payload));
    const onError: IntrospectOptions['onError'] = (_, __, reply) => {
      reply.code(418).send({ own: true });
      reply.type('text/plain').send(42);
    };
    await app.register(introspect, { ...options(), onError });
    const handler = countingRoute('/me');
    expect(await ask('/me')).toMatchObject({ status: 418, body: { own: true } });
    expect(lines.map(({ msg }) => msg)).toEqual(['onError threw after it had taken over the reply']);
    expect(handler).not.toHaveBeenCalled();
  });

  it('gets a reply that works like Fastify’s, so what it sets takes effect', async () => {
    app.decorateReply('own', null as string | null);
    const seen: unknown[] = [];
    app.addHook('onSend', async (_, reply) => void seen.push((reply as { own?: unknown }).own, reply.statusCode));
    await app.register(introspect, {
      ...options(),
      onError: (_, __, reply) => {
        Object.assign(reply, { own: 'set', statusCode: 418 });
        reply.serializer(() => '"own"').send({});
      },
    });
    countingRoute('/me');
    expect(await ask('/me')).toMatchObject({ status: 418, body: 'own' });
    expect(seen).toEqual(['set', 418]);
  });

  it('may throw what the app answers by itself', async () => {
    app.setErrorHandler((error, _, reply) => reply.code(499).send({ message: (error as Error).message }));
    await app.register(introspect, {
      ...options(),
      onError: () => {
        throw new Error('mine');
      },
    });
    const handler = countingRoute('/me');
    expect(await ask('/me')).toMatchObject({ status: 499, body: { message: 'mine' } });
    expect(handler).not.toHaveBeenCalled();
  });

  it.each([
    ['returns nothing', () => {}],
    ['returns a value', () => 'ignored'],
    ['resolves to nothing', async () => {}],
  ])('refuses the request all the same when it %s', async (_, onError) => {
    await app.register(introspect, { ...options(), onError });
    const handler = countingRoute('/me');
    expect(await ask('/me')).toEqual(missing);
    server.next(inactive());
    expect((await ask('/me', good)).status).toBe(401);
    server.next(respond({ status: 500 }));
    expect((await ask('/me', good)).status).toBe(503);
    expect(handler).not.toHaveBeenCalled();
  });

  it('is not called for what is no answer of the guard', async () => {
    const onError = vi.fn();
    await app.register(introspect, { ...options(), onError });
    countingRoute('/broken', {
      check: () => {
        throw new Error('broken');
      },
    });
    expect((await ask('/broken', good)).status).toBe(500);
    expect(onError).not.toHaveBeenCalled();
  });
});

describe('the app keeps what is its own', () => {
  it("does not let a route's response schema change the body of a refusal", async () => {
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
    expect(await ask('/items', good)).toEqual(lacksScope);
  });

  it.each<[string, Partial<IntrospectOptions>, Policy]>([
    ['rolesOf', { rolesOf: () => fail('rolesOf') }, { anyRole: ['admin'] }],
    ['check', {}, { check: () => fail('check') }],
    ['an async check', {}, { check: async () => fail('an async check') }],
  ])('hands what %s throws to its error handler, and the handler does not run', async (name, more, policy) => {
    const seen: unknown[] = [];
    app.setErrorHandler((error, _, reply) => {
      seen.push((error as Error).message);
      return reply.send(error);
    });
    await app.register(introspect, { ...options(), ...more } as IntrospectOptions);
    const handler = countingRoute('/me', policy);
    expect(await ask('/me', good)).toMatchObject({ status: 500, challenge: undefined });
    expect(seen).toEqual([`${name} is broken`]);
    expect(handler).not.toHaveBeenCalled();
  });

  it('lets the user set an error handler without a warning', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    try {
      await app.register(introspect, { ...options(), global: true });
      app.setErrorHandler((_, __, reply) => reply.code(499).send({ mine: true }));
      app.get('/broken', async () => fail('the handler'));
      expect(await ask('/broken', good)).toMatchObject({ status: 499, body: { mine: true } });
      expect(await ask('/broken')).toEqual(missing);
      expect(warn).not.toHaveBeenCalled();
    } finally {
      warn.mockRestore();
    }
  });

  it('answers before a body is read', async () => {
    await app.register(introspect, options());
    const parsed = vi.fn(async () => ({}));
    app.addContentTypeParser('text/odd', parsed);
    app.post('/items', { onRequest: app.requireToken() }, async () => 'ok');
    const post = { method: 'POST', url: '/items', payload: 'x' } as const;
    const refused = await app.inject({ ...post, headers: { 'content-type': 'text/odd' } });
    expect(refused.statusCode).toBe(401);
    expect(parsed).not.toHaveBeenCalled();
    const accepted = await app.inject({ ...post, headers: { 'content-type': 'text/odd', ...good } });
    expect(accepted.statusCode).toBe(200);
    expect(parsed).toHaveBeenCalledOnce();
  });
});

function fail(name: string): never {
  throw new Error(`${name} is broken`);
}

describe('what it takes', () => {
  it('is the default export as well', () => {
    expect(introspectByDefault).toBe(introspect);
  });

  it('is an authorizer, used as it is', async () => {
    const authorizer = new Authorizer(options());
    const decider = vi.spyOn(authorizer, 'decider');
    await app.register(introspect, { authorizer });
    countingRoute('/items', { scopes: ['items:read'] });
    expect((await ask('/items', good)).status).toBe(200);
    expect(decider).toHaveBeenCalledExactlyOnceWith({ scopes: ['items:read'] });
  });

  it.each(['at once', 'after a while'])('is a function that chooses an authorizer by the request, %s', async (when) => {
    const other = await startScriptedServer();
    try {
      other.tokens.set('good', { sub: 'minnie' });
      const tenants = new Map([
        ['a', new Authorizer(options())],
        ['b', new Authorizer({ ...options(), introspectionEndpoint: other.introspectionEndpoint })],
      ]);
      const tenantOf = (request: FastifyRequest) =>
        tenants.get(String(request.headers['x-tenant'])) ?? fail('no tenant');
      const authorizer = when === 'at once' ? tenantOf : async (request: FastifyRequest) => tenantOf(request);
      await app.register(introspect, { authorizer });
      const handler = countingRoute('/me');
      expect((await ask('/me', { ...good, 'x-tenant': 'a' })).body).toEqual({ sub: 'mickey' });
      expect((await ask('/me', { ...good, 'x-tenant': 'b' })).body).toEqual({ sub: 'minnie' });
      expect((await ask('/me', { ...good, 'x-tenant': 'c' })).status).toBe(500);
      expect(handler).toHaveBeenCalledTimes(2);
      expect([server.introspections.length, other.introspections.length]).toEqual([1, 1]);
    } finally {
      await other.close();
    }
  });

  it.each<[string, object, string]>([
    ['no server', { clientId: 'api', clientSecret: 'secret' }, 'introspectionEndpoint'],
    ['an unknown option', { introspectionUrl: 'https://a.example' }, '"introspectionUrl"'],
    ['an option of a wrong type', { clockSkewSeconds: 'x' }, '"clockSkewSeconds"'],
    ['a broken URL', { introspectionEndpoint: 'not a url' }, '"introspectionEndpoint"'],
    ['an authorizer that is none', { authorizer: {} }, '"authorizer"'],
    ['an option beside the authorizer', { authorizer: () => fail(''), realm: 'x' }, '"realm"'],
  ])('is refused at register with %s', async (name, bad, message) => {
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

  it('is never written to', async () => {
    const given = Object.freeze({ ...options(), global: true, onError: () => {} });
    await app.register(introspect, given);
    countingRoute('/me');
    expect((await ask('/me', good)).status).toBe(200);
  });

  it.each<[string, unknown, string]>([
    ['an unknown member', { scope: 'items:read' }, '"scope"'],
    ['scopes in one string', { scopes: 'items:read items:write' }, '"scopes"'],
    ['two scopes in one', { scopes: ['items:read items:write'] }, '"scopes'],
    ['roles without rolesOf', { anyRole: ['admin'] }, '"rolesOf"'],
    ['no roles', { anyRole: [] }, '"anyRole"'],
    ['an age that is no number', { maxAuthenticationAgeSeconds: '300' }, '"maxAuthenticationAgeSeconds"'],
  ])('throws where a route is declared with %s', async (_, policy, message) => {
    await app.register(introspect, options());
    expect(() => app.requireToken(policy as Policy)).toThrow(message);
  });
});

it('ends the question at the server when the caller has gone', async () => {
  await app.register(introspect, { ...options(), timeoutMs: 60_000 });
  const handler = countingRoute('/me');
  const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }));
  server.next(hangBeforeHeaders());
  const socket = connect(Number(port), '127.0.0.1');
  socket.write('GET /me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n\r\n');
  const question = await server.introspection(1);
  socket.destroy();
  await question.over;
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
    const answer = await ask('/.well-known/oauth-protected-resource/v1');
    expect(answer).toEqual({ status: 200, challenge: undefined, body: document() });
    expect(server.requests).toHaveLength(0);
  });

  it('serves nothing unless it is asked to', async () => {
    await app.register(introspect, withResource());
    expect((await ask('/.well-known/oauth-protected-resource/v1')).status).toBe(404);
  });

  it('answers HEAD like GET', async () => {
    await app.register(introspect, { ...withResource(), global: true, serveResourceMetadata: true });
    const origin = await app.listen({ port: 0, host: '127.0.0.1' });
    const answer = await sendRequest(origin, { method: 'HEAD', path: '/.well-known/oauth-protected-resource/v1' });
    expect(answer).toMatchObject({ status: 200, body: '' });
  });

  it('throws at register without resource', async () => {
    await expect(app.register(introspect, { ...options(), serveResourceMetadata: true })).rejects.toThrow('"resource"');
  });

  it('throws at register where a function chooses among several', async () => {
    const authorizer = () => new Authorizer(withResource());
    await expect(app.register(introspect, { authorizer, serveResourceMetadata: true })).rejects.toThrow(
      '"serveResourceMetadata"',
    );
  });
});
