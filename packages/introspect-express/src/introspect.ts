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
  expectOnlyPolicy,
  isDecided,
  isHangUp,
  nodeRequestContext,
  nodeTransport,
  protect,
  requestedMetadata,
  sendDenial,
  tokenOrThrow,
} from '@acme/introspect-core/adapter';
import type { NextFunction, Request, RequestHandler, Response } from 'express';

declare global {
  namespace Express {
    interface Request {
      /** The accepted token. `null` if an optional guard accepted the request without one; absent without a guard. */
      introspection?: ActiveToken | null;
    }
  }
}

/** The options of an `Authorizer`, and those of this adapter. */
export type IntrospectOptions<
  Claims = unknown,
  Scope extends string = string,
  Role extends string = string,
> = AuthorizerOptions<Claims, Scope, Role, Request> & AdapterExtras;

/** What guards of one authorizer share. */
export interface Introspect<Claims = unknown, Scope extends string = string, Role extends string = string> {
  /** The authorizer of all guards. Absent if a function chooses it for each request. */
  readonly authorizer: Authorizer<Claims, Scope, Role>;
  /**
   * Returns middleware that lets a request pass if its token satisfies the policy. It sets `req.introspection`.
   *
   * It sends the response for a denied request itself. It calls `next(error)` only for errors of the app, such as one
   * that `check` throws.
   *
   * @example
   * ```ts
   * app.use('/api', requireToken({ scopes: ['items:read'] }));
   * ```
   * @throws TypeError naming the invalid member of the policy
   */
  requireToken<Optional extends boolean = false>(
    policy?: RoutePolicy<Claims, Scope, Role, Request, Optional>,
  ): RequestHandler;
  /**
   * Returns a guarded handler. It gets the token as its third argument: `null` if the policy is optional and the request
   * has no bearer credentials. For a CORS preflight that `passPreflight` lets pass, it does not run: the response is 204.
   * An error that it throws, or that its promise rejects with, goes to `next`.
   *
   * @example
   * ```ts
   * app.get('/me', withToken({ scopes: ['profile'] }, (req, res, token) => res.json({ sub: token.sub })));
   * ```
   * @throws TypeError naming the invalid member of the policy
   */
  withToken<Optional extends boolean = false>(
    policy: RoutePolicy<Claims, Scope, Role, Request, Optional>,
    handler: (req: Request, res: Response, token: RouteToken<Claims, Optional>) => unknown,
  ): RequestHandler;
  /**
   * Returns the token of a guarded request.
   *
   * @throws Error if no guard ran for the request, or if an optional guard accepted a request without a token
   */
  introspectionOf(req: Request): TokenWithClaims<Claims>;
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
 * app.use('/api', requireToken({ scopes: ['items:read'] }));
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
  const names = ['serveResourceMetadata'] as const;
  const transport = nodeTransport(() => import('@acme/introspect-core/undici'));
  const { source, authorizer, metadata } = adapterOptions<Request>('introspect', input as never, names, transport);

  function guard(policy: Policy | undefined, accept: (req: Request, res: Response, next: NextFunction) => unknown) {
    const decide = protect(source, policy);
    const carryOut = (decision: Decision, req: Request, res: Response, next: NextFunction) => {
      if (!decision.allowed) return sendDenial(res, decision);
      if (decision.token !== undefined) req.introspection = decision.token;
      return accept(req, res, next);
    };
    return function requireToken(req: Request, res: Response, next: NextFunction): Promise<unknown> | undefined {
      const context = nodeRequestContext(req, res, req);
      const document = requestedMetadata(metadata, context);
      if (document !== undefined) {
        res.json(document);
        return undefined;
      }
      const fail = (error: unknown) => {
        if (!isHangUp(error, context)) next(asError(error));
      };
      try {
        const decision = decide(context);
        // A cache hit needs no promise, and neither does a handler that returns none.
        const end = isDecided(decision)
          ? carryOut(decision, req, res, next)
          : decision.then((each) => carryOut(each, req, res, next));
        if (isPromise(end)) return end.then(undefined, fail);
      } catch (error) {
        fail(error);
      }
      return undefined;
    };
  }

  return {
    authorizer,
    requireToken(policy?: Policy, ...others: unknown[]) {
      expectOnlyPolicy(others);
      return guard(policy, (_, __, next) => next());
    },
    withToken: (policy: Policy, handler: (req: Request, res: Response, token: ActiveToken | null) => unknown) =>
      guard(policy, (req, res) =>
        // A preflight that `passPreflight` lets pass has no token, so the handler does not run.
        req.introspection === undefined ? res.status(204).end() : handler(req, res, req.introspection),
      ),
    introspectionOf: (req: Request) => tokenOrThrow(req.introspection, req.path, 'req.introspection'),
  };
}

/** Recognises promises of libraries too. */
function isPromise(value: unknown): value is Promise<unknown> {
  return typeof Object(value).then === 'function';
}

/** Returns what an app threw, as an object: Express takes `undefined` for success, and the text `route` for a command. */
function asError(error: unknown): object {
  if (typeof error === 'object' && error !== null) return error;
  return new Error(`The guard failed: a function of the app threw ${String(error)} instead of an error`);
}
