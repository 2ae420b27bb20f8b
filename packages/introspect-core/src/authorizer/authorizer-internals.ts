import type { InvalidTokenReason } from '../errors/errors.js';
import type { FrameworkLog } from '../events/failure-log.js';
import type { Policy } from '../policy/policy.js';
import type { TokenExpectations } from '../policy/token-validation.js';
import type { RequestContext } from '../request/request-context.js';
import type { Decision } from './decision.js';

/** What a decision depends on beside request and policy. All members are required: see `DecisionOptions`. */
interface RouteOptions {
  /** A token that did not come in an `Authorization` field. */
  readonly token: string | undefined;
  /** Why the token is rejected without a lookup. */
  readonly rejection: InvalidTokenReason | undefined;
  /** Whether an adapter sends the denial, so that the option `errorBody` makes its body. */
  readonly isRoute: boolean;
  /** Writes log lines where the framework logs. Without it, they go to `console`. */
  readonly log: FrameworkLog | undefined;
}

/** Decides about the requests of one policy. Never throws. */
export type DecideRoute = (request: RequestContext, options: RouteOptions) => Decision | Promise<Decision>;

/** What `issuers` and `tenants` need to know of an authorizer. */
export interface AuthorizerInternals {
  /** The issuers for the resource metadata (RFC 9728 §2). Empty if no issuer is configured. */
  readonly issuers: readonly string[];
  /** The values of `iss` that are accepted: the issuers and their aliases. */
  readonly acceptedIssuers: readonly string[];
  /** The option `resource`. */
  readonly resource: string | undefined;
  /**
   * Returns the function that decides by a policy.
   *
   * @throws TypeError naming the invalid member of the policy
   */
  decisions(policy: Policy): DecideRoute;
}

/** Registered, because an application can hold two copies of this package, such as its ESM and its CommonJS build. */
export const internals: unique symbol = Symbol.for('@acme/introspect-core/authorizer-internals');

/** @param decisions returns the function that decides by a policy */
export function internalsOf(
  { issuer, issuerAliases = [] }: TokenExpectations,
  resource: string | undefined,
  decisions: AuthorizerInternals['decisions'],
): AuthorizerInternals {
  const issuers = issuer === undefined ? [] : [issuer];
  return { issuers, acceptedIssuers: [...issuers, ...issuerAliases], resource, decisions };
}
