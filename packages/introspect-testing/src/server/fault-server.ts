import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { deflateRawSync, deflateSync } from 'node:zlib';
import { type RecordedRequest, recordRequest } from '../http/recorded-request.js';
import {
  drip,
  gzipBomb,
  gzipped,
  hangBeforeHeaders,
  hangInBody,
  json,
  large,
  redirect,
  reset,
  respond,
  type ScriptedResponse,
  truncated,
} from '../http/responses.js';

/** A server that chooses its fault by the path of a request. Its client may be another process. */
export interface FaultServer {
  /** The origin at which the server listens. */
  readonly origin: string;
  /** Stops the server, and closes all connections. */
  close(): Promise<void>;
}

interface Recorded {
  readonly request: RecordedRequest;
  /** The number of the connection, counted from 1. */
  readonly connection: number;
}

const contentType = { 'content-type': 'application/json' };
const euro = Buffer.from('{"active":true,"sub":"€"}');

/** The response at each path. The query sets `status`, `bytes` and such. */
const responses: Readonly<Record<string, (query: URLSearchParams, recorded: Recorded) => ScriptedResponse>> = {
  '/echo': (_, { request: { method, url, fields, body }, connection }) =>
    json({ method, url, fields, body, connection }),
  '/status': (query) => respond({ status: statusOf(query), headers: { 'x-fault': 'status' }, body: 'plain text' }),
  '/fields': () => respond({ headers: { 'X-One': 'first', 'retry-after': '7' } }),
  '/redirect': (query) => redirect(`/echo?id=${query.get('id')}`, statusOf(query)),
  '/hang-before-headers': () => hangBeforeHeaders(),
  '/hang-in-body': (query) => hangInBody({ status: statusOf(query) }),
  '/drip': () => drip('{"active":true}'.repeat(1000), { everyMs: 5 }),
  '/reset': () => reset(),
  '/truncated': (query) => truncated('{"active":true}', 5, { status: statusOf(query) }),
  '/sized': (query) => respond({ status: statusOf(query), headers: contentType, body: sized(query) }),
  '/known-length': (query) => {
    const body = Buffer.from(sized(query));
    const headers = { ...contentType, 'content-length': `${body.length}` };
    return respond({ status: statusOf(query), headers, body });
  },
  '/gzip': (query) => gzipped({ status: statusOf(query), body: sized(query) }),
  '/identity': (query) => coded(query, 'identity', Buffer.from(sized(query))),
  '/deflate': (query, recorded) => deflated(query, recorded, deflateSync),
  '/deflate-raw': (query, recorded) => deflated(query, recorded, deflateRawSync),
  '/gzip-bomb': () => gzipBomb(),
  '/no-gzip': () => respond({ headers: { ...contentType, 'content-encoding': 'gzip' }, body: '{"active":true}' }),
  '/large': () => large(),
  '/endless': (query) => endless(query.get('character') === 'bad' ? '\xff' : 'x'),
  '/not-utf-8': (query) =>
    respond({ status: statusOf(query), headers: contentType, body: Buffer.from('{"sub":"\xff"}', 'latin1') }),
  '/cut-character': () => respond({ headers: contentType, body: euro.subarray(0, 24) }),
  '/split-character': () => (response) => {
    response.writeHead(200, contentType);
    response.write(euro.subarray(0, 23), () => setTimeout(() => response.end(euro.subarray(23)), 20));
  },
  '/empty': () => respond({ headers: contentType }),
};

/**
 * Starts a server for the contract of transports (`@acme/introspect-testing/transport-contract`) on a loopback port.
 *
 * `/seen?id=…` reports the requests with this id that have arrived. `/arrived?id=…` waits for the first one. `/over?id=…`
 * waits until each of them has its response, or until its connection is closed. `/closed` responds with an origin where no
 * server listens.
 */
export async function startFaultServer(): Promise<FaultServer> {
  const seen = new Map<string, Recorded[]>();
  const arrivals = new EventEmitter();
  const connections = new WeakMap<Socket, number>();
  let connected = 0;

  const reports: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
    '/seen': async (id) => recordsOf(id),
    '/arrived': async (id) => {
      while (!seen.has(id)) await once(arrivals, id);
      return recordsOf(id);
    },
    '/over': async (id) => {
      while (!seen.has(id)) await once(arrivals, id);
      await Promise.all((seen.get(id) ?? []).map(({ request }) => request.over));
      return recordsOf(id);
    },
    '/closed': closedOrigin,
  };
  function recordsOf(id: string) {
    return (seen.get(id) ?? []).map(({ request: { method, url } }) => ({ method, url }));
  }

  const server = createServer(async (message, response) => {
    let request: RecordedRequest;
    try {
      request = await recordRequest(message, response);
    } catch {
      return; // the client closed the connection before the end of its request
    }
    const { pathname, searchParams } = new URL(request.url, 'http://localhost');
    const id = searchParams.get('id') ?? '';
    const report = await reports[pathname]?.(id);
    if (report !== undefined) return json(report)(response, request);
    const recorded = { request, connection: connections.get(message.socket) ?? 0 };
    seen.set(id, [...(seen.get(id) ?? []), recorded]);
    arrivals.emit(id);
    (responses[pathname]?.(searchParams, recorded) ?? respond({ status: 404 }))(response, request);
  });
  server.on('connection', (socket) => connections.set(socket, ++connected));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    origin: originOf(server.address()),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function statusOf(query: URLSearchParams): number {
  return Number(query.get('status') ?? 200);
}

/** Returns JSON with this number of bytes. Most of its characters have two bytes. */
function sized(query: URLSearchParams): string {
  const body = JSON.stringify({ active: true, pad: '' });
  return body.replace('""', `"${'ü'.repeat((Number(query.get('bytes') ?? 100) - body.length) / 2)}"`);
}

function coded(query: URLSearchParams, coding: string, body: Uint8Array): ScriptedResponse {
  return respond({ status: statusOf(query), headers: { ...contentType, 'content-encoding': coding }, body });
}

/** Responds in deflate if the request accepts it, and uncompressed otherwise. */
function deflated(
  query: URLSearchParams,
  { request }: Recorded,
  deflate: (text: string) => Uint8Array,
): ScriptedResponse {
  const isAccepted = request.fields.some(([name, value]) => name === 'accept-encoding' && /\bdeflate\b/.test(value));
  const body = sized(query);
  return isAccepted ? coded(query, 'deflate', deflate(body)) : coded(query, 'identity', Buffer.from(body));
}

/** Sends a body without end, as fast as the client reads it. */
function endless(character: string): ScriptedResponse {
  return (response) => {
    response.writeHead(200, contentType);
    const chunk = Buffer.from(character.repeat(65_536), 'latin1');
    const write = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', write);
    write();
  };
}

async function closedOrigin(): Promise<{ origin: string }> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = originOf(server.address());
  await new Promise((resolve) => server.close(resolve));
  return { origin };
}

function originOf(address: string | AddressInfo | null): string {
  return `http://127.0.0.1:${(address as AddressInfo).port}`;
}
