import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type RecordedRequest, recordRequest } from '../http/recorded-request.js';
import { json, respond, type ScriptedResponse } from '../http/responses.js';
import { likeZitadel } from './zitadel-introspection.js';

/** The options of {@link startScriptedServer}. */
export interface ScriptedServerOptions {
  /**
   * The client id that the server accepts, unless introspection is scripted.
   *
   * @default "api"
   */
  clientId?: string;
  /**
   * The client secret that the server accepts, unless introspection is scripted.
   *
   * @default "secret"
   */
  clientSecret?: string;
  /**
   * The port to listen on. Set it to start a server again where another one was closed.
   *
   * @default a free port
   */
  port?: number;
}

/** A real HTTP authorization server on loopback. You can script each of its responses. */
export interface ScriptedServer {
  /** The origin of the server. It is also its issuer. */
  readonly origin: string;
  /** The URL of the introspection endpoint. */
  readonly introspectionEndpoint: string;
  /** The active tokens and their claims, unless introspection is scripted. Every other token is inactive. */
  readonly tokens: Map<string, Readonly<Record<string, unknown>>>;
  /** All requests that it has received, oldest first. */
  readonly requests: readonly RecordedRequest[];
  /** All introspection requests that it has received, oldest first. */
  readonly introspections: readonly RecordedRequest[];
  /** Scripts the next introspection requests, with one response each. */
  next(...responses: ScriptedResponse[]): void;
  /** Scripts every introspection request that `next` does not script. */
  always(response: ScriptedResponse): void;
  /** Scripts every request to this path. It must not be the path of introspection. */
  at(path: string, response: ScriptedResponse): void;
  /** Scripts every request to a path that `at` does not script. Without it, the server responds 404 to them. */
  elsewhere(response: ScriptedResponse): void;
  /** Resolves with the introspection request of this number, counted from 1, as soon as it has arrived. */
  introspection(number: number): Promise<RecordedRequest>;
  /** Stops the server, and closes all connections. */
  close(): Promise<void>;
}

const introspectionPath = '/oauth/v2/introspect';

/**
 * Starts a scripted server on a loopback port. Without a script, it responds as ZITADEL does, and serves its metadata.
 *
 * @example
 * ```ts
 * const server = await startScriptedServer();
 * server.tokens.set('good', { sub: 'alice' });
 * server.next(respond({ status: 503 })); // the next introspection fails
 * ```
 */
export async function startScriptedServer({
  clientId = 'api',
  clientSecret = 'secret',
  port = 0,
}: ScriptedServerOptions = {}): Promise<ScriptedServer> {
  const requests: RecordedRequest[] = [];
  const introspections: RecordedRequest[] = [];
  const tokens = new Map<string, Readonly<Record<string, unknown>>>();
  const queue: ScriptedResponse[] = [];
  const byPath = new Map<string, ScriptedResponse>();
  const waiters = new Map<number, (request: RecordedRequest) => void>();
  let usual: ScriptedResponse = likeZitadel({ clientId, clientSecret, tokens });
  let unknown: ScriptedResponse = respond({ status: 404 });

  const server = createServer(async (message, response) => {
    let request: RecordedRequest;
    try {
      request = await recordRequest(message, response);
    } catch {
      return; // the client closed the connection before the end of its request
    }
    requests.push(request);
    const path = request.url.split('?', 1)[0] ?? '';
    if (path !== introspectionPath) {
      (byPath.get(path) ?? unknown)(response, request);
      return;
    }
    introspections.push(request);
    waiters.get(introspections.length)?.(request);
    (queue.shift() ?? usual)(response, request);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const introspectionEndpoint = `${origin}${introspectionPath}`;
  byPath.set(
    '/.well-known/openid-configuration',
    json({
      issuer: origin,
      introspection_endpoint: introspectionEndpoint,
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'private_key_jwt'],
    }),
  );

  return {
    origin,
    introspectionEndpoint,
    tokens,
    requests,
    introspections,
    next: (...responses) => void queue.push(...responses),
    always: (response) => {
      usual = response;
    },
    at: (path, response) => void byPath.set(path, response),
    elsewhere: (response) => {
      unknown = response;
    },
    introspection: (number) =>
      new Promise((resolve) => {
        const arrived = introspections[number - 1];
        if (arrived === undefined) waiters.set(number, resolve);
        else resolve(arrived);
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
