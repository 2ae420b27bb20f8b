import type {
  ActiveToken,
  Authorizer,
  AuthorizerOptions,
  Policy,
  RoutePolicy,
  RouteToken,
  TokenWithClaims,
} from '@acme/introspect-core';
import type { AdapterExtras, ChooseAuthorizer, Decision, SharedAuthorizer } from '@acme/introspect-core/adapter';
import {
  adapterOptions,
  denialResponse,
  expectOnlyPolicy,
  isDecided,
  protect,
  requestedMetadata,
  tokenOrThrow,
  webRequestContext,
} from '@acme/introspect-core/adapter';
import type { Context, MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';

/** The options of an `Authorizer`, and those of this adapter. */
export type IntrospectOptions<
  Claims = unknown,
  Scope extends string = string,
  Role extends string = string,
> = AuthorizerOptions<Claims, Scope, Role, Context> & AdapterExtras;

/** The variable that a guard sets: `c.var.introspection`. Use it for `new Hono<IntrospectionEnv>()`. */
export interface IntrospectionEnv<Token extends ActiveToken | null = ActiveToken> {
  /** The variables of the context, typed for `c.var`. */
  Variables: { introspection: Token };
}

const noHandler = 'withToken takes a policy and a handler: pass {} as the policy to accept every valid token';

type Proceed = (token: ActiveToken | null | undefined) => Response | Promise<unknown>;

/** What guards of one authorizer share. */
export interface Introspect<Claims = unknown, Scope extends string = string, Role extends string = string> {
  /** The authorizer of all guards. Absent if a function chooses it for each request. */
  readonly authorizer: Authorizer<Claims, Scope, Role>;
  /**
   * Returns middleware that lets a request pass if its token satisfies the policy. It sets `c.var.introspection`.
   *
   * For a denied request, it throws an `HTTPException` that holds the response. `app.onError` sees it, and the error of
   * the authorizer as its `cause`.
   *
   * @example
   * ```ts
   * app.use('/api/*', requireToken({ scopes: ['items:read'] }));
   * ```
   * @throws TypeError naming the invalid member of the policy
   */
  requireToken<Optional extends boolean = false>(
    policy?: RoutePolicy<Claims, Scope, Role, Context, Optional>,
  ): MiddlewareHandler<IntrospectionEnv<RouteToken<Claims, Optional>>>;
  /**
   * Returns a guarded handler. It gets the token as its second argument: `null` if the policy is optional and the
   * request has no bearer credentials. For a CORS preflight that `passPreflight` lets pass, it does not run: the
   * response is 204.
   *
   * @example
   * ```ts
   * app.get('/me', withToken({ scopes: ['profile'] }, (c, token) => c.json({ sub: token.sub })));
   * ```
   * @throws TypeError naming the invalid member of the policy
   */
  withToken<Result extends Response | Promise<Response>, Optional extends boolean = false>(
    policy: RoutePolicy<Claims, Scope, Role, Context, Optional>,
    handler: (c: Context, token: RouteToken<Claims, Optional>) => Result,
  ): (c: Context) => Result | Promise<Awaited<Result>>;
  /**
   * Returns the token of a guarded request.
   *
   * @throws Error if no guard ran for the request, or if an optional guard accepted a request without a token
   */
  introspectionOf(c: Context): TokenWithClaims<Claims>;
}

/** An existing authorizer, or a function that chooses one, with the adapter's own options. */
type Shared<Of> = SharedAuthorizer<Of> & AdapterExtras;

/**
 * Binds guards to one authorizer: to an `Authorizer`, to one that is made of these options, or to a function that
 * chooses one for each request.
 *
 * @example
 * ```ts
 * const { requireToken, withToken } = introspect({ issuer, clientId, clientSecret });
 * app.use('/api/*', requireToken({ scopes: ['items:read'] }));
 * ```
 * @throws TypeError naming the option
 */
export function introspect<Claims = unknown, Scope extends string = string, Role extends string = string>(
  options: IntrospectOptions<Claims, Scope, Role>,
): Introspect<Claims, Scope, Role>;
export function introspect<Claims, Scope extends string, Role extends string>(
  authorizer: Authorizer<Claims, Scope, Role> | Shared<Authorizer<Claims, Scope, Role>>,
): Introspect<Claims, Scope, Role>;
export function introspect(
  choose: ChooseAuthorizer<Context> | Shared<ChooseAuthorizer<Context>>,
): Omit<Introspect, 'authorizer'>;
export function introspect(input: object): object {
  const { source, authorizer, metadata } = adapterOptions<Context>('introspect', input as never, [
    'serveResourceMetadata',
  ]);

  const guard = (policy?: Policy) => {
    const decide = protect(source, policy);
    return (c: Context, proceed: Proceed): Response | Promise<unknown> => {
      const context = webRequestContext(c.req.raw, c, ({ executionCtx }) => executionCtx);
      const document = requestedMetadata(metadata, context);
      if (document !== undefined) return c.json(document);
      const decision = decide(context);
      // A cache hit needs no promise, and Hono's server for Node sends a response without one faster.
      return isDecided(decision) ? carryOut(decision, c, proceed) : decision.then((each) => carryOut(each, c, proceed));
    };
  };

  return {
    authorizer,
    requireToken(policy?: Policy, ...others: unknown[]) {
      expectOnlyPolicy(others);
      const run = guard(policy);
      return function requireToken(c: Context, next: () => Promise<void>) {
        return run(c, next);
      };
    },
    withToken(policy: Policy, handler: (c: Context, token: ActiveToken | null) => Response | Promise<Response>) {
      if (typeof handler !== 'function') throw new TypeError(noHandler);
      const run = guard(policy);
      return (c: Context) =>
        // A preflight that `passPreflight` lets pass has no token, so the handler does not run.
        run(c, (token) => (token === undefined ? c.body(null, 204) : handler(c, token)));
    },
    introspectionOf: (c: Context) => tokenOrThrow(c.get('introspection'), c.req.path, 'c.var.introspection'),
  };
}

/** @throws HTTPException for a denied request */
function carryOut(decision: Decision, c: Context, proceed: Proceed): Response | Promise<unknown> {
  if (!decision.allowed) {
    const { error } = decision;
    throw new HTTPException(error.status, { res: denialResponse(decision), cause: error });
  }
  if (decision.token !== undefined) c.set('introspection', decision.token);
  return proceed(decision.token);
}
