import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  hangBeforeHeaders,
  inactive,
  type ScriptedServer,
  sendRequest,
  startScriptedServer,
} from '@acme/introspect-testing';
import cookie from '@fastify/cookie';
import session from '@fastify/session';
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyServerOptions,
  type onRequestHookHandler,
} from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Authorizer, type IntrospectOptions, introspect, type Policy } from '../src/index.js';

let server: ScriptedServer;
let app: FastifyInstance;
let uncaught: unknown[];
const keepUncaught = (error: unknown) => void uncaught.push(error);
beforeEach(async () => {
  uncaught = [];
  process.on('uncaughtException', keepUncaught);
  process.on('unhandledRejection', keepUncaught);
  server = await startScriptedServer();
  server.tokens.set('good', { sub: 'mickey' });
});
afterEach(async () => {
  await app.close();
  await server.close();
  process.off('uncaughtException', keepUncaught);
  process.off('unhandledRejection', keepUncaught);
});

const options = () => ({
  introspectionEndpoint: server.introspectionEndpoint,
  clientId: 'api',
  clientSecret: 'secret',
  retry: { attempts: 1 },
});

/** Waits until all work that is ready to run has run. */
async function settle() {
  for (let i = 0; i < 10; i++) await new Promise(setImmediate);
}

const portOf = () => (app.server.address() as AddressInfo).port;

describe('a caller who hangs up while an onSend hook holds back the rejection', () => {
  const phases = ['onRequest', 'preHandler', 'global'] as const;
  const requests = ['GET without a body', 'POST with a JSON body'] as const;
  const hooks = ['async', 'callback'] as const;
  const versions = ['HTTP/1.1', 'HTTP/2'] as const;
  const rejections: Record<string, { options?: Partial<IntrospectOptions>; policy?: Policy; token?: string }> = {
    'no token': {},
    'an inactive token': { token: 'bad' },
    'an errorBody': { token: 'bad', options: { errorBody: () => ({ own: true }) } },
    'an errorBody that throws': {
      options: {
        errorBody: () => {
          throw new Error('errorBody is broken');
        },
      },
    },
    'a check that throws': {
      token: 'good',
      policy: {
        check: () => {
          throw new Error('check is broken');
        },
      },
    },
  };
  const cases = versions.flatMap((version) =>
    hooks.flatMap((hook) =>
      phases.flatMap((phase) =>
        requests.flatMap((request) =>
          Object.keys(rejections)
            .filter((rejection) => !(phase === 'global' && rejection === 'a check that throws'))
            .map((rejection) => ({ version, hook, phase, request, rejection })),
        ),
      ),
    ),
  );

  /** Starts an app. Its onSend hook holds back the first reply until `release` is called. */
  async function start({ version, hook, phase, rejection }: (typeof cases)[number]) {
    const { options: more, policy } = rejections[rejection] ?? {};
    app = (version === 'HTTP/2' ? Fastify({ http2: true }) : Fastify()) as unknown as FastifyInstance;
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let hold: (reply: FastifyReply) => void = () => {};
    const held = new Promise<Pick<FastifyReply, 'raw'>>((resolve) => {
      hold = ({ raw }) => resolve({ raw });
    });
    if (hook === 'async') {
      app.addHook('onSend', async (_, reply) => {
        hold(reply);
        await released;
      });
    } else {
      app.addHook('onSend', (_, reply, __, done) => {
        hold(reply);
        released.then(() => done());
      });
    }
    await app.register(introspect, { ...options(), ...more, global: phase === 'global' });
    const handler = vi.fn(async () => ({ handled: true }));
    app.route({
      method: ['GET', 'POST'],
      url: '/me',
      ...(phase !== 'global' && { [phase]: app.requireToken(policy) }),
      handler,
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    return { handler, held, release };
  }

  /** Sends the request, and returns a function that hangs up. */
  function send({ version, request, rejection }: (typeof cases)[number]): () => void {
    const { token } = rejections[rejection] ?? {};
    const body = request.startsWith('POST') ? '{"a":1}' : '';
    const method = request.startsWith('POST') ? 'POST' : 'GET';
    const fields = {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== '' && { 'content-type': 'application/json', 'content-length': String(body.length) }),
    };
    if (version === 'HTTP/2') {
      const client = connectHttp2(`http://127.0.0.1:${portOf()}`);
      client.on('error', () => {});
      const stream = client.request({ ':path': '/me', ':method': method, ...fields }, { endStream: body === '' });
      stream.on('error', () => {});
      if (body !== '') stream.end(body);
      return () => {
        stream.close(8, () => client.destroy());
      };
    }
    const socket = connect(portOf(), '127.0.0.1');
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`${method} /me HTTP/1.1\r\nHost: a\r\n${lines.join('')}\r\n${body}`);
    return () => socket.destroy();
  }

  it.each(cases)('never reaches the handler: $version, $hook hook, $phase, $request, $rejection', async (each) => {
    const { handler, held, release } = await start(each);
    const hangUp = send(each);
    const { raw } = await held;
    const closed = once(raw, 'close');
    hangUp();
    await closed;
    await settle();
    release();
    await settle();
    expect(handler).not.toHaveBeenCalled();
    expect(uncaught).toEqual([]);
  });
});

describe('a caller who has hung up before the request is rejected', () => {
  const errors = {
    'a check that returns false': () => false,
    'a check that throws': () => {
      throw new Error('check is broken');
    },
  };
  it.each(Object.keys(errors))('never reaches the handler: %s', async (name) => {
    app = Fastify();
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const closed = new Promise<void>((resolve) => {
      app.addHook('onRequest', async (_, reply) => void reply.raw.once('close', resolve));
    });
    const sent = vi.fn();
    app.addHook('onSend', (_, __, ___, done) =>
      setImmediate(() => {
        sent();
        done();
      }),
    );
    await app.register(introspect, options());
    const checked = vi.fn();
    const check = async () => {
      checked();
      await released;
      return errors[name as keyof typeof errors]();
    };
    const handler = vi.fn(async () => ({}));
    app.get('/me', { onRequest: app.requireToken({ check }) }, handler);
    await app.listen({ port: 0, host: '127.0.0.1' });
    const socket = connect(portOf(), '127.0.0.1');
    socket.write('GET /me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n\r\n');
    await vi.waitFor(() => expect(checked).toHaveBeenCalledOnce(), 60_000);
    socket.destroy();
    await closed;
    release();
    await vi.waitFor(() => expect(sent).toHaveBeenCalledOnce(), 60_000);
    await settle();
    expect(handler).not.toHaveBeenCalled();
    expect(uncaught).toEqual([]);
  });
});

describe('with @fastify/session on a slow store', () => {
  it('lets no caller who hangs up at a random moment reach the handler', async () => {
    const hangUps = 400;
    let pending = 0;
    const sessions = new Map<string, unknown>();
    const later = (done: () => void) => {
      pending++;
      setTimeout(() => {
        pending--;
        done();
      }, 3);
    };
    const store = {
      set: (id: string, value: unknown, done: (error?: unknown) => void) =>
        later(() => {
          sessions.set(id, value);
          done();
        }),
      get: (id: string, done: (error: unknown, value?: never) => void) =>
        later(() => done(null, sessions.get(id) as never)),
      destroy: (_: string, done: (error?: unknown) => void) => later(() => done()),
    };
    app = Fastify({ forceCloseConnections: true });
    await app.register(cookie);
    await app.register(session, { secret: 'a secret of at least 32 characters', cookie: { secure: false }, store });
    await app.register(introspect, options());
    const handler = vi.fn(async () => ({ handled: true }));
    app.get('/me', { onRequest: app.requireToken() }, handler);
    const origin = await app.listen({ port: 0, host: '127.0.0.1' });
    for (let sent = 0; sent < hangUps; sent += 50) {
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          const socket = connect(portOf(), '127.0.0.1');
          socket.on('error', () => {});
          const closed = once(socket, 'close');
          socket.write('GET /me HTTP/1.1\r\nHost: a\r\n\r\n');
          setTimeout(() => socket.destroy(), Math.random() * 8);
          await closed;
        }),
      );
    }
    expect(await sendRequest(origin, { path: '/me' })).toMatchObject({ status: 401 });
    await vi.waitFor(() => expect(pending).toBe(0), 60_000);
    expect(handler).not.toHaveBeenCalled();
    expect(uncaught).toEqual([]);
    const fields = [['Authorization', 'Bearer good']] as const;
    expect(await sendRequest(origin, { path: '/me', fields })).toMatchObject({ status: 200 });
  }, 60_000);
});

describe('over HTTP/2', () => {
  it('lets none of 20 streams that are reset on one connection reach the handler', async () => {
    app = Fastify({ http2: true }) as unknown as FastifyInstance;
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const closed: Promise<unknown>[] = [];
    app.addHook('onSend', async (_, reply) => {
      closed.push(once(reply.raw, 'close'));
      await released;
    });
    await app.register(introspect, options());
    const handler = vi.fn(async () => ({}));
    app.get('/me', { onRequest: app.requireToken() }, handler);
    await app.listen({ port: 0, host: '127.0.0.1' });
    const client: ClientHttp2Session = connectHttp2(`http://127.0.0.1:${portOf()}`);
    const streams = Array.from({ length: 20 }, () => client.request({ ':path': '/me' }).on('error', () => {}));
    await vi.waitFor(() => expect(closed).toHaveLength(20), 60_000);
    for (const stream of streams) stream.close(8);
    await Promise.all(closed);
    await settle();
    release();
    await settle();
    expect(handler).not.toHaveBeenCalled();
    expect(uncaught).toEqual([]);
    client.destroy();
  });
});

describe("a rejection inside a hook of the app's own", () => {
  it.each(['no token', 'an inactive token'])('does not return to that hook: %s', async (rejection) => {
    app = Fastify();
    await app.register(introspect, options());
    const requireToken = app.requireToken();
    const afterwards = vi.fn();
    const handler = vi.fn(async () => ({}));
    const hook = async (...[request, reply]: Parameters<typeof requireToken>) => {
      await requireToken(request, reply);
      afterwards();
    };
    app.get('/me', { onRequest: hook as never }, handler);
    const authorization = (token: string) => ({ authorization: `Bearer ${token}` });
    const headers = rejection === 'no token' ? {} : authorization('bad');
    expect((await app.inject({ url: '/me', headers })).statusCode).toBe(401);
    await settle();
    expect(afterwards).not.toHaveBeenCalled();
    expect(handler).not.toHaveBeenCalled();
    expect((await app.inject({ url: '/me', headers: authorization('good') })).statusCode).toBe(200);
    expect(afterwards).toHaveBeenCalledOnce();
  });
});

describe("a hook of the app's own with done", () => {
  const authorization = (token: string) => ({ authorization: `Bearer ${token}` });
  const phases = ['onRequest', 'preHandler'] as const;

  async function start(phase: (typeof phases)[number], policy?: Policy) {
    app = Fastify();
    await app.register(introspect, options());
    const requireToken = app.requireToken(policy);
    const done = vi.fn();
    const handler = vi.fn(async () => ({}));
    const hook: onRequestHookHandler = (request, reply, next) => {
      requireToken(request, reply, (error) => {
        done(error);
        next(error);
      });
    };
    app.get('/me', { [phase]: hook }, handler);
    return { done, handler };
  }

  it.each(phases)('goes on after a token was introspected: %s', async (phase) => {
    const { done, handler } = await start(phase);
    expect((await app.inject({ url: '/me', headers: authorization('good') })).statusCode).toBe(200);
    expect(done).toHaveBeenCalledExactlyOnceWith(undefined);
    expect(handler).toHaveBeenCalledOnce();
    expect(uncaught).toEqual([]);
  });

  it.each(phases)('does not go on after a rejection: %s', async (phase) => {
    const { done, handler } = await start(phase);
    expect((await app.inject({ url: '/me' })).statusCode).toBe(401);
    expect((await app.inject({ url: '/me', headers: authorization('bad') })).statusCode).toBe(401);
    await settle();
    expect(done).not.toHaveBeenCalled();
    expect(handler).not.toHaveBeenCalled();
    expect(uncaught).toEqual([]);
  });

  const thrown = { 'an error': new Error('broken'), 'a text': 'broken', undefined: undefined, zero: 0 };
  const checks: Record<string, (value: unknown) => Policy['check']> = {
    throws: (value) => () => {
      throw value;
    },
    'rejects with': (value) => async () => {
      await settle();
      throw value;
    },
  };
  it.each(Object.keys(thrown).flatMap((value) => Object.keys(checks).map((check) => [check, value])))(
    'gets an error if a check %s %s',
    async (check, name) => {
      const value = thrown[name as keyof typeof thrown];
      const { done, handler } = await start('onRequest', { check: checks[check as string]?.(value) as () => never });
      expect((await app.inject({ url: '/me', headers: authorization('good') })).statusCode).toBe(500);
      expect(done).toHaveBeenCalledExactlyOnceWith(value || expect.any(Error));
      expect(handler).not.toHaveBeenCalled();
      expect(uncaught).toEqual([]);
    },
  );
});

describe("a rejection after Fastify's handlerTimeout", () => {
  const deny = () => false;
  const fail = () => {
    throw new Error('broken');
  };
  const errorBodies = { none: undefined, 'one of its own': () => ({ own: true }), 'one that throws': fail };
  it.each<[string, check: () => boolean, errorBody: keyof typeof errorBodies]>([
    ['a check that returns false', deny, 'none'],
    ['a check that returns false, and an errorBody', deny, 'one of its own'],
    ['a check that returns false, and an errorBody that throws', deny, 'one that throws'],
    ['a check that throws', fail, 'none'],
  ])('sends no second response: %s', async (_, check, errorBody) => {
    app = Fastify({ handlerTimeout: 50 });
    const timedOut = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const sent = vi.fn();
    app.addHook('onSend', (_, __, ___, done) => {
      sent();
      timedOut.resolve();
      released.promise.then(() => done());
    });
    await app.register(introspect, {
      ...options(),
      ...(errorBodies[errorBody] && { errorBody: errorBodies[errorBody] }),
    });
    const checkLater = async () => {
      await timedOut.promise;
      return check();
    };
    const handler = vi.fn(async () => ({}));
    app.get('/me', { onRequest: app.requireToken({ check: checkLater }) }, handler);
    const origin = await app.listen({ port: 0, host: '127.0.0.1' });
    const response = sendRequest(origin, { path: '/me', fields: [['Authorization', 'Bearer good']] });
    await timedOut.promise;
    await settle();
    released.resolve();
    expect(await response).toMatchObject({ status: 503 });
    await settle();
    expect(sent).toHaveBeenCalledOnce();
    expect(handler).not.toHaveBeenCalled();
    expect(uncaught).toEqual([]);
  });

  it('is sent as usual if the time is not over, also after a body was read', async () => {
    app = Fastify({ handlerTimeout: 60_000 });
    await app.register(introspect, options());
    app.post('/me', { preHandler: app.requireToken() }, async () => ({}));
    const origin = await app.listen({ port: 0, host: '127.0.0.1' });
    const response = await fetch(`${origin}/me`, {
      method: 'POST',
      headers: { authorization: 'Bearer bad', 'content-type': 'application/json' },
      body: '{"a":1}',
    });
    expect(response.status).toBe(401);
  });
});

describe('a caller who hangs up while its token is being introspected', () => {
  it.each<[string, { errorBody?: () => object }]>([
    ['without errorBody', {}],
    ['with errorBody', { errorBody: vi.fn(() => ({})) }],
  ])('causes no error, no log line of level error and no 500: %s', async (_, more) => {
    const lines: { level: number }[] = [];
    const stream = { write: (line: string) => void lines.push(JSON.parse(line)) };
    app = Fastify({ logger: { level: 'warn', stream } } as FastifyServerOptions);
    const aborted = vi.fn();
    app.addHook('onRequestAbort', async (_request) => aborted()); // Fastify counts the parameters
    const failed = vi.fn();
    app.addHook('onError', async () => failed());
    await app.register(introspect, { ...options(), ...more, timeoutMs: 60_000 });
    const handler = vi.fn(async () => ({}));
    app.get('/me', { onRequest: app.requireToken() }, handler);
    await app.listen({ port: 0, host: '127.0.0.1' });
    for (let number = 1; number <= 10; number++) {
      server.next(hangBeforeHeaders());
      const socket = connect(portOf(), '127.0.0.1');
      socket.write(`GET /me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer token-${number}\r\n\r\n`);
      const introspection = await server.introspection(number);
      socket.destroy();
      await introspection.over;
    }
    await vi.waitFor(() => expect(aborted).toHaveBeenCalledTimes(10), 60_000);
    await settle();
    expect(lines).toEqual([]);
    expect(failed).not.toHaveBeenCalled();
    expect(more.errorBody ?? vi.fn()).not.toHaveBeenCalled();
    expect(handler).not.toHaveBeenCalled();
    expect(uncaught).toEqual([]);
    await app.close(); // waits for all connections, but must not wait for hooks that never resolve
  });

  it('causes no 500 over HTTP/2 either', async () => {
    app = Fastify({ http2: true }) as unknown as FastifyInstance;
    const failed = vi.fn();
    app.addHook('onError', async () => failed());
    await app.register(introspect, { ...options(), timeoutMs: 60_000 });
    app.get('/me', { onRequest: app.requireToken() }, async () => ({}));
    await app.listen({ port: 0, host: '127.0.0.1' });
    server.next(hangBeforeHeaders());
    const client = connectHttp2(`http://127.0.0.1:${portOf()}`);
    const stream = client.request({ ':path': '/me', authorization: 'Bearer good' }).on('error', () => {});
    const introspection = await server.introspection(1);
    stream.close(8);
    await introspection.over;
    await settle();
    expect(failed).not.toHaveBeenCalled();
    client.close();
    await app.close();
  });
});

it('a check that throws an AbortError causes a 500 when the caller has not hung up', async () => {
  app = Fastify();
  const errors: unknown[] = [];
  app.setErrorHandler((error, _, reply) => {
    errors.push((error as Error).name);
    return reply.code(500).send({});
  });
  await app.register(introspect, options());
  const check = () => {
    throw new DOMException('mine', 'AbortError');
  };
  app.get('/me', { onRequest: app.requireToken({ check }) }, async () => ({}));
  const response = await app.inject({ url: '/me', headers: { authorization: 'Bearer good' } });
  expect(response.statusCode).toBe(500);
  expect(errors).toEqual(['AbortError']);
});

describe('ten thousand rejections', () => {
  it('keep no memory in use', async () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    app = Fastify({ forceCloseConnections: true });
    const seen: WeakRef<object>[] = [];
    app.addHook('onRequest', async (request) => void seen.push(new WeakRef(request)));
    const authorizer = new Authorizer({ ...options(), cache: { maxAgeSeconds: 60, inactiveMaxAgeSeconds: 60 } });
    const sources = { '/at-once': authorizer, '/later': async () => authorizer };
    for (const [path, source] of Object.entries(sources)) {
      await app.register(async (child) => {
        await child.register(introspect, { authorizer: source });
        child.get(path, { onRequest: child.requireToken() }, async () => ({}));
      });
    }
    await app.listen({ port: 0, host: '127.0.0.1' });
    server.always(inactive());
    const agent = new Agent({ keepAlive: true, maxSockets: 20 });
    const send = (path: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = { authorization: 'Bearer bad' };
        const request = httpRequest({ host: '127.0.0.1', port: portOf(), path, agent, headers }, (response) => {
          response.resume().once('end', () => resolve(response.statusCode));
        });
        request.once('error', reject).end();
      });
    for (let sent = 0; sent < 10_000; sent += 100) {
      const statuses = await Promise.all(Array.from({ length: 100 }, (_, i) => send(i < 50 ? '/at-once' : '/later')));
      expect(new Set(statuses)).toEqual(new Set([401]));
    }
    agent.destroy();
    expect(seen).toHaveLength(10_000);
    const retained = () => seen.filter((each) => each.deref() !== undefined).length;
    for (let round = 0; round < 20 && retained() > 100; round++) {
      await new Promise(setImmediate); // a WeakRef holds its object until the end of the turn
      collect();
    }
    expect(retained()).toBeLessThanOrEqual(100);
  }, 120_000);
});
