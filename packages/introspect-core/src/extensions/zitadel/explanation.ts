import type { InactiveExplanation } from '@acme/introspect-core';

/** Why a token may be inactive. */
export type InactiveCause =
  | 'malformed'
  | 'issuer_mismatch'
  | 'bad_signature'
  | 'unknown_key'
  | 'expired'
  | 'not_yet_valid'
  | 'not_an_access_token'
  | 'audience_mismatch'
  | 'revoked'
  | 'opaque'
  | 'unknown';

/** Why ZITADEL may have called a token inactive: a cause for programs, and a message for developers. */
export interface ZitadelInactiveExplanation extends InactiveExplanation {
  readonly cause: InactiveCause;
}
