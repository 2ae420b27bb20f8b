import type { Policy } from '../policy/policy.js';
import type { TokenWithClaims } from '../protocol/active-token.js';
import type { Authorizer } from './authorizer.js';
import { brand } from './authorizer-brand.js';

/**
 * The members of an authorizer that do not depend on its claims and vocabularies. It is the type for a variable that
 * may hold any authorizer, because one with claims or vocabularies is not an `Authorizer<unknown, string, string>`.
 */
export type AnyAuthorizer = Pick<
  Authorizer,
  typeof brand | 'passPreflight' | 'decider' | 'ready' | 'invalidate' | 'stats' | 'close' | 'resourceMetadata'
>;

/** The type of the tokens of an authorizer: `TokenOf<typeof authorizer>`. */
export type TokenOf<Of extends AnyAuthorizer> =
  Of extends Authorizer<infer Claims, infer _Scope, infer _Role> ? TokenWithClaims<Claims> : never;

/** The type of the policies of an authorizer: `PolicyOf<typeof authorizer>`. */
export type PolicyOf<Of extends AnyAuthorizer, Native = unknown> =
  Of extends Authorizer<infer Claims, infer Scope, infer Role> ? Policy<Claims, Scope, Role, Native> : never;

/**
 * Returns whether a value is an authorizer, of this copy of the package or of another.
 *
 * @internal For adapters.
 */
export function isAuthorizer(value: unknown): value is AnyAuthorizer {
  return typeof value === 'object' && value !== null && brand in value;
}
