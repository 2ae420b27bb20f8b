import { type Policy, withImpliedScopes } from '@acme/introspect-core';
import * as v from 'valibot';
import { narrowing, textList } from '../../options.js';

/**
 * Which scopes a scope grants in addition, such as `{ 'files:write': ['files:read'] }`. A scope that is granted in this way
 * grants its own list too.
 */
export type ScopeImplies = Readonly<Record<string, readonly string[]>>;

/** Which scopes a scope grants, and which scopes grant it. */
export interface ScopeImplications {
  readonly isEmpty: boolean;
  /** Returns the scopes of a list, and those that they grant. */
  granted(scopes: readonly string[]): string[];
  /** Returns the other scopes that grant a scope. */
  implying(scope: string): readonly string[];
}

const scopeSyntax = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** The schema of the option `scopeImplies`. */
export const scopeImpliesSchema = narrowing(
  v.pipe(
    v.record(v.string(), textList(), 'must be an object with a list of scopes for each scope'),
    v.check(
      (given) => [...Object.keys(given), ...Object.values(given).flat()].every((scope) => scopeSyntax.test(scope)),
      'must have scopes of printable ASCII characters, without spaces, double quotes and backslashes',
    ),
  ),
);

/** Returns a policy that also accepts scopes that imply its own. Without implications, returns the policy itself. */
export function withImplied(policy: Policy, { isEmpty, implying }: ScopeImplications): Policy {
  return isEmpty ? policy : withImpliedScopes(policy, implying);
}

/** Follows the implications once, so that each request needs only a lookup. */
export function scopeImplications(implies: ScopeImplies): ScopeImplications {
  const direct = new Map(Object.entries(implies));
  const implied = new Map([...direct.keys()].map((scope) => [scope, reachable(scope, direct)]));
  const implying = new Map<string, string[]>();
  for (const [scope, others] of implied) {
    for (const each of others) implying.set(each, [...(implying.get(each) ?? []), scope]);
  }
  return {
    isEmpty: implying.size === 0,
    granted: (scopes) => [...new Set(scopes.flatMap((scope) => [scope, ...(implied.get(scope) ?? [])]))],
    implying: (scope) => implying.get(scope) ?? [],
  };
}

function reachable(from: string, direct: ReadonlyMap<string, readonly string[]>): Set<string> {
  const found = new Set<string>();
  const follow = (scope: string) => {
    for (const each of direct.get(scope) ?? []) {
      if (found.has(each)) continue;
      found.add(each);
      follow(each);
    }
  };
  follow(from);
  return found;
}
