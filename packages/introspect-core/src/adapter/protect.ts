import {
  type ActiveToken,
  type AnyAuthorizer,
  checkPolicy,
  type Decision,
  denial,
  isAuthorizer,
  isPreflight,
  type LogEntry,
  type Policy,
  type RequestContext,
} from '@acme/introspect-core';
import { type AuthorizerSource, sourceParts } from './authorizer-source.js';

/** A request's context, with the framework's own request. */
export interface NativeRequestContext<Native> extends RequestContext<Native> {
  /** The framework's own request object, one for each request. */
  native: Native;
}

/** Decides about one request of a route. */
export type Protect<Native> = (request: NativeRequestContext<Native>) => Decision | Promise<Decision>;

/** For a CORS preflight that `passPreflight` lets pass. */
const preflightPasses: Decision = Object.freeze({ allowed: true, token: undefined });

/**
 * Returns the function that decides about the requests of a route. It returns the decision itself, without a promise,
 * on a cache hit; `isDecided` tells the two apart. It never throws: the promise rejects with an error that is
 * not of the core, such as one of the app's `check`, and with `signal.reason` after a hang-up ({@link isHangUp}).
 *
 * The policy is checked now. If a function chooses the authorizer, the parts that depend on its options are checked at
 * its first request: for example, `anyRole` needs `rolesOf`. `OPTIONS` is protected like every other method, except
 * when `passPreflight` is true.
 *
 * @param log writes a line where the framework logs. It is called if the authorizer has no option `log` of its own; by
 * default, lines go to `console`
 * @throws TypeError naming what is wrong with the policy
 */
export function protect<Native>(
  source: AuthorizerSource<Native>,
  policy: Policy = {},
  log?: (entry: LogEntry, native: Native) => void,
): Protect<Native> {
  const frameworkLog = log as ((entry: LogEntry, native: unknown) => void) | undefined;
  const { authorizer: chosen, passPreflight } = sourceParts(source);
  if (typeof chosen !== 'function') {
    const decide = chosen.decider(policy, frameworkLog);
    if (!(passPreflight ?? chosen.passPreflight)) return decide;
    return (request) => (isPreflight(request) ? preflightPasses : decide(request));
  }
  checkPolicy(policy);
  const deciders = new WeakMap<AnyAuthorizer, Protect<Native>>();
  return async (request) => {
    if (passPreflight === true && isPreflight(request)) return preflightPasses;
    try {
      const authorizer = await chosen(request.native);
      if (!isAuthorizer(authorizer))
        throw new TypeError('The function that chooses the authorizer must return an Authorizer');
      if (passPreflight === undefined && authorizer.passPreflight && isPreflight(request)) return preflightPasses;
      const decide = deciders.get(authorizer) ?? authorizer.decider(policy, frameworkLog);
      deciders.set(authorizer, decide);
      return await decide(request);
    } catch (error) {
      return denial(error); // the function that chooses may throw an error of the core, such as an AccessDeniedError
    }
  };
}

/**
 * Returns whether the promise of a decision rejected with this error because the caller has hung up. Then nobody needs a
 * response or a log line, but the handler must still not run.
 */
export function isHangUp(error: unknown, { signal }: RequestContext): boolean {
  return signal?.aborted === true && error === signal.reason;
}

/**
 * Checks that `requireToken` of an adapter for middleware got a policy alone.
 *
 * @param others the arguments after the policy: a framework has called `requireToken` as middleware if there are any
 * @throws TypeError that says what to write
 */
export function expectOnlyPolicy(others: readonly unknown[]): void {
  if (others.length === 0) return;
  throw new TypeError(
    'requireToken takes a policy alone, and returns the middleware: call it, as in app.use(requireToken()). Pass options or an Authorizer to introspect()',
  );
}

/**
 * Returns the token of a guarded request. For `introspectionOf` of adapters.
 *
 * @param token `null` if an optional guard accepted the request without a token; `undefined` if no guard accepted it
 * @param route the path of the request, for the error message
 * @param variable where the handler finds the token or `null`, for the error message
 * @throws Error without a token
 */
export function tokenOrThrow(token: ActiveToken | null | undefined, route: string, variable: string): ActiveToken {
  if (token) return token;
  throw new Error(
    token === null
      ? `The request to ${route} has no token, and its guard is optional: use ${variable}, which is null then`
      : `No guard accepted the request to ${route}: guard the route with requireToken()`,
  );
}
