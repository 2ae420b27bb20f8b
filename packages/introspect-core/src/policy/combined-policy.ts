import { type Policy, preparePolicy, roleLists, roleListsKey } from './policy.js';

/** Every member of a policy, so that a new member does not compile until `both` combines it. */
type Members = { [Name in keyof Required<Policy>]: Policy[Name] | undefined };

/**
 * Returns one policy that a token satisfies only if it satisfies each of the given policies.
 *
 * - `scopes`: the token needs the scopes of all lists.
 * - `anyRole`: the token needs one role of each list.
 * - `acrValues`: the token's `acr` must be in every list.
 * - `maxAuthenticationAgeSeconds` and `maxResponseAgeSeconds`: the smallest value applies.
 * - `optional`: true only if it is true in every policy.
 * - `check`: the checks run in the given order, until one does not return `true`.
 *
 * Checks the policies too, except whether the authorizer has the `rolesOf` that `anyRole` needs.
 *
 * @throws TypeError naming the invalid member, or "acrValues" if the lists have no value in common
 */
export function combinedPolicy(policies: readonly Policy[]): Policy {
  for (const each of policies) checkPolicy(each);
  const [first = {}, ...others] = policies;
  return others.reduce(both, first);
}

function both(first: Policy, second: Policy): Policy {
  const lists = [...roleLists(first), ...roleLists(second)];
  const members: Members = {
    scopes: merged(first.scopes, second.scopes, (a, b) => [...new Set([...a, ...b])]),
    anyRole: lists[0],
    maxAuthenticationAgeSeconds: merged(
      first.maxAuthenticationAgeSeconds,
      second.maxAuthenticationAgeSeconds,
      Math.min,
    ),
    acrValues: merged(first.acrValues, second.acrValues, commonValues),
    maxResponseAgeSeconds: merged(first.maxResponseAgeSeconds, second.maxResponseAgeSeconds, Math.min),
    optional: first.optional === true && second.optional === true,
    check: merged(first.check, second.check, (a, b) => async (token, request) => {
      return (await a(token, request)) === true && b(token, request);
    }),
  };
  const present = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.assign(Object.fromEntries(present) as Policy, { [roleListsKey]: lists });
}

function merged<Value>(
  first: Value | undefined,
  second: Value | undefined,
  merge: (first: Value, second: Value) => Value,
): Value | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return merge(first, second);
}

function commonValues(first: readonly string[], second: readonly string[]): readonly string[] {
  const common = first.filter((each) => second.includes(each));
  if (common.length > 0) return common;
  throw new TypeError(
    'Policy: the "acrValues" lists of the combined policies have no value in common, so no token can satisfy them all: ' +
      'remove one list, or add a common value',
  );
}

/**
 * Checks a policy where no authorizer is at hand, such as in a decorator: all but whether `anyRole` has its `rolesOf`.
 *
 * @throws TypeError naming what is wrong with the policy
 */
export function checkPolicy(policy: Policy): void {
  preparePolicy(policy, { challenge: {}, rolesOf: () => [] });
}
