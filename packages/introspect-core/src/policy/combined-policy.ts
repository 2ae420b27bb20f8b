import { ownMembers } from '../options.js';
import { allOf, marker, type Policy, partsOf } from './policy.js';
import { challengesOf } from './requirement.js';

/**
 * Returns one policy that a token satisfies only if it satisfies each of the given policies.
 *
 * - A token needs all `scopes` and `roles` of all policies, and one of each `anyScope`, `anyRole` and `anyOf`.
 * - The token's `acr` must be in every `acrValues`. The smallest `maxAuthenticationAgeSeconds` and
 *   `maxResponseAgeSeconds` apply.
 * - `optional` is true only if it is true in every policy.
 * - The `check` functions run in the given order, until one does not return `true`.
 *
 * Checks each policy by itself. Does not check what depends on options of the authorizer: `rolesOf`, `scopes`, `roles`
 * and `policyProblem`.
 *
 * @throws TypeError naming the invalid member
 */
export function combinedPolicy(policies: readonly Policy[]): Policy {
  const parts = policies.flatMap(partsOf);
  challengesOf(parts, {}); // fails if the lists of acr values exclude each other
  const [first, ...others] = policies;
  if (first === undefined || others.length === 0) return first ?? {};
  return { [allOf]: policies.map(copyOf), ...marker } as Policy;
}

/**
 * Checks a policy where no authorizer is known, such as in a decorator. Does not check what depends on options of the
 * authorizer: `rolesOf`, `scopes`, `roles` and `policyProblem`.
 *
 * @throws TypeError naming the invalid member
 */
export function checkPolicy(policy: Policy): void {
  partsOf(policy);
}

/** Returns a copy that later changes of the policy and its lists do not affect. */
function copyOf(policy: Policy): Policy {
  const copied = Object.entries(ownMembers(policy)).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.map((each) => (typeof each === 'object' ? copyOf(each) : each)) : value,
  ]);
  const { [allOf]: combined } = policy as { [allOf]?: readonly Policy[] };
  return { ...Object.fromEntries(copied), ...(combined && { [allOf]: combined }) };
}
