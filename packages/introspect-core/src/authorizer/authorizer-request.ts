import { InvalidTokenError } from '../errors/errors.js';
import type { Credentials } from '../request/bearer-token.js';
import type { RequestContext } from '../request/request-context.js';

/** What an authorizer decides about. `{ token }` is for a token that did not come in an `Authorization` field. */
export type AuthorizerRequest = Credentials | Request | RequestContext | { readonly token: string };

type Context = RequestContext & { readonly token?: string };

/** @throws InvalidTokenError (`malformed`) if `token` is not a string, or is empty */
export function contextOf(request: AuthorizerRequest): Context {
  if (typeof request !== 'object' || request === null || isLines(request)) return { authorization: request };
  if ('authorization' in request) return request;
  if ('headers' in request) return webContext(request);
  const { token } = request;
  if (typeof token !== 'string' || token === '') throw new InvalidTokenError('malformed');
  return { authorization: undefined, token };
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
