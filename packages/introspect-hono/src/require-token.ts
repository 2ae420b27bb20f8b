import type { ActiveToken, AuthorizerError, Policy } from '@acme/introspect-core';
import {
  type AuthorizerInput,
  adapterOptions,
  type Denial,
  isDecided,
  protect,
  resourceMetadataOf,
  webRequestContext,
} from '@acme/introspect-core/adapter';
import type { Context, MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';

export interface RequireTokenExtras {
  /** Serves the RFC 9728 document of `resource`, unguarded, where the middleware is mounted at its path (`'*'`). */
  serveResourceMetadata?: boolean;
  /** Answers in place of the middleware. */
  onError?: (error: AuthorizerError, c: Context) => Response | Promise<Response>;
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
  policy?: Policy & { optional?: false },
): MiddlewareHandler<IntrospectionEnv>;
export function requireToken(
  input: RequireTokenInput,
  policy: Policy,
): MiddlewareHandler<IntrospectionEnv<ActiveToken | null>>;
export function requireToken(input: RequireTokenInput, policy?: Policy): MiddlewareHandler {
  const extras = ['serveResourceMetadata', 'onError'] as const;
  const { source, serveResourceMetadata, onError } = adapterOptions<Context, RequireTokenExtras>(input, extras);
  const decide = protect(source, policy);
  const metadata = serveResourceMetadata ? resourceMetadataOf(source) : undefined;
  return async function requireToken(c, next) {
    const isRead = ['GET', 'HEAD'].includes(c.req.method);
    if (metadata && isRead && new URL(c.req.url).pathname === metadata.path) return c.json(metadata.document);
    const pending = decide(webRequestContext(c.req.raw, c, runtimeOf));
    const decision = isDecided(pending) ? pending : await pending; // a cache hit needs no promise
    if (!decision.allowed) return onError === undefined ? respond(decision) : onError(decision.error, c);
    if (decision.token !== undefined) c.set('introspection', decision.token);
    return next();
  };
}

/** Only some runtimes have an `executionCtx`; reading it throws on the others. */
function runtimeOf(c: Context): { waitUntil?: (promise: Promise<unknown>) => void } {
  try {
    return c.executionCtx;
  } catch {
    return {};
  }
}

function respond({ status, headers, body, error }: Denial): never {
  const res = new Response(body, { status, headers: { 'Content-Type': 'application/json' } });
  for (const [name, value] of headers) res.headers.append(name, value);
  throw new HTTPException(error.status, { res, cause: error });
}
