import { suggestion } from '../options.js';
import type { PolicyPart } from './policy.js';

/** The scopes and roles that an API knows. Without a list, any value may be used. */
export interface Vocabulary {
  scopes?: readonly string[] | undefined;
  roles?: readonly string[] | undefined;
}

/**
 * Checks that a policy uses only known scopes and roles, because a mistyped scope or role would deny every request.
 *
 * @throws TypeError naming the unknown value, and the closest known one
 */
export function checkVocabulary(part: PolicyPart, { scopes, roles }: Vocabulary): void {
  const members = { scopes, anyScope: scopes, roles, anyRole: roles } as const;
  for (const member of ['scopes', 'anyScope', 'roles', 'anyRole'] as const) {
    const known = members[member];
    const unknown = known && part[member]?.find((each) => !known.includes(each));
    if (unknown === undefined) continue;
    const option = member === 'scopes' || member === 'anyScope' ? 'scopes' : 'roles';
    throw new TypeError(
      `Policy: "${member}" has the unknown ${option.slice(0, -1)} "${unknown}"; ` +
        `the authorizer's "${option}" are: ${known?.join(', ')}${suggestion(unknown, known ?? [])}`,
    );
  }
}
