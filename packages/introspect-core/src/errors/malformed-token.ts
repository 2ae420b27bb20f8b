import type { ChallengeParameters } from './challenge.js';
import { InvalidTokenError } from './errors.js';

/**
 * Returns the error for a text that cannot be a token. If it is the value of an `Authorization` field, the message says
 * so. The response does not.
 */
export function malformedToken(text: unknown, challenge?: ChallengeParameters): InvalidTokenError {
  return new InvalidTokenError('malformed', challenge, hasScheme(text) ? withoutScheme : undefined);
}

const withoutScheme =
  'it begins with the scheme of an Authorization field; pass the token alone, which bearerToken() reads from the field';

/** Returns whether a text begins with an authentication scheme of tokens (RFC 6750 §2.1, RFC 9449 §7.1) and a space. */
export function hasScheme(text: unknown): boolean {
  return typeof text === 'string' && /^(bearer|dpop)[ \t]/i.test(text);
}
