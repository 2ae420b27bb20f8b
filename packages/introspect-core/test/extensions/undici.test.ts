import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import {
  active,
  hangBeforeHeaders,
  hangInBody,
  respond,
  type ScriptedResponse,
  type ScriptedServer,
  startScriptedServer,
} from '@acme/introspect-testing';
import { Agent, Client, type Dispatcher } from 'undici';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type UndiciTransportOptions, undiciTransport } from '../../src/extensions/undici/undici.js';
import type { Transport, TransportRequest } from '../../src/index.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
  server.always(active({ sub: 'mickey' }));
});
afterEach(async () => {
  vi.useRealTimers();
  await server.close();
});

const send = (transport: Transport, request: Partial<TransportRequest> = {}) =>
  transport({
    url: server.introspectionEndpoint,
    method: 'POST',
    headers: { accept: 'application/json' },
    body: 'token=a',
    signal: new AbortController().signal,
    maxResponseBytes: 1000,
    ...request,
  });

/** Sends a body without end, as long as it is read. */
function endless({
  status = 200,
  headers = {},
}: {
  status?: number;
  headers?: Record<string, string>;
}): ScriptedResponse {
  return (response) => {
    response.writeHead(status, headers);
    const pour = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', pour);
    pour();
  };
}

/** Collects the ports from which the server receives requests: one per connection. */
function portsUsed(): Set<number> {
  const ports = new Set<number>();
  server.always((response, request) => {
    ports.add(response.socket?.remotePort ?? 0);
    active({ sub: 'mickey' })(response, request);
  });
  return ports;
}

describe('undiciTransport', () => {
  const dispatcher = new Agent();
  it.each([
    ['null', null, 'the options must be an object'],
    ['a list', [], 'the options must be an object'],
    ['an unknown option', { pool: 1 }, 'unknown option "pool"; known options: connections, dispatcher'],
    ['zero connections', { connections: 0 }, '"connections" must be a whole number, at least 1'],
    ['half a connection', { connections: 1.5 }, '"connections" must be a whole number, at least 1'],
    ['connections as a string', { connections: '5' }, '"connections" must be a whole number, at least 1'],
    ['an invalid dispatcher', { dispatcher: {} }, '"dispatcher" must be a dispatcher of undici, such as an Agent'],
    ['a dispatcher of null', { dispatcher: null }, '"dispatcher" must be a dispatcher of undici, such as an Agent'],
    ['both', { connections: 5, dispatcher }, 'use either "connections" or "dispatcher", not both'],
  ])('rejects %s with an error that names the option', (_, options, message) => {
    const construct = () => undiciTransport(options as UndiciTransportOptions);
    expect(construct).toThrow(TypeError);
    expect(construct).toThrow(`undiciTransport: ${message}`);
  });

  it('rejects for an invalid URL', async () => {
    await expect(send(undiciTransport(), { url: 'nowhere' })).rejects.toThrow();
    await expect(send(undiciTransport(), { url: 'ftp://127.0.0.1/' })).rejects.toThrow();
  });

  it('sends requests to several servers', async () => {
    const other = await startScriptedServer();
    other.always(active({ sub: 'minnie' }));
    const transport = undiciTransport();
    for (const [origin, sub] of [
      [server, 'mickey'],
      [other, 'minnie'],
      [server, 'mickey'],
    ] as const) {
      const { body } = await send(transport, { url: origin.introspectionEndpoint });
      expect(JSON.parse(body)).toHaveProperty('sub', sub);
    }
    await other.close();
  });

  it('sends path and query as they are in the URL', async () => {
    server.at('/a%20b/ü', respond({}));
    await send(undiciTransport(), { url: `${server.origin}/a%20b?c=%26&d#e` });
    expect(server.requests[0]?.url).toBe('/a%20b?c=%26&d');
  });

  it('joins repeated header fields', async () => {
    server.next((response) => {
      response.writeHead(200, ['WWW-Authenticate', 'Basic', 'www-authenticate', 'Bearer']);
      response.end();
    });
    expect((await send(undiciTransport())).header('www-authenticate')).toBe('Basic, Bearer');
  });

  it('waits for the response after an early hint', async () => {
    server.next((response, request) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      active()(response, request);
    });
    await expect(send(undiciTransport())).resolves.toMatchObject({ status: 200, body: '{"active":true}' });
  });

  it('turns off the time limits of undici', async () => {
    const dispatch = vi.fn<Dispatcher['dispatch']>(() => true);
    const dispatcher = Object.assign(new Agent(), { dispatch });
    send(undiciTransport({ dispatcher })).catch(() => {});
    expect(dispatch.mock.calls[0]?.[0]).toMatchObject({ headersTimeout: 0, bodyTimeout: 0 });
  });

  it('removes its listeners from the signal', async () => {
    server.next(active(), respond({ status: 401 }), hangInBody());
    const controller = new AbortController();
    const { signal } = controller;
    const add = vi.spyOn(signal, 'addEventListener');
    const remove = vi.spyOn(signal, 'removeEventListener');
    for (const status of [200, 401]) expect((await send(undiciTransport(), { signal })).status).toBe(status);
    const third = send(undiciTransport(), { signal });
    await server.introspection(3);
    controller.abort('left');
    await expect(third).rejects.toBe('left');
    expect(add).toHaveBeenCalledTimes(3);
    expect(remove.mock.calls).toEqual(add.mock.calls.map(([type, listener]) => [type, listener]));
  });
});

describe('a content coding of the body', () => {
  const text = JSON.stringify({ active: true, sub: 'mickey'.repeat(100) });
  const coded = (encoding: string, body: Uint8Array) => respond({ headers: { 'content-encoding': encoding }, body });

  it.each([
    ['gzip', gzipSync(text)],
    ['X-GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['br', brotliCompressSync(text)],
    ['deflate, gzip', gzipSync(deflateSync(text))],
    ['gzip,gzip, gzip,gzip,gzip', [1, 2, 3, 4, 5].reduce((body: Uint8Array) => gzipSync(body), Buffer.from(text))],
    ['identity', Buffer.from(text)],
  ])('%s is decoded', async (encoding, body) => {
    server.next(coded(encoding, body));
    expect((await send(undiciTransport())).body).toBe(text);
  });

  it.each([
    ['br', brotliCompressSync(Buffer.alloc(1_000_000))],
    ['gzip, gzip', gzipSync(gzipSync(Buffer.alloc(1_000_000)))],
    ['deflate', deflateRawSync(Buffer.alloc(1_000_000))],
    ['gzip', gzipSync(crypto.getRandomValues(new Uint8Array(10_000)))],
    ['identity', Buffer.alloc(1001)],
    ['none, unknown', Buffer.alloc(1001)],
  ])('%s is limited after decoding', async (encoding, body) => {
    server.next(coded(encoding, body));
    await expect(send(undiciTransport())).rejects.toThrow('larger than 1000 bytes');
  });

  it.each([
    ['gzip', Buffer.from(text), 'Z_DATA_ERROR'],
    ['deflate', deflateSync(text).subarray(0, 20), 'Z_BUF_ERROR'],
    ['br', Buffer.from(text), expect.stringMatching(/^ERR_(?!BUFFER_TOO_LARGE)/)],
  ])('%s that the body does not have is an error of zlib, and not one of its size', async (encoding, body, code) => {
    server.next(coded(encoding, body));
    await expect(send(undiciTransport())).rejects.toMatchObject({ code });
  });

  it('is limited before decoding', async () => {
    server.next(endless({ headers: { 'content-encoding': 'gzip' } }));
    await expect(send(undiciTransport())).rejects.toThrow('larger than 1000 bytes');
    await server.introspections[0]?.over;
  });

  it('may enlarge a body beyond the limit that it is within after decoding', async () => {
    const ascii = Array.from(crypto.getRandomValues(new Uint8Array(1000)), (byte) => String.fromCharCode(byte & 127));
    const body = gzipSync(ascii.join(''), { level: 0 });
    expect(body.byteLength).toBeGreaterThan(1000);
    server.next(coded('gzip', body));
    expect((await send(undiciTransport())).body).toBe(ascii.join(''));
  });

  it('is decoded five times at most', async () => {
    const codings = Array(6).fill('gzip').join(', ');
    const body = [1, 2, 3, 4, 5, 6].reduce((coded: Uint8Array) => gzipSync(coded), Buffer.from(text));
    server.next(coded(codings, body));
    await expect(send(undiciTransport(), { maxResponseBytes: 10_000 })).rejects.toMatchObject({
      code: 'invalid_response',
      message: expect.stringContaining('coded more than 5 times'),
    });
  });

  it('is decoded within any limit, even one that is larger than a buffer can be', async () => {
    server.next(coded('gzip', gzipSync(text)));
    expect((await send(undiciTransport(), { maxResponseBytes: Number.MAX_VALUE })).body).toBe(text);
  });

  it('is requested by Accept-Encoding, unless the request has that field', async () => {
    await send(undiciTransport());
    await send(undiciTransport(), { headers: { 'accept-encoding': 'identity' } });
    expect(server.introspections.map((request) => request.field('accept-encoding'))).toEqual([
      ['gzip, deflate, br'],
      ['identity'],
    ]);
  });
});

describe('a connection', () => {
  it('is reused after a response whose body is ignored', async () => {
    const ports = new Set<number>();
    server.always((response, request) => {
      ports.add(response.socket?.remotePort ?? 0);
      respond({ status: 401, body: 'x'.repeat(10_000) })(response, request);
    });
    const transport = undiciTransport({ connections: 1 });
    for (let i = 0; i < 5; i++) await send(transport);
    expect(ports.size).toBe(1);
  });

  it('is closed immediately when an ignored body is large', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    server.next(endless({ status: 500 }));
    await send(undiciTransport());
    await server.introspections[0]?.over;
  });

  it('is closed immediately when a body is larger than allowed, even if no more of it arrives', async () => {
    server.next((response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('x'.repeat(1001));
    });
    await expect(send(undiciTransport())).rejects.toThrow('larger than 1000 bytes');
    await server.introspections[0]?.over;
  });

  it('is closed when an ignored body does not end within a second', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    server.next(hangInBody({ status: 401 }), respond({ status: 401 }));
    const transport = undiciTransport({ connections: 1 });
    await send(transport);
    const next = send(transport);
    vi.advanceTimersByTime(999);
    expect(server.introspections).toHaveLength(1);
    vi.advanceTimersByTime(1);
    await server.introspections[0]?.over;
    await expect(next).resolves.toHaveProperty('status', 401);
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(0), 60_000);
  });

  it('is one of at most "connections"', async () => {
    for (const connections of [1, 3]) {
      const ports = portsUsed();
      const transport = undiciTransport({ connections });
      await Promise.all(Array.from({ length: 20 }, () => send(transport)));
      expect(ports.size).toBe(connections);
    }
  });

  it.each([
    ['of our own', { connections: 1 }],
    ['of a dispatcher', { dispatcher: new Agent({ connections: 1 }) }],
  ])('%s: a waiting request ends with its signal, and the connection stays open', async (_, options) => {
    const held = Promise.withResolvers<Parameters<ScriptedResponse>>();
    const ports = portsUsed();
    server.next((...exchange) => held.resolve(exchange));
    const transport = undiciTransport(options);
    const first = send(transport);
    const [response, request] = await held.promise;
    const port = response.socket?.remotePort;
    const controller = new AbortController();
    const waiting = send(transport, { signal: controller.signal, body: 'token=left' });
    controller.abort('left');
    await expect(waiting).rejects.toBe('left');
    active()(response, request);
    await expect(first).resolves.toHaveProperty('status', 200);
    await send(transport);
    expect([...ports]).toEqual([port]);
    expect(server.introspections.map(({ body }) => body)).toEqual(['token=a', 'token=a']);
  });

  it('that cannot be opened is closed when its request is aborted, and makes room for the next', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket)); // no TLS handshake
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
    const transport = undiciTransport({ connections: 1 });
    for (const attempt of [0, 1]) {
      const controller = new AbortController();
      const pending = send(transport, { url, signal: controller.signal });
      await vi.waitFor(() => expect(sockets).toHaveLength(attempt + 1), { interval: 5, timeout: 60_000 });
      const waiting = send(transport, { url, signal: controller.signal });
      controller.abort('left');
      await expect(pending).rejects.toBe('left');
      await expect(waiting).rejects.toBe('left'); // and opens no connection afterwards
      const socket = sockets[attempt];
      socket?.resume();
      if (socket?.closed === false) await once(socket, 'close');
    }
    silent.close();
  });

  it('that broke does not affect the next request', async () => {
    server.next((response) => response.socket?.destroy());
    const transport = undiciTransport({ connections: 1 });
    await expect(send(transport)).rejects.toMatchObject({ code: 'UND_ERR_SOCKET' });
    await expect(send(transport)).resolves.toHaveProperty('status', 200);
  });

  it('that broke is used after intact ones', async () => {
    const ports = portsUsed();
    const transport = undiciTransport({ connections: 2 });
    await Promise.all([send(transport), send(transport)]);
    server.next((response) => response.socket?.destroy());
    await expect(send(transport)).rejects.toThrow();
    await send(transport);
    expect(ports.size).toBe(2);
  });

  it('is opened again when the server is back', async () => {
    const transport = undiciTransport({ connections: 2 });
    const port = Number(new URL(server.origin).port);
    await server.close();
    const refused = await Promise.allSettled(Array.from({ length: 5 }, () => send(transport)));
    for (const { status } of refused) expect(status).toBe('rejected');
    server = await startScriptedServer({ port });
    server.always(active());
    await expect(send(transport)).resolves.toHaveProperty('status', 200);
  });

  it('is opened by the first request, not by the constructor', async () => {
    server.next(hangBeforeHeaders());
    undiciTransport();
    const controller = new AbortController();
    const pending = send(undiciTransport(), { signal: controller.signal });
    await server.introspection(1);
    controller.abort();
    await expect(pending).rejects.toHaveProperty('name', 'AbortError');
    expect(server.requests).toHaveLength(1);
  });
});

it('undiciTransport: says what to do on a runtime that replaces undici', () => {
  Object.defineProperty(Client.prototype, 'dispatch', { value: undefined, configurable: true });
  try {
    expect(() => undiciTransport()).toThrow(
      new TypeError(
        'undiciTransport: this runtime replaces undici by something else, as Bun does: leave out "transport" there',
      ),
    );
  } finally {
    Reflect.deleteProperty(Client.prototype, 'dispatch');
  }
  expect(() => undiciTransport()).not.toThrow();
});
