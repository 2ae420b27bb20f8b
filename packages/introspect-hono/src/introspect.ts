import type { ActiveToken, Authorizer, AuthorizerOptions, Policy, TokenWithClaims } from '@acme/introspect-core';
import {
  adapterOptions,
  isDecided,
  protect,
  resourceMetadataOf,
  webRequestContext,
} from '@acme/introspect-core/adapter';
import type { Context, Env, Handler, MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';

/** The adapter's own options. */
export interface IntrospectExtras {
  /**
   * Serves the RFC 9728 document of `resource`, unguarded, if the middleware is mounted at its path (`'*'`).
   *
   * @default false
   */
  serveResourceMetadata?: boolean;
}

/** The options of an `Authorizer`, and those of this adapter. */
export type IntrospectOptions<
  Claims = unknown,
  Scope extends string = string,
  Role extends string = string,
> = AuthorizerOptions<Claims, Scope, Role, Context> & IntrospectExtras;

/** An existing authorizer, with the adapter's own options. */
export interface SharedAuthorizer<Shared> extends IntrospectExtras {
  authorizer: Shared;
  /** Overrides the authorizer's own `passPreflight`. Read the warning there. */
  passPreflight?: boolean;
}

/** The variable that a guard sets: `c.var.introspection`. Use it for `new Hono<IntrospectionEnv>()`. */
export interface IntrospectionEnv<Token extends ActiveToken | null = ActiveToken> {
  Variables: { introspection: Token };
}

type RoutePolicy<Claims, Scope extends string, Role extends string> = Policy<Claims, Scope, Role, Context>;
type Required = { optional?: false };
type ChooseAuthorizer = (c: Context) => Authorizer | Promise<Authorizer>;
type Proceed = (token: ActiveToken | null | undefined) => Response | Promise<unknown>;

/** What guards of one authorizer share. */
export interface Introspect<Claims = unknown, Scope extends string = string, Role extends string = string> {
  readonly authorizer: Authorizer<Claims, Scope, Role>;
  /**
   * Returns middleware that lets a request pass if its token satisfies the policy. It sets `c.var.introspection`.
   *
   * For a denied request, it throws an `HTTPException` that holds the response. `app.onError` sees it, and the error of
   * the authorizer as its `cause`.
   *
   * @throws TypeError naming the invalid member of the policy
   */
  requireToken(
    policy?: RoutePolicy<Claims, Scope, Role> & Required,
  ): MiddlewareHandler<IntrospectionEnv<TokenWithClaims<Claims>>>;
  requireToken(
    policy: RoutePolicy<Claims, Scope, Role>,
  ): MiddlewareHandler<IntrospectionEnv<TokenWithClaims<Claims> | null>>;
  /**
   * Returns a guarded handler. It gets the token as its second argument: `null` if the policy is optional and the request
   * has no bearer credentials.
   */
  withToken<E extends Env = Env, Path extends string = string>(
    policy: RoutePolicy<Claims, Scope, Role> & Required,
    handler: (c: Context<E, Path>, token: TokenWithClaims<Claims>) => Response | Promise<Response>,
  ): Handler<E, Path>;
  withToken<E extends Env = Env, Path extends string = string>(
    policy: RoutePolicy<Claims, Scope, Role>,
    handler: (c: Context<E, Path>, token: TokenWithClaims<Claims> | null) => Response | Promise<Response>,
  ): Handler<E, Path>;
  /**
   * Returns the token of a guarded request.
   *
   * @throws Error if no guard ran for the request, or if an optional guard accepted a request without a token
   */
  introspectionOf(c: Context): TokenWithClaims<Claims>;
}

/**
 * Binds guards to one authorizer: to an `Authorizer`, to one that is made of these options, or to a function that chooses
 * one for each request.
 *
 * @example const { requireToken } = introspect({ issuer, clientId, clientSecret });
 * app.use('/api/*', requireToken({ scopes: ['items:read'] }));
 * @throws TypeError naming the option
 */
export function introspect<Claims = unknown, Scope extends string = string, Role extends string = string>(
  options: IntrospectOptions<Claims, Scope, Role>,
): Introspect<Claims, Scope, Role>;
export function introspect<Claims, Scope extends string, Role extends string>(
  authorizer: Authorizer<Claims, Scope, Role> | SharedAuthorizer<Authorizer<Claims, Scope, Role>>,
): Introspect<Claims, Scope, Role>;
export function introspect(
  chooseAuthorizer: ChooseAuthorizer | SharedAuthorizer<ChooseAuthorizer>,
): Omit<Introspect, 'authorizer'>;
export function introspect(input: object): object {
  const names = ['serveResourceMetadata'] as const;
  const { extras, source, authorizer } = adapterOptions<Context, IntrospectExtras>('introspect', input as never, names);
  const metadata = extras.serveResourceMetadata ? resourceMetadataOf(source) : undefined;

  const guard = (policy?: Policy) => {
    const decide = protect(source, policy);
    return async (c: Context, proceed: Proceed) => {
      const isRead = c.req.method === 'GET' || c.req.method === 'HEAD';
      if (metadata && isRead && new URL(c.req.url).pathname === metadata.path) return c.json(metadata.document);
      const pending = decide(webRequestContext(c.req.raw, c, runtimeOf));
      const decision = isDecided(pending) ? pending : await pending; // a cache hit needs no promise
      if (decision.allowed) {
        if (decision.token !== undefined) c.set('introspection', decision.token);
        return proceed(decision.token);
      }
      const { status, headers, body, error } = decision;
      const res = new Response(body, { status, headers: { 'Content-Type': 'application/json' } });
      for (const [name, value] of headers) res.headers.append(name, value);
      throw new HTTPException(error.status, { res, cause: error });
    };
  };

  return {
    authorizer,
    requireToken(policy?: Policy) {
      const run = guard(policy);
      return function requireToken(c: Context, next: () => Promise<void>) {
        return run(c, next);
      };
    },
    withToken(policy: Policy, handler: (c: Context, token: ActiveToken | null) => Response | Promise<Response>) {
      const run = guard(policy);
      return (c: Context) =>
        // A preflight that `passPreflight` lets pass has no token, so the handler does not run.
        run(c, (token) => (token === undefined ? c.body(null, 204) : handler(c, token)));
    },
    introspectionOf: tokenOf,
  };
}

function tokenOf(c: Context): ActiveToken {
  const token: ActiveToken | null | undefined = c.get('introspection');
  if (token) return token;
  throw new Error(
    token === null
      ? `The request to ${c.req.path} has no token, and its guard is optional: use c.var.introspection, which is null then`
      : `No guard ran for ${c.req.path}: put requireToken() in front of the handler`,
  );
}

/** Only some runtimes have an `executionCtx`; on the others, reading it throws. */
function runtimeOf(c: Context): { waitUntil?: (promise: Promise<unknown>) => void } {
  try {
    return c.executionCtx;
  } catch {
    return {};
  }
}
