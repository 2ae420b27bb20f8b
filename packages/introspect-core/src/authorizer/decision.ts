import {
  type AuthorizerError,
  type HeaderField,
  isAuthorizationError,
  isIntrospectionError,
} from '../errors/errors.js';
import type { ActiveToken } from '../protocol/introspection-response.js';

/** What an adapter does with a request: it runs the handler with the token, or sends the response. */
export type Decision = Permission | Denial;

interface Permission {
  readonly allowed: true;
  /**
   * `null` if the policy is optional and the request has no bearer credentials; `undefined` for a CORS preflight that
   * `passPreflight` lets pass.
   */
  readonly token: ActiveToken | null | undefined;
}

/** The response to send, field by field, and the error that it is made of. */
export interface Denial {
  readonly allowed: false;
  readonly status: number;
  readonly headers: readonly HeaderField[];
  /** JSON. */
  readonly body: string;
  readonly error: AuthorizerError;
}

/**
 * Returns whether a decision is there, and not the promise of one. Only an own member counts: if somebody has added
 * `allowed` to the prototype of all objects, a promise must not pass for a permission.
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
 * Returns the denial that an error of this package asks for. Any other error is not ours to respond to: then the promise
 * rejects with it.
 *
 * @internal For `protect` of `/adapter`.
 */
export function denial(error: unknown): Denial | Promise<never> {
  if (!isAuthorizationError(error) && !isIntrospectionError(error)) return Promise.reject(error);
  const { status, headers, body } = error;
  return { allowed: false, status, headers, body: JSON.stringify(body), error };
}
