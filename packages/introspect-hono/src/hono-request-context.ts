import type { NativeRequestContext } from '@acme/introspect-core/adapter';
import type { Context } from 'hono';

/** A Hono request as a context. `Headers` joins two lines by a comma, and the core knows it. */
export function honoRequestContext(c: Context): NativeRequestContext<Context> {
  const { method, url, headers } = c.req.raw;
  return {
    authorization: headers.get('authorization'),
    method,
    url,
    header(name) {
      const value = headers.get(name);
      return value === null ? [] : [value];
    },
    get signal() {
      return c.req.raw.signal;
    },
    ...waitUntilOf(c),
    native: c,
  };
}

/** Only some runtimes have it; `executionCtx` throws on the others. */
function waitUntilOf(c: Context): Pick<NativeRequestContext<Context>, 'waitUntil'> {
  try {
    const { executionCtx } = c;
    return { waitUntil: (promise) => executionCtx.waitUntil(promise) };
  } catch {
    return {};
  }
}
