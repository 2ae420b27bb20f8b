import { InvalidResponseError } from '../errors/errors.js';
import type { TransportResponse } from '../transport/transport.js';
import type { ActiveToken, InactiveToken, IntrospectionResponse } from './active-token.js';
import { ownMember, readJsonObject } from './json-object.js';
import { introspectionStatusError } from './status-error.js';

/** For each member, whether a value has the type that RFC 7662 §2.2 defines, or RFC 7800 §3.1 for `cnf`. */
const typeOf: Readonly<Record<string, (value: unknown) => boolean>> = {
  scope: (value) => isText(value) && hasNoControlCharacter(value),
  client_id: isText,
  username: isText,
  token_type: isText,
  exp: Number.isFinite,
  iat: Number.isFinite,
  nbf: Number.isFinite,
  sub: isText,
  aud: (value) => isText(value) || (Array.isArray(value) && value.every(isText)),
  iss: isText,
  jti: isText,
  cnf: (value) => typeof value === 'object' && !Array.isArray(value),
};

/** For each token, the length of the response body in characters. The cache counts it as the size of the entry. */
const bodyLengths = new WeakMap<ActiveToken, number>();

/**
 * Returns the length of the received body of an active response, in characters, and deletes it, because the cache reads
 * it once. Returns 1 for an inactive response.
 */
export function takeBodyLength(response: IntrospectionResponse): number {
  if (!response.active) return 1;
  const length = bodyLengths.get(response) ?? 1;
  bodyLengths.delete(response);
  return length;
}

const checkedMembers = Object.entries(typeOf);
const inactive: InactiveToken = Object.freeze({ active: false });

/**
 * Reads an introspection response (RFC 7662 §2.2, §2.3).
 *
 * Does not validate the token: expiry, audience and issuer are not checked here.
 *
 * @param credentialsHint returns what to add to the error message if the server rejected our credentials, or sent another
 * OAuth error
 * @throws InvalidTokenError (`unsupported_token_type`), InvalidClientError, UnavailableError, InvalidResponseError
 */
export function readIntrospectionResponse(
  response: TransportResponse,
  origin: string,
  now: () => number,
  credentialsHint?: (isRejection: boolean) => string,
): IntrospectionResponse {
  if (response.status !== 200) throw introspectionStatusError(response, origin, now, credentialsHint);
  const members = readJsonObject(response, origin);
  const active = ownMember(members, 'active');
  if (typeof active !== 'boolean') {
    throw new InvalidResponseError(
      `${origin} responded without a boolean "active": is this an introspection endpoint?`,
    );
  }
  if (!active) return inactive;
  const token = activeToken(members, origin);
  bodyLengths.set(token, response.body.length);
  return token;
}

function activeToken(members: Record<string, unknown>, origin: string): ActiveToken {
  for (const [name, hasType] of checkedMembers) {
    const value = members[name];
    if (value === null)
      delete members[name]; // the same as absent
    else if (value !== undefined && !hasType(value)) {
      throw new InvalidResponseError(`${origin} responded with a "${name}" that is not of the type in RFC 7662`);
    }
  }
  if ('auth_time' in members && !Number.isFinite(members.auth_time)) delete members.auth_time;
  if ('acr' in members && !isText(members.acr)) delete members.acr;
  return Object.freeze(members) as ActiveToken;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function hasNoControlCharacter(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return false;
  }
  return true;
}
