import type { ChallengeParameters } from '../errors/challenge.js';
import { InvalidRequestError, InvalidTokenError } from '../errors/errors.js';

/** The `Authorization` field of a request: one line, all lines, or nothing. */
export type Credentials = string | readonly string[] | null | undefined;

/** The longest token that `bearerToken` accepts, in characters. An authorizer has the option `maxTokenLength`. */
const maxTokenLength = 8192;

/**
 * Returns the bearer token from a request's `Authorization` field (RFC 6750 §2.1). Returns `undefined` for
 * a request without bearer credentials: no field, an empty one, or another scheme.
 *
 * Rejects two sets of credentials, as two lines or joined by a comma. Does not read query, form or cookies, and does not
 * check whether the token is active. Takes time linear in the length of the field.
 *
 * @param challenge further parameters for the challenge of an error
 * @throws InvalidRequestError if the field is malformed, or if there are two fields
 * @throws InvalidTokenError `malformed`, or `too_long` for more than 8192 characters
 */
export function bearerToken(credentials: Credentials, challenge: ChallengeParameters = {}): string | undefined {
  const candidate = bearerCandidate(credentials, challenge);
  if (candidate !== undefined) checkToken(candidate, maxTokenLength, challenge);
  return candidate;
}

/**
 * Returns the text after the scheme `Bearer`, which may be anything. Pass it to {@link checkToken}, except when the same text
 * has passed before.
 *
 * @throws InvalidRequestError if the field is malformed before the token
 */
export function bearerCandidate(credentials: Credentials, challenge: ChallengeParameters): string | undefined {
  const line = singleLine(credentials, challenge);
  if (line === undefined) return undefined;
  const value = withoutOuterSpace(line);
  const afterScheme = value.charCodeAt(6); // NaN at the end
  if (value.slice(0, 6).toLowerCase() !== 'bearer' || afterScheme > 0x20) {
    if (hasSecondCredentials(value)) throw new InvalidRequestError(challenge);
    return undefined;
  }
  if (afterScheme !== 0x20) throw new InvalidRequestError(challenge);
  let start = 7;
  while (value.charCodeAt(start) === 0x20) start++;
  return value.slice(start);
}

/**
 * Checks the characters and the length of a token (RFC 6750 §2.1).
 *
 * @throws InvalidRequestError if there is white space or a comma in it
 * @throws InvalidTokenError `too_long` or `malformed`
 */
export function checkToken(token: string, maxLength: number, challenge: ChallengeParameters): void {
  if (/[ \t\r\n,]/.test(token)) throw new InvalidRequestError(challenge);
  if (token.length > maxLength) throw new InvalidTokenError('too_long', challenge);
  if (!/^[\w.~+/-]+=*$/.test(token)) throw new InvalidTokenError('malformed', challenge);
}

function singleLine(credentials: Credentials, challenge: ChallengeParameters): string | undefined {
  if (credentials === null || credentials === undefined) return undefined;
  if (typeof credentials === 'string') return credentials;
  if (credentials.length > 1) throw new InvalidRequestError(challenge);
  return credentials[0];
}

/** Removes outer spaces and tabs, which do not belong to a field's value (RFC 9110 §5.5). `trim` removes more. */
function withoutOuterSpace(line: string): string {
  let start = 0;
  let end = line.length;
  while (start < end && isSpace(line.charCodeAt(start))) start++;
  while (end > start && isSpace(line.charCodeAt(end - 1))) end--;
  return line.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/**
 * Returns whether a second set of credentials follows those of another scheme: after a comma outside a quoted string, there
 * is something else than a parameter (`name=…`).
 */
function hasSecondCredentials(value: string): boolean {
  const parameter = /[ \t]*[\w!#$%&'*+.^`|~-]+[ \t]*=/y;
  let quoted = false;
  for (let i = 0; i < value.length; i++) {
    const character = value[i];
    if (quoted && character === '\\') i++;
    else if (character === '"') quoted = !quoted;
    else if (!quoted && character === ',') {
      parameter.lastIndex = i + 1;
      if (!parameter.test(value)) return true;
    }
  }
  return quoted; // an unterminated string could hide a second set
}
