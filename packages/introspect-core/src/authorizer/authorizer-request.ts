import type { Credentials } from '../request/bearer-token.js';
import type { RequestContext } from '../request/request-context.js';

/**
 * What an authorizer decides about: the value of an `Authorization` field or its lines, a web-standard `Request`, or a
 * {@link RequestContext}. `{ token }` is for a token that did not come in an `Authorization` field: pass it without a
 * scheme.
 */
export type AuthorizerRequest = Credentials | Request | RequestContext | { readonly token: string };

/**
 * Decides about one request, by a policy that was checked when the guard was made. Resolves with the active token, or
 * with `null` if the policy is optional and there are no bearer credentials. Rejects like `authorize`.
 */
export type Guard<Token> = (request: AuthorizerRequest) => Promise<Token>;

type Context = RequestContext & { readonly token?: string };

/**
 * Returns the request as a context. A `token` that is not a string becomes an empty one, which is malformed.
 *
 * @throws TypeError for an object of another kind, such as the request of Node or Express
 */
export function contextOf(request: AuthorizerRequest): Context {
  if (typeof request !== 'object' || request === null || isLines(request)) return { authorization: request };
  if ('authorization' in request) return request;
  if ('headers' in request && typeof request.headers.get === 'function') return webContext(request);
  if (!('token' in request)) {
    throw new TypeError(
      'authorize: pass an Authorization value, a web-standard Request, a RequestContext or { token }',
    );
  }
  const { token } = request;
  return { authorization: undefined, token: typeof token === 'string' ? token : '' };
}

/** Returns the token of `{ token }`. A polluted `Object.prototype` must not supply one. */
export function givenToken(context: Context): string | undefined {
  return Object.hasOwn(context, 'token') ? context.token : undefined;
}

function isLines(request: AuthorizerRequest): request is readonly string[] {
  return Array.isArray(request);
}

function webContext(request: Request): Context {
  const { method, url, headers, signal } = request;
  const lines = (name: string) => {
    const value = headers.get(name);
    return value === null ? [] : [value];
  };
  return { authorization: headers.get('authorization'), method, url, header: lines, signal, native: request };
}
