import type { Denial } from '@acme/introspect-core';
import type { NativeRequestContext } from './protect.js';

/** What some runtimes pass together with a request, such as the `ctx` of a Cloudflare Worker. */
export interface WebRuntime {
  /** Keeps the runtime awake for work that goes on after the response. */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
}

/**
 * Returns a web-standard request as a context. `Headers` joins two `Authorization` fields by a comma, so a guard denies
 * the request with 400.
 *
 * `signal` and `waitUntil` are read when they are needed, and not before.
 *
 * @param native the framework's own request, one object for each request; the request itself by default
 * @param runtimeOf returns what the runtime passes together with this request, such as `ctx`. It is called only when it
 * is needed, and may throw on a runtime that passes nothing.
 */
export function webRequestContext(request: Request): NativeRequestContext<Request>;
export function webRequestContext<Native>(
  request: Request,
  native: Native,
  runtimeOf?: (native: Native) => WebRuntime | undefined,
): NativeRequestContext<Native>;
export function webRequestContext<Native>(
  request: Request,
  native?: Native,
  runtimeOf?: (native: Native) => WebRuntime | undefined,
): NativeRequestContext<Native | Request> {
  return native === undefined
    ? new WebRequestContext(request, request)
    : new WebRequestContext(request, native, runtimeOf);
}

class WebRequestContext<Native> implements NativeRequestContext<Native> {
  readonly authorization: string | null;
  readonly method: string;
  readonly url: string;
  readonly native: Native;
  readonly #request: Request;
  readonly #runtimeOf: ((native: Native) => WebRuntime | undefined) | undefined;

  constructor(request: Request, native: Native, runtimeOf?: (native: Native) => WebRuntime | undefined) {
    const { method, url, headers } = request;
    this.authorization = headers.get('authorization');
    this.method = method;
    this.url = url;
    this.native = native;
    this.#request = request;
    this.#runtimeOf = runtimeOf;
  }

  get header(): (name: string) => readonly string[] {
    const { headers } = this.#request;
    return (name) => {
      const value = headers.get(name);
      return value === null ? [] : [value];
    };
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }

  get waitUntil(): WebRuntime['waitUntil'] {
    const runtime = this.#runtime();
    return runtime?.waitUntil && ((promise) => runtime.waitUntil?.(promise));
  }

  #runtime(): WebRuntime | undefined {
    try {
      return this.#runtimeOf?.(this.native);
    } catch {
      return undefined;
    }
  }
}

/** Returns the web-standard response of a denial. */
export function denialResponse({ status, headers, body }: Denial): Response {
  const response = new Response(body, { status, headers: { 'Content-Type': 'application/json' } });
  for (const [name, value] of headers) response.headers.append(name, value);
  return response;
}
