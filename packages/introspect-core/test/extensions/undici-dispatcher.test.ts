import { once } from 'node:events';
import { createServer, request as forward, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../../../../e2e/certificate.js';
import { undiciTransport } from '../../src/extensions/undici/undici.js';
import { IntrospectionClient, UnavailableError } from '../../src/index.js';
import { listen } from '../support/network.js';

const clientOf = (introspectionEndpoint: string, dispatcher?: Dispatcher) =>
  new IntrospectionClient({
    introspectionEndpoint,
    clientId: 'api',
    clientSecret: 'secret',
    retry: { attempts: 1 },
    transport: undiciTransport(dispatcher && { dispatcher }),
  });

async function close(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}

const ofServer = await makeCertificate({ host: '127.0.0.1' });
const ofClient = await makeCertificate({ host: 'api' });
const ofStranger = await makeCertificate({ host: 'stranger' });

describe('a server with a certificate of a private CA', () => {
  /** The subject of the client certificate of each request. */
  const peers: (string | undefined)[] = [];
  const tls = (requestCert: boolean) =>
    createTlsServer(
      { ...ofServer, ca: ofClient.cert, requestCert, rejectUnauthorized: requestCert },
      (request, response) => {
        peers.push((request.socket as TLSSocket).getPeerCertificate().subject?.CN?.toString());
        response.setHeader('content-type', 'application/json').end('{"active":true,"sub":"mickey"}');
      },
    );
  const [open, mutual] = [tls(false), tls(true)];
  let endpoints: { open: string; mutual: string };
  beforeAll(async () => {
    endpoints = {
      open: `https://127.0.0.1:${await listen(open)}/introspect`,
      mutual: `https://127.0.0.1:${await listen(mutual)}/introspect`,
    };
  });
  afterAll(() => Promise.all([close(open), close(mutual)]));

  it('is unavailable without a dispatcher that trusts the CA', async () => {
    const error = await clientOf(endpoints.open)
      .introspect('token')
      .catch((error: unknown) => error);
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toHaveProperty('message', expect.stringContaining('(DEPTH_ZERO_SELF_SIGNED_CERT)'));
  });

  it('is reached with a dispatcher that trusts the CA', async () => {
    const dispatcher = new Agent({ connect: { ca: ofServer.cert } });
    await expect(clientOf(endpoints.open, dispatcher).introspect('token')).resolves.toHaveProperty('sub', 'mickey');
    await dispatcher.close();
  });

  it('that requires a client certificate is reached with a dispatcher that has one', async () => {
    const dispatcher = new Agent({ connect: { ca: ofServer.cert, cert: ofClient.cert, key: ofClient.key } });
    await expect(clientOf(endpoints.mutual, dispatcher).introspect('token')).resolves.toHaveProperty('sub', 'mickey');
    expect(peers.at(-1)).toBe('api');
    await dispatcher.close();
  });

  it.each([
    ['none', {}],
    ["a stranger's", { cert: ofStranger.cert, key: ofStranger.key }],
  ])('that requires a client certificate is unavailable with a dispatcher that has %s', async (_, own) => {
    const before = peers.length;
    const dispatcher = new Agent({ connect: { ca: ofServer.cert, ...own } });
    const request = clientOf(endpoints.mutual, dispatcher).introspect('token');
    await expect(request).rejects.toBeInstanceOf(UnavailableError);
    expect(peers).toHaveLength(before);
    await dispatcher.close();
  });
});

describe('a proxy', () => {
  /** The request lines that the proxy received: `CONNECT host:port`, `POST http://…`. */
  const forwarded: string[] = [];
  const proxy = createServer((request, response) => {
    forwarded.push(`${request.method} ${request.url}`);
    const { method, headers } = request;
    request.pipe(
      forward(String(request.url), { method, headers }, (upstream) => {
        response.writeHead(upstream.statusCode ?? 502, upstream.headers);
        upstream.pipe(response);
      }),
    );
  });
  proxy.on('connect', (request, socket) => {
    forwarded.push(`CONNECT ${request.url}`);
    const { hostname, port } = new URL(`http://${request.url}`);
    const beyond = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      beyond.pipe(socket).pipe(beyond);
    });
    for (const each of [socket, beyond]) each.on('error', () => [socket, beyond].map((one) => one.destroy()));
  });
  let uri: string;
  let server: ScriptedServer;
  beforeAll(async () => {
    uri = `http://127.0.0.1:${await listen(proxy)}`;
    server = await startScriptedServer();
    server.tokens.set('good', { sub: 'mickey' });
  });
  afterEach(() => {
    forwarded.length = 0;
  });
  afterAll(() => Promise.all([close(proxy), server.close()]));

  it.each([
    ['a tunnel', true, () => `CONNECT ${new URL(server.origin).host}`],
    ['the whole address', false, () => `POST ${server.introspectionEndpoint}`],
  ])('receives a request for %s', async (_, proxyTunnel, requestLine) => {
    const dispatcher = new ProxyAgent({ uri, proxyTunnel });
    await expect(clientOf(server.introspectionEndpoint, dispatcher).introspect('good')).resolves.toHaveProperty(
      'sub',
      'mickey',
    );
    expect(forwarded).toEqual([requestLine()]);
    await dispatcher.close();
  });

  it('that is down makes the server unavailable', async () => {
    const dispatcher = new ProxyAgent({ uri: 'http://127.0.0.1:1' });
    const request = clientOf(server.introspectionEndpoint, dispatcher).introspect('good');
    await expect(request).rejects.toThrow(`${server.origin} could not be reached (ECONNREFUSED)`);
    await dispatcher.close();
  });
});
