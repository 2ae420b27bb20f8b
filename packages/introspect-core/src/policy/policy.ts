import * as v from 'valibot';
import { challengeProblem } from '../errors/challenge.js';
import { checkedOptions, narrowing, optionsObject, textList, withoutMembers } from '../options.js';
import type { TokenWithClaims } from '../protocol/active-token.js';
import type { RequestContext } from '../request/request-context.js';

/**
 * What a route requires of a valid token. All members that are present must hold.
 *
 * `Scope` and `Role` are the vocabularies of the authorizer, `Claims` is the type of `token.claims`, and `Native` is
 * the framework's own request. To declare a policy for an authorizer with vocabularies or claims, use
 * `PolicyOf<typeof authorizer>` or `as const satisfies Policy`. With the plain type `Policy` it does not compile there.
 *
 * A member that is present but `undefined`, empty or unknown throws a TypeError where the policy is used.
 *
 * @example
 * ```ts
 * const policy: Policy = { scopes: ['items:read'], anyOf: [{ roles: ['admin'] }, { check: isOwner }] };
 * ```
 */
export interface Policy<Claims = unknown, Scope extends string = string, Role extends string = string, Native = unknown>
  extends PolicyBranch<Claims, Scope, Role, Native> {
  /**
   * How old the server's response may be, in seconds since it was requested. With 0, it must have been requested after
   * the HTTP request arrived. All guards of one HTTP request share that response.
   *
   * @default any age that `cache` allows
   */
  maxResponseAgeSeconds?: number;
  /**
   * Whether a request without bearer credentials passes. The handler then gets `null` instead of a token. A request
   * with an invalid token is still denied.
   *
   * @default false
   */
  optional?: boolean;
}

/** The members of a policy that may be in `anyOf`. */
export interface PolicyBranch<
  Claims = unknown,
  Scope extends string = string,
  Role extends string = string,
  Native = unknown,
> {
  /**
   * The token must have all of these scopes, as whole words of its `scope` (RFC 6749 §3.3). Otherwise the response is
   * 403 (`insufficient_scope`).
   *
   * @default no scope is needed
   */
  scopes?: readonly Scope[];
  /**
   * The token must have one of these scopes. The challenge names the first one.
   *
   * @default no scope is needed
   */
  anyScope?: readonly Scope[];
  /**
   * The token must have all of these roles, as the authorizer's `rolesOf` returns them. Otherwise the response is 403
   * (`access_denied`).
   *
   * @default no role is needed
   */
  roles?: readonly Role[];
  /**
   * The token must have one of these roles, as the authorizer's `rolesOf` returns them.
   *
   * @default no role is needed
   */
  anyRole?: readonly Role[];
  /**
   * The token must satisfy one of these policies. They are judged in the given order. If the token satisfies none, the
   * error is that of the first policy. If a `check` of these policies throws an AuthorizationError, its policy is not
   * satisfied.
   *
   * @default no alternatives
   */
  anyOf?: readonly PolicyBranch<Claims, Scope, Role, Native>[];
  /**
   * How long ago the user may have logged in, in whole seconds (RFC 9470 §3). A token without `auth_time` is rejected
   * (`insufficient_user_authentication`).
   *
   * @default the time of the login is not checked
   */
  maxAuthenticationAgeSeconds?: number;
  /**
   * The token's `acr` must be one of these (RFC 9470 §3). A token without `acr` is rejected
   * (`insufficient_user_authentication`).
   *
   * @default `acr` is not checked
   */
  acrValues?: readonly string[];
  /**
   * Your own check, which is judged last. Any result except `true` denies the request with 403 (`access_denied`). An
   * error that it throws is not caught, except an AuthorizationError within `anyOf`.
   *
   * @default no further check
   */
  check?(token: TokenWithClaims<Claims>, request: RequestContext<Native>): boolean | Promise<boolean>;
}

/** A policy whose `optional` the compiler knows. */
export type RoutePolicy<Claims, Scope extends string, Role extends string, Native, Optional extends boolean> = Policy<
  Claims,
  Scope,
  Role,
  Native
> & {
  /** Whether a request without bearer credentials passes. */
  optional?: Optional;
};

/**
 * The member of a policy that holds further policies, all of which must hold. Both builds and all copies use this key.
 */
export const allOf: unique symbol = Symbol.for('@acme/introspect-core/all-of');

/**
 * A member of each policy with {@link allOf}. A copy that has lost the symbol, such as one by `structuredClone`, still has
 * it, so it throws a TypeError: it would be an empty policy.
 */
export const marker = { combined: true } as const;

type AnyPolicy = PolicyBranch & Policy;
type CombinedPolicy = AnyPolicy & { readonly [allOf]?: readonly Policy[] };

/** One checked policy of a combination, without the policies that it was combined with. */
export type PolicyPart = Omit<AnyPolicy, 'anyOf'> & { readonly anyOf?: readonly (readonly PolicyPart[])[] };

function words(name: 'scope' | 'acr_values') {
  const problemOf = (given: string[]) => challengeProblem(name, given.join(' '));
  return v.pipe(
    textList(),
    v.check((given) => !given.some((word) => word.includes(' ')), 'must be a list with one value for each entry'),
    v.check(
      (given) => problemOf(given) === undefined,
      ({ input }) => String(problemOf(input)),
    ),
  );
}

/** The schema of a list of scopes. */
export const scopeList = words('scope');

const branchEntries = {
  scopes: narrowing(scopeList),
  anyScope: narrowing(scopeList),
  roles: narrowing(textList()),
  anyRole: narrowing(textList()),
  anyOf: narrowing(
    v.pipe(
      v.array(
        v.custom<PolicyBranch>((given) => typeof given === 'object' && given !== null, 'must be a policy'),
        'must be a list of policies',
      ),
      v.nonEmpty('must not be empty: leave it out, or list at least one policy'),
    ),
  ),
  maxAuthenticationAgeSeconds: narrowing(
    v.pipe(
      v.number('must be a whole number of seconds'),
      v.safeInteger('must be a whole number of seconds'),
      v.minValue(0, 'must not be negative'),
    ),
  ),
  acrValues: narrowing(words('acr_values')),
  check: narrowing(
    v.custom<NonNullable<Policy['check']>>((value) => typeof value === 'function', 'must be a function'),
  ),
};
const branchSchema = optionsObject(branchEntries);
const schema = optionsObject({
  ...branchEntries,
  maxResponseAgeSeconds: narrowing(
    v.pipe(v.number('must be a number of seconds'), v.finite('must be finite'), v.minValue(0, 'must not be negative')),
  ),
  optional: narrowing(v.boolean('must be true or false')),
});

/**
 * Checks a policy, and returns the policies that it consists of: itself, and those that it was combined with.
 *
 * @throws TypeError naming the invalid member
 */
export function partsOf(policy: Policy): PolicyPart[] {
  return parts(policy, 'Policy', (given, owner) => checkedOptions(owner, schema, given));
}

function branchPartsOf(branch: PolicyBranch, owner: string): PolicyPart[] {
  const found = parts(branch, owner, (given, name) => checkedOptions(name, branchSchema, given));
  if (found.some((part) => Object.keys(part).length > 0)) return found;
  throw new TypeError(
    `${owner} must not be empty: an empty policy accepts every valid token, so "anyOf" has no effect`,
  );
}

function parts(
  policy: CombinedPolicy,
  owner: string,
  checked: (given: Policy, owner: string) => AnyPolicy,
): PolicyPart[] {
  const isCombined = Object(policy)[allOf] !== undefined;
  const { anyOf, ...others } = checked(isCombined ? withoutMembers(policy, Object.keys(marker)) : policy, owner);
  // Without a prototype: a polluted Object.prototype must not make a policy optional.
  const own: PolicyPart = Object.assign(
    Object.create(null),
    others,
    anyOf && { anyOf: anyOf.map((branch, index) => branchPartsOf(branch, `${owner}: "anyOf[${index}]"`)) },
  );
  const combined = (Object(policy)[allOf] ?? []) as readonly Policy[];
  const isEmpty = Object.keys(own).length === 0;
  return [...combined.flatMap((each) => parts(each, owner, checked)), ...(isEmpty && combined.length > 0 ? [] : [own])];
}
