/** Authenticates the client at the introspection endpoint (RFC 7662 §2.1). A request uses exactly one. */
export interface ClientAuthentication {
  /** The client id at the authorization server. */
  readonly clientId: string;
  /**
   * `true` if `apply` needs the issuer. The client's constructor then throws a TypeError without `issuer`.
   *
   * @default false
   */
  readonly needsIssuer?: boolean;
  /**
   * Adds the credentials to the request. Called for each request, so the credentials may change.
   *
   * @throws any error fails the request with an UnavailableError, which does not contain the error. An IntrospectionError
   * passes unchanged
   */
  apply(request: RequestToAuthenticate, context: ClientAuthenticationContext): void | Promise<void>;
}

/** The part of a request that a {@link ClientAuthentication} may add to. */
export interface RequestToAuthenticate {
  /** Header fields, with names in lower case. */
  headers: Record<string, string>;
  /** Form parameters. */
  body: URLSearchParams;
}

/** What a {@link ClientAuthentication} may need to know about a request. */
export interface ClientAuthenticationContext {
  /** The option `issuer`, if there is one. */
  issuer?: string;
  /** The URL of the introspection endpoint. */
  endpoint: string;
  /** `true` if the server has just rejected the credentials for this token: return newer ones if there are any. */
  afterRejection: boolean;
}

/**
 * How HTTP Basic encodes client id and secret: `form` as RFC 6749 §2.3.1 requires, `raw` without form encoding as in
 * RFC 7617 §2.
 */
export type BasicEncoding = 'form' | 'raw';

const fixedAuthorizations = new WeakMap<ClientAuthentication, string>();
const basicEncodings = new WeakMap<ClientAuthentication, BasicEncoding>();

/** Returns an authentication that sends the same `Authorization` field with every request. */
export function fixedAuthentication(clientId: string, authorization: string): ClientAuthentication {
  const authentication: ClientAuthentication = Object.freeze({
    clientId,
    apply({ headers }: RequestToAuthenticate) {
      headers.authorization = authorization;
    },
  });
  fixedAuthorizations.set(authentication, authorization);
  return authentication;
}

/** Returns the `Authorization` field of a {@link fixedAuthentication}, so that a request needs no promise for it. */
export function fixedAuthorization(authentication: ClientAuthentication): string | undefined {
  return fixedAuthorizations.get(authentication);
}

/** Remembers how an authentication encodes HTTP Basic, for {@link encodingHint}. Returns the authentication. */
export function withBasicEncoding(authentication: ClientAuthentication, encoding: BasicEncoding): ClientAuthentication {
  basicEncodings.set(authentication, encoding);
  return authentication;
}

/**
 * Returns a part of a message that names the other encoding of HTTP Basic, if the credentials differ in it. Otherwise
 * returns an empty text. No part of the credentials is in it.
 *
 * @param isRejection whether the server rejected the credentials. Another error can only mean that it could not decode
 * raw ones
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

/** Returns why a client id is invalid, or `undefined` if it is valid. */
export function clientIdProblem(value: unknown): string | undefined {
  if (typeof value === 'string' && value !== '') return encodingProblem(value);
  return 'must be a string that is not empty: copy it from the authorization server';
}

/** Returns why a client secret is invalid, or `undefined` if it is valid. */
export function secretProblem(value: unknown): string | undefined {
  return typeof value === 'string' ? encodingProblem(value) : 'must be a string, or a function that returns one';
}

/** A lone surrogate cannot be encoded as UTF-8, so form encoding would silently send another secret. */
function encodingProblem(value: string): string | undefined {
  return value.isWellFormed() ? undefined : 'has a lone surrogate, which is not valid text: copy it again';
}

/** @throws TypeError that names the option, if there is a problem */
export function rejectSecret(name: string, problem: string | undefined): void {
  if (problem !== undefined) throw new TypeError(`"${name}" ${problem}`);
}
