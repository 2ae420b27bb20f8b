/** Explains a JWT by its claims, which may be forged. */
import type { Jwt } from '@acme/introspect-core/jwt-prefilter';
import type { ExplainTokenOptions } from './explain-options.js';
import type { TokenExplanation } from './explanation.js';
import { dateOf, quoted, relativeTime } from './wording.js';

type Claims = Jwt['claims'];

/** Explains a token that another issuer issued. */
export function explainIssuer({ iss }: Claims, { issuer }: ExplainTokenOptions): TokenExplanation | undefined {
  if (iss === undefined || iss === issuer) return undefined;
  return {
    cause: 'issuer_mismatch',
    message: `It was issued by ${quoted(iss)}, and this API trusts ${quoted(issuer)}.`,
    advice: 'Get a token from that issuer, or configure the one that issued it.',
  };
}

/** Explains a token that has expired or is not valid yet. */
export function explainTimes(
  { exp, nbf }: Claims,
  { now = Date.now }: ExplainTokenOptions,
): TokenExplanation | undefined {
  const seconds = now() / 1000;
  if (typeof exp === 'number' && exp <= seconds) {
    return {
      cause: 'expired',
      message: `It expired ${relativeTime(-(seconds - exp))} (${dateOf(exp)}).`,
      advice: 'Get a new token, with the refresh token if there is one.',
    };
  }
  if (typeof nbf === 'number' && nbf > seconds) {
    return {
      cause: 'not_yet_valid',
      message: `It will be valid ${relativeTime(nbf - seconds)} (${dateOf(nbf)}).`,
      advice: 'Compare the clocks of this machine and the server: introspect doctor does.',
    };
  }
  return undefined;
}

/** Explains a token that is not an access token, such as an ID token. */
export function explainKind(claims: Claims): TokenExplanation | undefined {
  const kind = kindOf(claims);
  if (kind === undefined) return undefined;
  return { cause: 'not_an_access_token', message: `It is ${kind}.`, advice: 'Send the access token.' };
}

/**
 * Returns what a token is if its claims show that it is not an access token: an ID token (OpenID Connect Core §2), a
 * logout token (OpenID Connect Back-Channel Logout §2.4), or one of Keycloak, whose `typ` names each kind.
 */
function kindOf(claims: Claims): string | undefined {
  if (claims.typ === 'Refresh' || claims.typ === 'Offline') return 'a refresh token';
  if (claims.typ === 'ID' || ['nonce', 'at_hash', 'c_hash'].some((name) => Object.hasOwn(claims, name)))
    return 'an ID token';
  return claims.typ === 'Logout' || Object.hasOwn(claims, 'events') ? 'a logout token' : undefined;
}
