import type { Policy } from '../policy/policy.js';
import type { TokenExpectations } from '../policy/token-validation.js';
import type { DecideRoute } from './route-options.js';

/** What `issuers` and `tenants` need to know of an authorizer. */
export interface AuthorizerInternals {
  /** The issuers for the resource metadata (RFC 9728 §2). Empty if no issuer is configured. */
  readonly issuers: readonly string[];
  /** The values of `iss` that are accepted: the issuers and their aliases. */
  readonly acceptedIssuers: readonly string[];
  /** The option `resource`. */
  readonly resource: string | undefined;
  /** How many tokens may stay in memory as they are: `frontEntries` of the cache, and 0 without a cache. */
  readonly frontEntries: number;
  /**
   * Returns the function that decides about requests by a policy.
   *
   * @throws TypeError naming the invalid member of the policy
   */
  deciderFor(policy: Policy): DecideRoute;
}

/** Registered, because an application can hold two copies of this package, such as its ESM and its CommonJS build. */
export const internals: unique symbol = Symbol.for('@acme/introspect-core/authorizer-internals');

/** Returns what `issuers` and `tenants` need to know of an authorizer with these expectations and options. */
export function internalsOf(
  { issuer, issuerAliases = [] }: TokenExpectations,
  { resource, cache }: { resource?: string | undefined; cache?: { readonly frontEntries: number } | undefined },
  deciderFor: AuthorizerInternals['deciderFor'],
): AuthorizerInternals {
  const issuers = issuer === undefined ? [] : [issuer];
  const acceptedIssuers = [...issuers, ...issuerAliases];
  return { issuers, acceptedIssuers, resource, frontEntries: cache?.frontEntries ?? 0, deciderFor };
}
