import { type Policy, preparePolicy, roleLists, roleListsKey } from './policy.js';

/** Each member of a policy, present or not: a member that is new must say here how it combines. */
type Members = { [Name in keyof Required<Policy>]: Policy[Name] | undefined };

/**
 * Returns one policy that a token satisfies only if it satisfies each of the given policies.
 *
 * `scopes` are united, each `anyRole` list must hold, `acrValues` are those that the lists have in common, the smaller
 * ages win, every `check` runs in the given order until one denies, and it is optional only if all are.
 *
 * Checks the policies, except whether `anyRole` has its `rolesOf`.
 *
 * @throws TypeError naming the invalid member, or "acrValues" if the lists have no value in common
 */
export function combinedPolicy(policies: readonly Policy[]): Policy {
  for (const each of policies) preparePolicy(each, { challenge: {}, rolesOf: () => [] });
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
    maxStalenessSeconds: merged(first.maxStalenessSeconds, second.maxStalenessSeconds, Math.min),
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
    'Policy: the "acrValues" of the policies that hold together have no value in common, so no token can satisfy them',
  );
}
