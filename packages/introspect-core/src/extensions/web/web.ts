/** Guards for handlers of the web-standard `Request`: Next.js, SvelteKit, h3, Elysia, Bun, Deno, Workers and others. */
import type {
  ActiveToken,
  Authorizer,
  AuthorizerOptions,
  Policy,
  RoutePolicy,
  RouteToken,
  TokenWithClaims,
} from '@acme/introspect-core';
import {
  type AdapterExtras,
  adapterOptions,
  type ChooseAuthorizer,
  denialResponse,
  isDecided,
  protect,
  requestedMetadata,
  type SharedAuthorizer,
  tokenOrThrow,
  type WebRuntime,
  webRequestContext,
} from '@acme/introspect-core/adapter';

/** The options of an `Authorizer`, and those of this adapter. */
export type IntrospectOptions<
  Claims = unknown,
  Scope extends string = string,
  Role extends string = string,
> = AuthorizerOptions<Claims, Scope, Role, Request> & AdapterExtras;

/** What `introspect` returns: functions that make guards, all with the same authorizer. */
export interface Introspect<Claims = unknown, Scope extends string = string, Role extends string = string> {
  /** The authorizer of all guards. Absent if a function chooses it for each request. */
  readonly authorizer: Authorizer<Claims, Scope, Role>;
  /**
   * Returns a guard. For each request, it gives the token, or the response that the handler must return: a denial, the
   * document of `serveResourceMetadata`, or 204 for a CORS preflight that `passPreflight` lets pass. If the policy is
   * optional and the request has no bearer credentials, it gives `null`.
   *
   * Its promise rejects with errors of the app, such as one of `check`, and with `request.signal.reason` after a hang-up.
   *
   * @example
   * ```ts
   * const token = await requireToken({ scopes: ['items:read'] })(request);
   * if (token instanceof Response) return token;
   * ```
   * @throws TypeError naming the invalid member of the policy
   */
  requireToken<Optional extends boolean = false>(
    policy?: RoutePolicy<Claims, Scope, Role, Request, Optional>,
  ): (request: Request, runtime?: WebRuntime) => Promise<RouteToken<Claims, Optional> | Response>;
  /**
   * Returns a guarded handler. It gets the token as its second argument, before the other arguments of the runtime. If
   * one of these has `waitUntil`, such as the `ctx` of a Worker, work in the background goes through it.
   *
   * @example
   * ```ts
   * export const GET = withToken({ scopes: ['profile'] }, (request, token) => Response.json({ sub: token.sub }));
   * ```
   * @throws TypeError naming the invalid member of the policy
   */
  withToken<Rest extends unknown[], Optional extends boolean = false>(
    policy: RoutePolicy<Claims, Scope, Role, Request, Optional>,
    handler: (request: Request, token: RouteToken<Claims, Optional>, ...rest: Rest) => Response | Promise<Response>,
  ): (request: Request, ...rest: Rest) => Promise<Response>;
  /**
   * Returns the token of a guarded request.
   *
   * @throws Error if no guard ran for the request, or if an optional guard accepted a request without a token
   */
  introspectionOf(request: Request): TokenWithClaims<Claims>;
}

/** An existing authorizer, or a function that chooses one, with the adapter's own options. */
type Shared<Of> = SharedAuthorizer<Of> & AdapterExtras;

/**
 * Returns functions that make guards, all with the same authorizer. Pass an `Authorizer`, the options of one, or a
 * function that chooses one for each request.
 *
 * @example
 * ```ts
 * const { withToken } = introspect({ issuer, clientId, clientSecret });
 * export default { fetch: withToken({}, (request, token) => Response.json({ sub: token.sub })) };
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
  choose: ChooseAuthorizer<Request> | Shared<ChooseAuthorizer<Request>>,
): Omit<Introspect, 'authorizer'>;
export function introspect(input: object): object {
  const { source, authorizer, metadata } = adapterOptions<Request>('introspect', input as never, [
    'serveResourceMetadata',
  ]);
  const tokens = new WeakMap<Request, ActiveToken | null>();

  function requireToken(policy?: Policy) {
    const decide = protect(source, policy);
    return async (request: Request, runtime?: WebRuntime) => {
      const context = webRequestContext(request, request, () => runtime);
      const document = requestedMetadata(metadata, context);
      if (document !== undefined) return Response.json(document);
      const pending = decide(context);
      const decision = isDecided(pending) ? pending : await pending;
      if (!decision.allowed) return denialResponse(decision);
      if (decision.token === undefined) return new Response(null, { status: 204 });
      tokens.set(request, decision.token);
      return decision.token;
    };
  }

  return {
    authorizer,
    requireToken,
    withToken(policy: Policy, handler: (request: Request, token: ActiveToken | null, ...rest: unknown[]) => Response) {
      const guard = requireToken(policy);
      return async (request: Request, ...rest: unknown[]) => {
        const token = await guard(request, rest.find(hasWaitUntil));
        return token instanceof Response ? token : handler(request, token, ...rest);
      };
    },
    introspectionOf: (request: Request) =>
      tokenOrThrow(tokens.get(request), new URL(request.url).pathname, 'the token of the guard'),
  };
}

function hasWaitUntil(value: unknown): value is WebRuntime {
  return typeof Object(value).waitUntil === 'function';
}
