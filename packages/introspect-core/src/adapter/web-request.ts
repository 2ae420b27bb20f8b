import type { NativeRequestContext } from './protect.js';

/** What some runtimes give beside a request, such as the `ctx` of a Cloudflare Worker. */
interface WebRuntime {
  /** Keeps the runtime awake for work that goes on after the response. */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
}

/**
 * Returns a web-standard request as a context. `Headers` joins two lines by a comma, and the core rejects the result.
 *
 * `signal` and `waitUntil` are read when they are needed, and not before.
 *
 * @param native the framework's own request, one object for each request; the request itself by default
 */
export function webRequestContext(request: Request): NativeRequestContext<Request>;
export function webRequestContext<Native>(
  request: Request,
  native: Native,
  runtime?: WebRuntime,
): NativeRequestContext<Native>;
export function webRequestContext(
  request: Request,
  native: unknown = request,
  runtime: WebRuntime = {},
): NativeRequestContext<unknown> {
  return new WebRequestContext(request, native, runtime);
}

class WebRequestContext implements NativeRequestContext<unknown> {
  readonly authorization: string | null;
  readonly method: string;
  readonly url: string;
  readonly header: (name: string) => readonly string[];
  readonly native: unknown;
  readonly #request: Request;
  readonly #runtime: WebRuntime;

  constructor(request: Request, native: unknown, runtime: WebRuntime) {
    const { method, url, headers } = request;
    this.authorization = headers.get('authorization');
    this.method = method;
    this.url = url;
    this.header = (name) => {
      const value = headers.get(name);
      return value === null ? [] : [value];
    };
    this.native = native;
    this.#request = request;
    this.#runtime = runtime;
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }

  get waitUntil(): WebRuntime['waitUntil'] {
    const { waitUntil } = this.#runtime;
    return waitUntil && ((promise) => waitUntil.call(this.#runtime, promise));
  }
}
