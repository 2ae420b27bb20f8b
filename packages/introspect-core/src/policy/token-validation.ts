import type { InvalidTokenReason } from '../errors/errors.js';
import type { ActiveToken } from '../protocol/active-token.js';

/** What an API expects of every token. */
export interface TokenExpectations {
  /** In seconds. Absent: 0 for `exp`, and {@link defaultSkewSeconds} for `nbf` and for an `auth_time` in the future. */
  clockSkewSeconds?: number | undefined;
  issuer?: string | undefined;
  /** Further values of `iss` that the issuer uses. */
  issuerAliases?: readonly string[] | undefined;
  /** The token's `aud` must contain one of them. */
  audience?: readonly string[] | undefined;
  /** The token's `token_type`, as received or in lower case, must be one of them. */
  tokenTypes?: readonly string[] | undefined;
}

export const defaultSkewSeconds = 30;

/** Kinds of token that some servers call active, although they are not access tokens. */
const otherKinds = new Set(['refresh', 'refresh_token', 'offline', 'id', 'id_token', 'logout']);

/**
 * Returns the first reason to reject an active token, judged in this order: time, issuer, audience, kind, binding.
 *
 * @param now seconds since the epoch
 */
export function invalidReason(
  token: ActiveToken,
  expectations: TokenExpectations,
  now: number,
): InvalidTokenReason | undefined {
  const reason = timeOrIssuerReason(token, expectations, now);
  if (reason !== undefined) return reason;
  const { audience, tokenTypes } = expectations;
  if (audience !== undefined && !audience.some((each) => isMeantFor(token, each))) return 'audience_mismatch';
  if (tokenTypes !== undefined && !isOfType(token, tokenTypes)) return 'not_an_access_token';
  if (isOtherKind(token.token_type) || isOtherKind(token.token_use) || isOtherKind(token.typ)) {
    return 'not_an_access_token';
  }
  return isBound(token) ? 'sender_constraint' : undefined;
}

/** Returns the first reason to reject a token because of `exp`, `nbf` or `iss`. An absent claim passes. */
export function timeOrIssuerReason(
  { exp, nbf, iss }: { exp?: number | undefined; nbf?: number | undefined; iss?: string | undefined },
  { clockSkewSeconds, issuer, issuerAliases }: Pick<TokenExpectations, 'clockSkewSeconds' | 'issuer' | 'issuerAliases'>,
  now: number,
): 'expired' | 'not_yet_valid' | 'issuer_mismatch' | undefined {
  if (exp !== undefined && now >= exp + (clockSkewSeconds ?? 0)) return 'expired';
  if (nbf !== undefined && nbf > now + (clockSkewSeconds ?? defaultSkewSeconds)) return 'not_yet_valid';
  if (issuer !== undefined && iss !== undefined && iss !== issuer && issuerAliases?.includes(iss) !== true) {
    return 'issuer_mismatch';
  }
  return undefined;
}

/** A string is one audience. It is never searched for a substring. */
function isMeantFor({ aud }: ActiveToken, audience: string): boolean {
  return typeof aud === 'string' ? aud === audience : (aud ?? []).includes(audience);
}

/**
 * Returns whether the token has one of the types, in upper or lower case (RFC 6749 §5.1). A token without a type has
 * none.
 */
function isOfType({ token_type: type }: ActiveToken, tokenTypes: readonly string[]): boolean {
  return type !== undefined && (tokenTypes.includes(type) || tokenTypes.includes(type.toLowerCase()));
}

/** Returns whether a kind is one of {@link otherKinds}, in any case. `Bearer`, the usual one, needs no lower-case copy. */
function isOtherKind(kind: unknown): boolean {
  return typeof kind === 'string' && kind !== 'Bearer' && otherKinds.has(kind.toLowerCase());
}

/**
 * Returns whether a token is bound to a key (RFC 7800 §3.1): a request must then prove that it has the key. No proof is
 * supported yet, so such a token is rejected. `null` and `{}` bind nothing.
 */
function isBound({ cnf, token_type }: ActiveToken): boolean {
  if (cnf !== undefined && Object.keys(cnf).length > 0) return true;
  return token_type !== 'Bearer' && token_type?.toLowerCase() === 'dpop';
}
