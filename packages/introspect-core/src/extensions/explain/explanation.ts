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

/** Why a token may be inactive: a cause for programs, and a message for developers. */
export interface TokenExplanation extends InactiveExplanation {
  readonly cause: InactiveCause;
}
