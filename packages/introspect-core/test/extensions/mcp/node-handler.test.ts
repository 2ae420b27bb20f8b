import { once } from 'node:events';
import { createServer, type IncomingMessage, request as nodeRequest, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import express from 'express';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type McpAuthorizedRequest,
  type McpGateOptions,
  type McpNodeListener,
  type McpPolicy,
  mcpGate,
  toNodeHandler,
} from '../../../src/extensions/mcp/mcp.js';
import { Authorizer } from '../../../src/index.js';

let issuer: ScriptedServer;
const closing: (() => void)[] = [];
beforeEach(async () => {
  issuer = await startScriptedServer();
  issuer.tokens.set('reader', { sub: 'mickey', scope: 'read' });
  issuer.tokens.set('writer', { sub: 'minnie', scope: 'read write' });
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of closing.splice(0)) close();
  await issuer.close();
});

function gateWith(policy: McpPolicy = byMethod, options: McpGateOptions = {}) {
  const authorizer = new Authorizer({
    issuer: issuer.origin,
    clientId: 'api',
    clientSecret: 'secret',
    resource: 'http://127.0.0.1/mcp',
    log: false,
  });
  return mcpGate(authorizer, policy, { anyAudience: true, ...options });
}

const byMethod: McpPolicy = (message) => ({ scopes: message?.method === 'tools/call' ? ['write'] : ['read'] });

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Serves a listener, and returns its origin. */
async function serve(listener: Listener): Promise<string> {
  const server = createServer((request, response) => void listener(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(
    () => void server.close(),
    () => server.closeAllConnections(),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const post = (origin: string, token: string | undefined, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${origin}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

/** Responds with what it has got. */
const echo: McpNodeListener = ({ auth }, response, body) => response.end(JSON.stringify({ token: auth?.token, body }));

describe.each<[string, (gate: ReturnType<typeof gateWith>) => Listener]>([
  ['node:http', (gate) => toNodeHandler(gate, echo)],
  ['Express', (gate) => express().all('/mcp', toNodeHandler(gate, echo))],
  ['Express with express.json()', (gate) => express().use(express.json()).all('/mcp', toNodeHandler(gate, echo))],
  [
    'Express, as middleware',
    (gate) =>
      express()
        .use(toNodeHandler(gate))
        .all(
          '/mcp',
          (request, response) => void echo(request as object as McpAuthorizedRequest, response, request.body),
        ),
  ],
])('toNodeHandler on %s', (_, listenerOf) => {
  it('gives the handler request.auth and the parsed body, which the gate has read', async () => {
    const origin = await serve(listenerOf(gateWith()));
    const message = { method: 'tools/list', params: { cursor: 'ä' }, id: 1 };
    expect(await (await post(origin, 'reader', message)).json()).toEqual({ token: 'reader', body: message });
    expect((await post(origin, 'reader', { method: 'tools/call' })).status).toBe(403);
    expect((await post(origin, 'writer', [{ method: 'tools/call' }, message])).status).toBe(200);
  });

  it('sends the response of the gate with its header fields', async () => {
    const response = await post(await serve(listenerOf(gateWith())), undefined, { method: 'tools/call' });
    expect(response.headers.get('content-length')).toBe('2');
    expect([response.status, response.headers.get('www-authenticate'), response.headers.get('cache-control')]).toEqual([
      401,
      'Bearer scope="write", resource_metadata="http://127.0.0.1/.well-known/oauth-protected-resource/mcp"',
      'no-store',
    ]);
    expect(await response.json()).toEqual({});
  });

  it('has no auth for a request without a token that an optional policy accepts', async () => {
    const origin = await serve(listenerOf(gateWith(() => ({ optional: true }))));
    expect(await (await post(origin, undefined, { method: 'ping' })).json()).toEqual({ body: { method: 'ping' } });
  });

  it('rejects two Authorization fields', async () => {
    const { port } = new URL(await serve(listenerOf(gateWith())));
    const headers = ['Host', 'a', 'Authorization', 'Bearer reader', 'Authorization', 'Bearer writer'];
    const sent = nodeRequest({ port, path: '/mcp', headers: headers as never }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(400);
    response.resume();
  });

  it('runs no handler for a body that is no message, such as one that is compressed', async () => {
    const origin = await serve(listenerOf(gateWith()));
    expect((await post(origin, 'writer', '{"method":', { 'content-type': 'text/plain' })).status).toBe(400);
    expect((await post(origin, 'writer', { method: ['tools/call'] })).status).toBe(400);
  });
});

describe('toNodeHandler', () => {
  it('removes an auth that another middleware has set, if there is no token', async () => {
    const other: express.RequestHandler = (request, _, next) => {
      Object.assign(request, { auth: { token: 'forged' } });
      next();
    };
    const listed: McpNodeListener = (request, response) => response.end(JSON.stringify('auth' in request));
    const app = express().use(other, toNodeHandler(gateWith({ optional: true }), listed));
    expect(await (await post(await serve(app), undefined, {})).json()).toBe(false);
    expect(await (await post(await serve(app), 'reader', {})).json()).toBe(true);
  });

  it('responds 413 to a body that is too large, and closes the connection', async () => {
    const handler = vi.fn(echo);
    const gate = gateWith(byMethod, { maxBodyBytes: 100 });
    const { port } = new URL(await serve(toNodeHandler(gate, handler)));
    const socket = connect(Number(port), '127.0.0.1');
    closing.push(() => socket.destroy());
    const head = 'POST /mcp HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer writer\r\nContent-Length: 1000000\r\n\r\n';
    socket.write(head + ' '.repeat(1000));
    let received = '';
    for await (const chunk of socket) received += chunk;
    expect(received).toMatch(/^HTTP\/1\.1 413 .*connection: close.*-32000/is);
    expect(handler).not.toHaveBeenCalled();
  });

  it('leaves the body to the handler for a policy of all requests', async () => {
    const read: Listener = async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      response.end(text);
    };
    const origin = await serve(toNodeHandler(gateWith({ scopes: ['read'] }), read));
    expect(await (await post(origin, 'reader', 'anything')).text()).toBe('anything');
  });

  it('serves the RFC 9728 document to node:http and to Express, whose routers shorten the URL', async () => {
    const path = '/.well-known/oauth-protected-resource/mcp';
    const app = express().use('/.well-known', toNodeHandler(gateWith()));
    for (const listener of [toNodeHandler(gateWith(), echo), app]) {
      const response = await fetch(`${await serve(listener)}${path}`);
      expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([200, '*']);
      expect(await response.json()).toMatchObject({ resource: 'http://127.0.0.1/mcp' });
      const origin = await serve(listener);
      expect((await fetch(`${origin}${path}`, { method: 'HEAD' })).status).toBe(200);
    }
  });

  it.each([new RangeError('mine'), undefined, 'route'])(
    'passes an error of the app to next, never as a success: %s',
    async (thrown) => {
      const handler = vi.fn(echo);
      const check = () => Promise.reject(thrown);
      const app = express();
      app.all('/mcp', toNodeHandler(gateWith({ check }), handler));
      app.all('/mcp', (_, response) => void response.end('unguarded'));
      app.use(
        (_error: unknown, __: unknown, response: express.Response, ___: unknown) => void response.sendStatus(500),
      );
      expect((await post(await serve(app), 'reader', {})).status).toBe(500);
      expect(handler).not.toHaveBeenCalled();
    },
  );

  it('passes an error of the app to next as it is, and a thrown primitive as an error that names it', async () => {
    const fault = new RangeError('mine');
    for (const [thrown, expected] of [
      [fault, fault],
      [null, new Error('A function of the app threw null instead of an error')],
      ['route', new Error('A function of the app threw route instead of an error')],
    ]) {
      const passed = vi.fn();
      const app = express();
      app.all('/mcp', toNodeHandler(gateWith({ check: () => Promise.reject(thrown) }), vi.fn(echo)));
      app.use((error: unknown, _: unknown, response: express.Response, __: unknown) => {
        passed(error);
        response.sendStatus(500);
      });
      await post(await serve(app), 'reader', {});
      expect(passed.mock.calls).toEqual([[expected]]);
      if (thrown === fault) expect(passed.mock.calls[0]?.[0]).toBe(fault);
    }
  });

  it('prints an error of the app, and responds 500, without next', async () => {
    const print = vi.spyOn(console, 'error').mockImplementation(() => {});
    const error = new RangeError('mine');
    const failing = toNodeHandler(gateWith({ scopes: ['read'] }), () => Promise.reject(error));
    const response = await post(await serve(failing), 'reader', {});
    expect([response.status, await response.json()]).toEqual([500, { error: 'server_error' }]);
    expect(print.mock.calls).toEqual([[error]]);
  });

  it('says that it has no handler, on node:http', async () => {
    const print = vi.spyOn(console, 'error').mockImplementation(() => {});
    expect((await post(await serve(toNodeHandler(gateWith({}))), 'reader', {})).status).toBe(500);
    expect(String(print.mock.calls)).toContain('pass a handler as the second argument');
  });

  it('ends a response that has begun when the handler fails', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const failing = toNodeHandler(gateWith({ scopes: ['read'] }), (_, response) => {
      response.writeHead(200);
      response.write('a part');
      throw new RangeError('mine');
    });
    expect(await (await post(await serve(failing), 'reader', {})).text()).toBe('a part');
  });

  it('neither runs the handler nor prints for a caller who has hung up', async () => {
    const print = vi.spyOn(console, 'error').mockImplementation(() => {});
    const handler = vi.fn(echo);
    issuer.always(() => {}); // never responds
    let ended: Promise<void> | undefined;
    const listener = toNodeHandler(gateWith({ scopes: ['read'] }), handler);
    const { port } = new URL(
      await serve((request, response) => {
        ended = listener(request, response);
      }),
    );
    const socket = connect(Number(port), '127.0.0.1');
    socket.write('POST /mcp HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer reader\r\nContent-Length: 0\r\n\r\n');
    await issuer.introspection(1);
    socket.destroy();
    await ended;
    expect([handler.mock.calls, print.mock.calls]).toEqual([[], []]);
  });

  it('neither runs the handler nor prints for a caller who hangs up within the body', async () => {
    const print = vi.spyOn(console, 'error').mockImplementation(() => {});
    const handler = vi.fn(echo);
    let arrived: () => void = () => {};
    const started = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    let ended: Promise<void> | undefined;
    const listener = toNodeHandler(gateWith(), handler);
    const { port } = new URL(
      await serve((request, response) => {
        ended = listener(request, response);
        arrived();
      }),
    );
    const socket = connect(Number(port), '127.0.0.1');
    socket.write('POST /mcp HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer reader\r\nContent-Length: 100\r\n\r\n{');
    await started;
    socket.destroy();
    await ended;
    expect([handler.mock.calls, print.mock.calls]).toEqual([[], []]);
  });
});
