import { type ActiveToken, Authorizer, type Policy, type RequestError } from '@acme/introspect-core';
import {
  type AuthorizerInput,
  authorizerSource,
  errorAnswer,
  guardBySource,
  isAtOnce,
  isRequestError,
  resourceMetadataOf,
  splitOptions,
} from '@acme/introspect-core/adapter';
import type { Context, MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { HonoRequestContext } from './hono-request-context.js';

export interface RequireTokenExtras {
  /** Serves the RFC 9728 document of `resource`, unguarded, where the middleware is mounted at its path (`'*'`). */
  serveResourceMetadata?: boolean;
  /** Answers in place of the middleware. */
  onError?: (error: RequestError, c: Context) => Response | Promise<Response>;
}

/** An `Authorizer`, a function that chooses one for each request, or the options of one. */
export type RequireTokenInput =
  | Extract<AuthorizerInput<Context>, (...args: never) => unknown>
  | (Exclude<AuthorizerInput<Context>, (...args: never) => unknown> & RequireTokenExtras);

/** For `new Hono<IntrospectionEnv>()`, where the middleware is mounted by a statement of its own. */
export interface IntrospectionEnv<Token extends ActiveToken | null = ActiveToken> {
  Variables: { introspection: Token };
}

/**
 * Middleware that lets a request pass with a token that satisfies the policy, and gives it as `c.var.introspection`.
 *
 * It throws an `HTTPException` that holds the answer, with the error as `cause`: `app.onError` sees both.
 */
export function requireToken(
  input: RequireTokenInput,
  policy: Policy & { optional: true },
): MiddlewareHandler<IntrospectionEnv<ActiveToken | null>>;
export function requireToken(
  input: RequireTokenInput,
  policy?: Policy & { optional?: false },
): MiddlewareHandler<IntrospectionEnv>;
export function requireToken(
  input: RequireTokenInput,
  policy: Policy,
): MiddlewareHandler<IntrospectionEnv<ActiveToken | null>>;
export function requireToken(input: RequireTokenInput, policy?: Policy): MiddlewareHandler {
  const { serveResourceMetadata = false, onError, source } = resolved(input);
  const guard = guardBySource(source, policy);
  const metadata = serveResourceMetadata ? resourceMetadataOf(source) : undefined;
  return async function requireToken(c, next) {
    if (
      metadata !== undefined &&
      new URL(c.req.url).pathname === metadata.path &&
      ['GET', 'HEAD'].includes(c.req.method)
    )
      return c.json(metadata.document);
    try {
      const outcome = guard(new HonoRequestContext(c));
      const token = isAtOnce(outcome) ? outcome : await outcome;
      if (token !== undefined) c.set('introspection', token);
    } catch (error) {
      if (!isRequestError(error)) throw error;
      if (onError !== undefined) return onError(error, c);
      throw exceptionOf(error);
    }
    return next();
  };
}

function resolved(input: RequireTokenInput) {
  const isOptions = typeof input === 'object' && input !== null && !(input instanceof Authorizer);
  if (!isOptions) return { source: authorizerSource(input as AuthorizerInput<Context>) };
  const [extras, options] = splitOptions(input as RequireTokenExtras, ['serveResourceMetadata', 'onError']);
  return { ...extras, source: authorizerSource(options as AuthorizerInput<Context>) };
}

function exceptionOf(error: RequestError): HTTPException {
  const { status, headers, body } = errorAnswer(error);
  const fields: [string, string][] = [
    ['Content-Type', 'application/json'],
    ...headers.map(([name, value]): [string, string] => [name, value]),
  ];
  return new HTTPException(error.status, { res: new Response(body, { status, headers: fields }), cause: error });
}
