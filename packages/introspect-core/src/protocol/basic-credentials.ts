import { type ClientAuthentication, clientIdProblem, rejectSecret, secretProblem } from './client-authentication.js';

/**
 * How HTTP Basic encodes client id and secret: `form` as RFC 6749 §2.3.1 requires, `raw` without form encoding as in
 * RFC 7617 §2.
 */
export type BasicEncoding = 'form' | 'raw';

/**
 * Returns the value of an `Authorization` field: `"Basic " + base64(formEncode(id) + ":" + formEncode(secret))`
 * (RFC 6749 §2.3.1). The encoding is `application/x-www-form-urlencoded` of the UTF-8 bytes. Nothing is trimmed or
 * normalised. The secret may be empty.
 *
 * @throws TypeError if the id is empty, or if one of them has a lone surrogate
 */
export function basicCredentials(clientId: string, clientSecret: string): string {
  rejectSecret('clientId', clientIdProblem(clientId));
  rejectSecret('clientSecret', secretProblem(clientSecret));
  return `Basic ${btoa(`${formEncode(clientId)}:${formEncode(clientSecret)}`)}`;
}

/**
 * Returns the value of an `Authorization` field without form encoding: `"Basic " + base64(id + ":" + secret)` of the
 * UTF-8 bytes (RFC 7617 §2). The id must not have a colon.
 *
 * @throws TypeError if one of them has a lone surrogate
 */
export function rawBasicCredentials(clientId: string, clientSecret: string): string {
  rejectSecret('clientSecret', secretProblem(clientSecret));
  const bytes = new TextEncoder().encode(`${clientId}:${clientSecret}`);
  return `Basic ${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))}`;
}

/** Encodes a value as `application/x-www-form-urlencoded`. */
export function formEncode(value: string): string {
  return isFormEncoded(value) ? value : new URLSearchParams([['', value]]).toString().slice(1);
}

/** Returns whether form encoding does not change a value. */
function isFormEncoded(value: string): boolean {
  return /^[\w.*-]*$/.test(value);
}

const basicEncodings = new WeakMap<ClientAuthentication, BasicEncoding>();

/** Remembers how an authentication encodes HTTP Basic, for {@link encodingHint}. Returns the authentication. */
export function withBasicEncoding(authentication: ClientAuthentication, encoding: BasicEncoding): ClientAuthentication {
  basicEncodings.set(authentication, encoding);
  return authentication;
}

/**
 * Returns a part of a message that recommends the other encoding of HTTP Basic, if it would send something else.
 * Otherwise returns an empty text. The text contains no part of the credentials.
 *
 * @param isRejection whether the server rejected the credentials. Any other OAuth error concerns the encoding only if it
 * is `raw`, because the server may have failed to decode the credentials
 */
export function encodingHint(
  authentication: ClientAuthentication,
  authorization: string | undefined,
  isRejection: boolean,
): string {
  const encoding = basicEncodings.get(authentication);
  if (encoding === undefined || authorization === undefined) return '';
  const sent = atob(authorization.slice('Basic '.length));
  // Form encoding writes all other characters as "+" or "%".
  if (encoding === 'form') return isRejection && /[+%]/.test(sent) ? formHint : '';
  const colon = sent.indexOf(':');
  return [sent.slice(0, colon), sent.slice(colon + 1)].every(isFormEncoded) ? '' : rawHint;
}

const formHint =
  '; they have characters that are sent form-encoded (RFC 6749 §2.3.1), which some servers do not decode: ' +
  "try clientSecretBasic({ encoding: 'raw' })";
const rawHint =
  "; they have characters that most servers expect form-encoded (RFC 6749 §2.3.1): try clientSecretBasic({ encoding: 'form' })";
