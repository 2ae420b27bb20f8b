import type { ActiveToken } from '../protocol/active-token.js';

/** How many values of `scope` a route remembers, and how long they may be, in characters. */
const maxRemembered = 100;
const maxScopeLength = 1000;

/**
 * Returns a function that tells whether a token has all of the scopes in `all`, and one of each list in `oneOf`.
 *
 * It remembers the result for a value of `scope`, because many tokens share one value.
 */
export function scopeCheck(
  all: readonly string[],
  oneOf: readonly (readonly string[])[],
): (token: ActiveToken) => boolean {
  if (all.length === 0 && oneOf.length === 0) return () => true;
  const remembered = new Map<string, boolean>();
  return ({ scope = '' }) => {
    const known = remembered.get(scope);
    if (known !== undefined) return known;
    const granted = new Set(scope.split(' '));
    const has = (each: string) => granted.has(each);
    const isSufficient = all.every(has) && oneOf.every((list) => list.some(has));
    if (remembered.size >= maxRemembered) remembered.clear();
    if (scope.length <= maxScopeLength) remembered.set(scope, isSufficient);
    return isSufficient;
  };
}
