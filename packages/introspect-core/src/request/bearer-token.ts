import type { ChallengeParameters } from '../errors/challenge.js';
import { InvalidRequestError, InvalidTokenError } from '../errors/errors.js';

/** The `Authorization` field lines of a request, as they came. */
export type Credentials = string | readonly string[] | null | undefined;

const maxTokenLength = 8192;

/**
 * The bearer token in a request's `Authorization` field (RFC 6750 §2.1), or `undefined` where there are no bearer
 * credentials: no field, an empty one, or another scheme.
 *
 * Two sets of credentials are refused, whether they came as two lines or joined by a comma. Only the header field is
 * looked at, never query, form or cookie. Takes time linear in the length of the field.
 *
 * @param challenge what an error's challenge shall hold besides the error
 * @throws InvalidRequestError when the field is broken, or when there are two
 * @throws InvalidTokenError `malformed` or `too_long` (more than 8192 characters)
 */
export function bearerToken(credentials: Credentials, challenge: ChallengeParameters = {}): string | undefined {
  const candidate = bearerCandidate(credentials, challenge);
  if (candidate !== undefined) checkToken(candidate, challenge);
  return candidate;
}

/**
 * What stands in the place of the token, unchecked: it may be no token at all, or more than one. Whoever has met it before
 * need not check it again.
 *
 * @throws InvalidRequestError when the field is broken, as far as can be seen without reading the token
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

/** @throws InvalidRequestError, InvalidTokenError */
export function checkToken(token: string, challenge: ChallengeParameters): void {
  if (/[ \t\r\n,]/.test(token)) throw new InvalidRequestError(challenge);
  if (token.length > maxTokenLength) throw new InvalidTokenError('too_long', challenge);
  if (!/^[\w.~+/-]+=*$/.test(token)) throw new InvalidTokenError('malformed', challenge);
}

function singleLine(credentials: Credentials, challenge: ChallengeParameters): string | undefined {
  if (credentials === null || credentials === undefined) return undefined;
  if (typeof credentials === 'string') return credentials;
  if (credentials.length > 1) throw new InvalidRequestError(challenge);
  return credentials[0];
}

/** Without the spaces and tabs around it, which are no part of a field's value (RFC 9110 §5.5). `trim` takes more. */
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
 * Whether credentials of another scheme are followed by a second set: after a comma there is something else than a
 * further parameter (`name=…`). A comma within a quoted string says nothing.
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
  return quoted; // a string that never ends hides what follows
}
