import type { Credentials } from '@acme/introspect-core';
import type { NativeRequestContext } from './protect.js';

/** The part of a Node request (HTTP/1 or HTTP/2, or one that was injected) that is looked at. */
export interface NodeRequest {
  /** Names and values of the header fields, alternately, as received. */
  readonly rawHeaders: readonly string[];
  /** The HTTP method. Without it, the request counts as a GET. */
  readonly method?: string | undefined;
  /** Path and query. */
  readonly url?: string | undefined;
  /** Path and query as received, where a framework such as Express removes the mount path from `url`. */
  readonly originalUrl?: string | undefined;
  /** The connection, which may have a TLS client certificate. */
  readonly socket?: unknown;
}

/** The part of a Node response that tells when the caller has gone. */
export interface NodeResponse {
  /** Whether the response has been written. */
  readonly writableEnded: boolean;
  /** Whether the connection has ended. HTTP/1 has it, HTTP/2 does not. */
  readonly destroyed?: boolean;
  /** The HTTP/2 stream, which may have ended. HTTP/1 does not have it. */
  readonly stream?: { readonly destroyed: boolean };
  /** Calls the listener when the connection or stream has ended. */
  once(event: 'close', listener: () => void): unknown;
}

/**
 * Returns a Node request as a context. Field lines come from `rawHeaders`, because `headers` hides a second
 * `Authorization` field.
 *
 * What is seldom needed (signal, certificate) is made when it is read.
 *
 * @param response tells when the caller has disconnected; without it, the context has no signal
 * @param native the framework's own request, one object for each request; the request itself by default
 */
export function nodeRequestContext<Request extends NodeRequest>(
  request: Request,
  response?: NodeResponse,
): NativeRequestContext<Request>;
export function nodeRequestContext<Native>(
  request: NodeRequest,
  response: NodeResponse | undefined,
  native: Native,
): NativeRequestContext<Native>;
export function nodeRequestContext(
  request: NodeRequest,
  response?: NodeResponse,
  native: unknown = request,
): NativeRequestContext<unknown> {
  return new NodeRequestContext(request, response, native);
}

class NodeRequestContext<Native> implements NativeRequestContext<Native> {
  readonly authorization: Credentials;
  readonly method: string;
  readonly url: string;
  readonly native: Native;
  readonly #request: NodeRequest;
  readonly #response: NodeResponse | undefined;

  constructor(request: NodeRequest, response: NodeResponse | undefined, native: Native) {
    const { rawHeaders, method = 'GET', url = '', originalUrl = url } = request;
    this.authorization = authorizationOf(rawHeaders);
    this.method = method;
    this.url = originalUrl;
    this.native = native;
    this.#request = request;
    this.#response = response;
  }

  get header(): (name: string) => readonly string[] {
    const { rawHeaders } = this.#request;
    return (name) => linesOf(rawHeaders, name.toLowerCase());
  }

  get clientCertificate(): Uint8Array | undefined {
    const socket = (this.#request.socket ?? {}) as { getPeerCertificate?(): { raw?: Uint8Array } | null };
    return socket.getPeerCertificate?.()?.raw;
  }

  get signal(): AbortSignal | undefined {
    return this.#response && signalOf(this.#response);
  }
}

/** One controller for each response, so that all guards of a request share one listener. */
const controllers = new WeakMap<NodeResponse, AbortController>();

/** Returns a signal that is aborted if the caller hangs up before the response has been written. */
function signalOf(response: NodeResponse): AbortSignal {
  const known = controllers.get(response);
  if (known !== undefined) return known.signal;
  const controller = new AbortController();
  controllers.set(response, controller);
  const abortUnlessWritten = () => {
    if (!response.writableEnded) controller.abort(); // over HTTP/2, writableFinished is true even if the caller hung up
  };
  if (response.destroyed === true || response.stream?.destroyed === true) abortUnlessWritten();
  else response.once('close', abortUnlessWritten);
  return controller.signal;
}

/** Returns the line of the field `Authorization`, or a list of all lines if there are several. */
function authorizationOf(rawHeaders: readonly string[]): Credentials {
  let line: string | undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const each = rawHeaders[i];
    if (each?.length !== 13 || each.toLowerCase() !== 'authorization') continue;
    if (line !== undefined) return linesOf(rawHeaders, 'authorization');
    line = rawHeaders[i + 1];
  }
  return line;
}

/** Returns the lines of a field. `name` is in lower case. Compares lengths first, because most names differ in length. */
function linesOf(rawHeaders: readonly string[], name: string): string[] {
  const lines: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const each = rawHeaders[i] ?? '';
    if (each.length === name.length && each.toLowerCase() === name) lines.push(rawHeaders[i + 1] ?? '');
  }
  return lines;
}
