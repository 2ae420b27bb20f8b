import type { ActiveToken } from '@acme/introspect-core';

/** The prefixes of refresh tokens of Ory Hydra and Authelia. */
const refreshPrefixes = ['ory_rt_', 'authelia_rt_'];

/**
 * Returns a warning if an active token may be another kind than an access token: RFC 7662 lets a server report refresh
 * and ID tokens as active. Returns `undefined` if nothing says so.
 *
 * @param isZitadel such a server reports access tokens only
 */
export function kindWarning(token: string, response: ActiveToken, isZitadel: boolean): string | undefined {
  const kind = kindOf(token, response);
  if (kind !== undefined) return `This is ${kind}, and the server reports it as active. An API must not accept it.`;
  if (isZitadel || response.token_type !== undefined || response.token_use !== undefined) return undefined;
  return 'The response has no token_type: some servers report refresh and ID tokens as active, without a type. Check that this is an access token.';
}

function kindOf(token: string, { token_use: use, token_type: type, typ }: ActiveToken): string | undefined {
  const claims = claimsOf(token);
  const words = [use, type, typ, claims.typ].map((word) => String(word).toLowerCase());
  if (words.some((word) => /^(refresh|offline)(_token)?$/.test(word))) return 'a refresh token';
  if (refreshPrefixes.some((prefix) => token.startsWith(prefix))) return 'a refresh token';
  const isIdToken = words.some((word) => /^id(_token)?$/.test(word));
  return isIdToken || ['nonce', 'at_hash', 'c_hash'].some((name) => Object.hasOwn(claims, name))
    ? 'an ID token'
    : undefined;
}

/** Returns the claims of a JWT without verifying it, or nothing for another token. */
function claimsOf(token: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()));
  } catch {
    return {};
  }
}
