import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type RecordedRequest, recordRequest } from '../http/recorded-request.js';
import { json, respond, type ScriptedResponse } from '../http/responses.js';
import { likeZitadel } from './zitadel-introspection.js';

export interface ScriptedServerOptions {
  /** What the server accepts until it is scripted otherwise. */
  clientId?: string;
  clientSecret?: string;
  /** A free one unless given: to come back where a closed server was. */
  port?: number;
}

/** A real HTTP authorization server on loopback, each of whose answers can be scripted. */
export interface ScriptedServer {
  /** Also its issuer. */
  readonly origin: string;
  readonly introspectionEndpoint: string;
  /** Active tokens and their claims, for as long as introspection is not scripted otherwise. */
  readonly tokens: Map<string, Readonly<Record<string, unknown>>>;
  /** All that it was sent, oldest first. */
  readonly requests: readonly RecordedRequest[];
  /** The introspection requests among them. */
  readonly introspections: readonly RecordedRequest[];
  /** Scripts the next introspection requests, one answer each. */
  next(...answers: ScriptedResponse[]): void;
  /** Scripts every introspection request that `next` does not. */
  always(answer: ScriptedResponse): void;
  /** Scripts every request to another path. */
  at(path: string, answer: ScriptedResponse): void;
  /** Scripts every request to a path that is not scripted by `at`; 404 unless given. */
  elsewhere(answer: ScriptedResponse): void;
  /** The introspection request of this number, counted from 1, as soon as it is there. */
  introspection(number: number): Promise<RecordedRequest>;
  /** Ends all connections, also those that hang. */
  close(): Promise<void>;
}

const introspectionPath = '/oauth/v2/introspect';

/** Starts a scripted server on a loopback port. Unscripted, it answers like ZITADEL and serves its metadata. */
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
  const waiting = new Map<number, (request: RecordedRequest) => void>();
  let usual: ScriptedResponse = likeZitadel({ clientId, clientSecret, tokens });
  let unknown: ScriptedResponse = respond({ status: 404 });

  const server = createServer(async (message, response) => {
    let request: RecordedRequest;
    try {
      request = await recordRequest(message, response);
    } catch {
      return; // the client has gone in the middle of its request
    }
    requests.push(request);
    const path = request.url.split('?', 1)[0] ?? '';
    if (path !== introspectionPath) {
      (byPath.get(path) ?? unknown)(response, request);
      return;
    }
    introspections.push(request);
    waiting.get(introspections.length)?.(request);
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
    next: (...answers) => void queue.push(...answers),
    always: (answer) => {
      usual = answer;
    },
    at: (path, answer) => void byPath.set(path, answer),
    elsewhere: (answer) => {
      unknown = answer;
    },
    introspection: (number) =>
      new Promise((resolve) => {
        const there = introspections[number - 1];
        if (there === undefined) waiting.set(number, resolve);
        else resolve(there);
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
