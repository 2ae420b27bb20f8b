import {
  type AuthorizerError,
  type HeaderField,
  isAuthorizationError,
  isIntrospectionError,
} from '../errors/errors.js';
import type { ActiveToken, RouteToken } from '../protocol/active-token.js';
import { isPromise } from '../runtime/is-promise.js';

/** What an adapter does with a request: it runs the handler with the token, or sends the response. */
export type Decision = Permission | Denial;

/** The handler may run. */
interface Permission {
  /** Whether the handler may run. */
  readonly allowed: true;
  /**
   * `null` if the policy is optional and the request has no bearer credentials; `undefined` for a CORS preflight that
   * `passPreflight` lets pass.
   */
  readonly token: ActiveToken | null | undefined;
}

/** The response to send, and the error that it was made from. */
export interface Denial {
  /** Whether the handler may run. */
  readonly allowed: false;
  /** The HTTP status: 400, 401, 403 or 503. */
  readonly status: number;
  /** The header fields of the response, without `Content-Type`. */
  readonly headers: readonly HeaderField[];
  /** The body of the response: JSON. */
  readonly body: string;
  /** Why the request was denied. */
  readonly error: AuthorizerError;
}

/** Returns the JSON body of the response to an error, instead of the error's own body. */
export type ErrorBody = (error: AuthorizerError, native: unknown) => object;

/**
 * Returns whether a value is a decision, and not the promise of one. Only an own member counts: a polluted
 * `Object.prototype` must not turn a promise into a permission.
 *
 * @internal For adapters.
 */
export function isDecided(decision: Decision | Promise<Decision>): decision is Decision {
  return Object.hasOwn(decision, 'allowed');
}

export function permission(token: ActiveToken | null): Permission {
  return { allowed: true, token };
}

/**
 * Returns the response to an error of this package. For any other error, it returns a promise that rejects with that
 * error: the application must handle it. It rejects too if `errorBody` throws, or returns no object.
 *
 * @internal For `protect` of `/adapter`.
 */
export function denial(error: unknown, errorBody?: ErrorBody, native?: unknown): Denial | Promise<never> {
  if (!isAuthorizationError(error) && !isIntrospectionError(error)) return Promise.reject(error);
  const { status, headers } = error;
  try {
    const body: unknown = errorBody === undefined ? error.body : errorBody(error, native);
    if (typeof body !== 'object' || body === null || isPromise(body)) {
      throw new TypeError('"errorBody" must return an object, and not a promise');
    }
    return { allowed: false, status, headers, body: JSON.stringify(body), error };
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}

/**
 * Returns the token, whose claims the policy has checked.
 *
 * @throws the error of a denial
 */
export function grantedToken<Claims, Optional extends boolean>(decision: Decision): RouteToken<Claims, Optional> {
  if (decision.allowed) return (decision.token ?? null) as RouteToken<Claims, Optional>;
  throw decision.error;
}
