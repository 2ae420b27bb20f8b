import type { InvalidationKind } from '../events/events.js';

/**
 * Which cached responses to invalidate: that of one token, those with a claim of this value, or all.
 *
 * It has exactly one member: a non-empty string, or `true` for all. Claims are compared exactly. It is not checked that
 * a response with this claim is cached.
 */
export type InvalidationTarget =
  | {
      /** The token itself. */
      readonly token: string;
    }
  | {
      /** The subject of the tokens, such as a user's id. */
      readonly sub: string;
    }
  | {
      /** The id of the token. */
      readonly jti: string;
    }
  | {
      /** The OAuth client that requested the tokens. */
      readonly client_id: string;
    }
  | {
      /** All cached responses. */
      readonly all: true;
    };

const stringKinds = ['token', 'sub', 'jti', 'client_id'] as const;

/**
 * Returns the only member of a target. The value of `all` is an empty string.
 *
 * @throws TypeError for any other target: an accidental `undefined` must not invalidate nothing, or everything
 */
export function parseTarget(target: InvalidationTarget): [kind: InvalidationKind, value: string] {
  const members = Object.entries(Object(target) as Record<string, unknown>);
  const [name, value] = members[0] ?? [];
  if (members.length === 1 && name === 'all' && value === true) return [name, ''];
  const kind = stringKinds.find((each) => each === name);
  if (members.length === 1 && kind !== undefined && typeof value === 'string' && value !== '') return [kind, value];
  throw new TypeError(
    'Authorizer.invalidate: pass exactly one of { token }, { sub }, { jti }, { client_id } with a non-empty string, or { all: true }',
  );
}
