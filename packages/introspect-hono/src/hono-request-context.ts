import type { NativeRequestContext } from '@acme/introspect-core/adapter';
import type { Context } from 'hono';

/** A Hono request as a context. `Headers` joins two lines by a comma, and the core knows it. */
export class HonoRequestContext implements NativeRequestContext<Context> {
  readonly authorization: string | null;
  readonly method: string;
  readonly url: string;
  readonly header: (name: string) => readonly string[];
  readonly native: Context;

  constructor(c: Context) {
    const { method, url, headers } = c.req.raw;
    this.authorization = headers.get('authorization');
    this.method = method;
    this.url = url;
    this.header = (name) => {
      const value = headers.get(name);
      return value === null ? [] : [value];
    };
    this.native = c;
  }

  get signal(): AbortSignal {
    return this.native.req.raw.signal;
  }

  /** Only some runtimes have it; `executionCtx` throws on the others. */
  get waitUntil(): ((promise: Promise<unknown>) => void) | undefined {
    try {
      const { executionCtx } = this.native;
      return (promise) => executionCtx.waitUntil(promise);
    } catch {
      return undefined;
    }
  }
}
