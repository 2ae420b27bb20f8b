/**
 * Returns the claim `iss` of a JWT (RFC 7519 §4.1.1) without verifying anything. Returns `undefined` for a token that is
 * not a signed JWT, or has no `iss`. Returns an empty string if `iss` is not a string.
 */
export function unverifiedIssuer(token: string): string | undefined {
  const [, payload, signature, ...more] = token.split('.', 4);
  if (payload === undefined || signature === undefined || more.length > 0) return undefined;
  try {
    // atob makes each byte a character. That is enough: the syntax of JSON and the URL of an issuer are ASCII.
    const claims = Object(JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))));
    if (!Object.hasOwn(claims, 'iss')) return undefined;
    const { iss } = claims as { readonly iss: unknown };
    return typeof iss === 'string' ? iss : '';
  } catch {
    return undefined;
  }
}
