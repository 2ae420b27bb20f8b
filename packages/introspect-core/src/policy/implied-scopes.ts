import { ownMembers, withoutMembers } from '../options.js';
import { checkPolicy, combinedPolicy } from './combined-policy.js';
import { allOf, marker, type Policy, type PolicyBranch } from './policy.js';

/**
 * Returns a policy that accepts, in place of each scope, every scope that implies it. Its challenges name the scopes of
 * the given policy, in their order.
 *
 * @internal For `/mcp`.
 * @param implying returns the scopes that imply a scope
 * @throws TypeError naming the invalid member of the policy
 */
export function withImpliedScopes(policy: Policy, implying: (scope: string) => readonly string[]): Policy {
  checkPolicy(policy);
  return combinedPolicy(expanded(policy, implying));
}

type GivenPolicy = Policy & PolicyBranch & { readonly [allOf]?: readonly Policy[] };

function expanded(policy: GivenPolicy, implying: (scope: string) => readonly string[]): Policy[] {
  const { [allOf]: combined = [] } = policy;
  const given = withoutMembers(policy, Object.keys(marker));
  const { scopes = [], anyScope, anyOf, ...others } = ownMembers(given) as GivenPolicy;
  // A combination is optional only if each of its policies is.
  const optional = others.optional === undefined ? {} : { optional: others.optional };
  return [
    ...combined.flatMap((each) => expanded(each, implying)),
    ...scopes.map((scope) => ({ anyScope: [scope, ...implying(scope)], ...optional })),
    {
      ...others,
      ...(anyScope && { anyScope: anyScope.flatMap((scope) => [scope, ...implying(scope)]) }),
      ...(anyOf && { anyOf: anyOf.map((branch) => combinedPolicy(expanded(branch, implying))) }),
    },
  ];
}
