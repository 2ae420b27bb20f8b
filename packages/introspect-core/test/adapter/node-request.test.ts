import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeRequestContext } from '../../src/adapter/node-request.js';
import { listen } from '../support/network.js';

const server = createServer();
let port: number;
beforeAll(async () => {
  port = await listen(server);
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

/** Sends a request with these field lines, and returns the request and response of Node's server. */
async function exchange(lines: string[], path = '/a?b') {
  const client = httpRequest({ port, host: '127.0.0.1', path, headers: ['Host', 'x', ...lines], agent: false });
  client.on('error', () => {});
  client.end();
  const [request, response]: [IncomingMessage, ServerResponse] = (await once(server, 'request')) as never;
  return { client, request, response };
}

describe('nodeRequestContext', () => {
  it('the context has every line of a field, in any case of its name', async () => {
    const { request, response } = await exchange([
      'Authorization',
      'Bearer a',
      'AUTHORIZATION',
      'Bearer b',
      'X-One',
      '1',
    ]);
    const context = nodeRequestContext(request, response, request);
    expect(context).toMatchObject({
      authorization: ['Bearer a', 'Bearer b'],
      method: 'GET',
      url: '/a?b',
      native: request,
    });
    expect(context.header?.('authorization')).toEqual(['Bearer a', 'Bearer b']);
    expect(context.header?.('x-ONE')).toEqual(['1']);
    expect(context.header?.('x-two')).toEqual([]);
    response.end();
  });

  it('the context takes no other field for credentials, even if its name is as long', () => {
    const context = nodeRequestContext({ rawHeaders: ['X-Credentials', 'Bearer a', 'Authorizatio', 'Bearer b'] });
    expect(context.authorization).toBeUndefined();
  });

  it('the context ignores a field name without a value, at the end of rawHeaders', () => {
    const context = nodeRequestContext({ rawHeaders: ['Authorization', 'Bearer a', 'Authorization'] });
    expect([context.authorization, context.header?.('authorization')]).toEqual(['Bearer a', ['Bearer a']]);
  });

  it('the context has no field with an empty name', () => {
    expect(nodeRequestContext({ rawHeaders: ['A', 'b'] }).header?.('')).toEqual([]);
  });

  it('the request itself is the native request of a context without response and native', async () => {
    const { request, response } = await exchange(['Authorization', 'Bearer a']);
    const context = nodeRequestContext(request);
    expect([context.native, context.authorization, context.signal]).toEqual([request, 'Bearer a', undefined]);
    response.end();
  });

  it('the signal is aborted when the caller hangs up before the response is written', async () => {
    const { client, request, response } = await exchange([]);
    const { signal, header } = nodeRequestContext(request, response, request);
    expect(signal?.aborted).toBe(false);
    expect(header?.('host')).toEqual(['x']);
    client.destroy();
    await once(signal as AbortSignal, 'abort');
  });

  it('the signal is not aborted after the response was written', async () => {
    const { client, request, response } = await exchange([]);
    const context = nodeRequestContext(request, response, request);
    const { signal } = context;
    expect(context.signal).toBe(signal);
    client.on('response', (message) => message.resume());
    response.end('done');
    await once(response, 'close');
    expect(signal?.aborted).toBe(false);
  });

  it('all contexts of a response share one signal and one listener', async () => {
    const { client, request, response } = await exchange([]);
    const before = response.listenerCount('close');
    const signals = Array.from({ length: 20 }, () => nodeRequestContext(request, response, request).signal);
    expect(new Set(signals).size).toBe(1);
    expect(response.listenerCount('close') - before).toBe(1);
    client.destroy();
    await once(signals[0] as AbortSignal, 'abort');
  });

  it('the signal is aborted if the caller hung up before the signal is first read', async () => {
    const { client, request, response } = await exchange([]);
    const context = nodeRequestContext(request, response, request);
    client.destroy();
    await once(response, 'close');
    expect(context.signal?.aborted).toBe(true);
    expect(nodeRequestContext(request, response, request).signal).toBe(context.signal);
  });

  it('the signal is aborted if the HTTP/2 stream was reset before the signal is first read', async () => {
    const http2 = createHttp2Server();
    const session = connectHttp2(`http://127.0.0.1:${await listen(http2)}`);
    const stream = session.request();
    stream.on('error', () => {});
    const [request, response] = await once(http2, 'request');
    stream.close(8);
    await once(response, 'close');
    expect(nodeRequestContext(request, response, request).signal?.aborted).toBe(true);
    session.destroy();
    http2.close();
    await once(http2, 'close');
  });

  it('the signal is not aborted if the response was written before the signal is first read', async () => {
    const { client, request, response } = await exchange([]);
    client.on('response', (message) => message.resume());
    response.end('done');
    await once(response, 'close');
    expect(nodeRequestContext(request, response, request).signal?.aborted).toBe(false);
  });

  it('the context has no signal without a response, and no certificate without TLS', async () => {
    const { request, response } = await exchange([]);
    const context = nodeRequestContext(request, undefined, request);
    expect([context.signal, context.clientCertificate]).toEqual([undefined, undefined]);
    response.end();
  });

  it.each([
    [{ raw: Uint8Array.of(1) }, Uint8Array.of(1)],
    [{}, undefined],
    [null, undefined],
  ])('the context has the certificate of a TLS socket: %j', (certificate, given) => {
    const socket = {
      certificate,
      getPeerCertificate() {
        return this.certificate;
      },
    };
    expect(nodeRequestContext({ rawHeaders: [], socket }, undefined, {}).clientCertificate).toEqual(given);
  });

  it('the context of a request without method, URL and socket has defaults', () => {
    const context = nodeRequestContext({ rawHeaders: [] }, undefined, {});
    expect([context.method, context.url, context.clientCertificate]).toEqual(['GET', '', undefined]);
  });
});
