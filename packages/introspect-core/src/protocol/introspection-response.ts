import {
  type IntrospectionError,
  InvalidClientError,
  InvalidResponseError,
  InvalidTokenError,
} from '../errors/errors.js';
import type { TransportResponse } from '../transport/transport.js';
import type { ActiveToken, InactiveToken, IntrospectionResponse } from './active-token.js';
import { statusError } from './http-status.js';
import { ownMember, readJsonObject } from './json-object.js';

export type { ActiveToken, InactiveToken, IntrospectionResponse };

/** The members that RFC 7662 §2.2 gives a type, and `cnf`. */
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

/** Returns the length of the response body as received, in characters, and deletes it: the cache needs it once. */
export function takeBodyLength(response: IntrospectionResponse): number {
  if (!response.active) return 1;
  const length = bodyLengths.get(response) ?? 1;
  bodyLengths.delete(response);
  return length;
}

const checkedMembers = Object.entries(typeOf);
const inactive: InactiveToken = Object.freeze({ active: false });

/**
 * Turns an introspection response (RFC 7662 §2.2, §2.3) into a value, or throws what is wrong with it.
 *
 * Judges nothing: whether an active answer has expired, or is meant for somebody else, is not checked here.
 *
 * @throws InvalidTokenError (`unsupported_token_type`), InvalidClientError, UnavailableError, InvalidResponseError
 */
export function readIntrospectionResponse(
  response: TransportResponse,
  origin: string,
  now: () => number,
): IntrospectionResponse {
  if (isUnsupported(response)) throw new InvalidTokenError('unsupported_token_type');
  if (response.status !== 200) throw refusal(response, origin, now);
  const answer = readJsonObject(response, origin);
  const active = ownMember(answer, 'active');
  if (typeof active !== 'boolean') {
    throw new InvalidResponseError(`${origin} answered without a boolean "active": is this an introspection endpoint?`);
  }
  if (!active) return inactive;
  const token = activeToken(answer, origin);
  bodyLengths.set(token, response.body.length);
  return token;
}

function activeToken(answer: Record<string, unknown>, origin: string): ActiveToken {
  for (const [name, hasType] of checkedMembers) {
    const value = answer[name];
    if (value === null)
      delete answer[name]; // as good as absent
    else if (value !== undefined && !hasType(value)) {
      throw new InvalidResponseError(`${origin} answered with a "${name}" of another type than RFC 7662 gives it`);
    }
  }
  if ('auth_time' in answer && !Number.isFinite(answer.auth_time)) delete answer.auth_time;
  if ('acr' in answer && !isText(answer.acr)) delete answer.acr;
  return Object.freeze(answer) as ActiveToken;
}

/**
 * Whether the server says that it refused this API's own credentials. RFC 7662 §2.3 wants 401; servers also answer 400 or
 * 403 with an OAuth error code.
 */
export function rejectsClient({ status, body }: TransportResponse): boolean {
  if (status === 401) return true;
  return (status === 400 || status === 403) && /^(invalid|unauthorized)_client$/.test(errorCode(body) ?? '');
}

/** Returns whether the server does not introspect tokens of this kind, such as JWTs (RFC 7009 §2.2.1). */
function isUnsupported({ status, body }: TransportResponse): boolean {
  return status === 400 && errorCode(body) === 'unsupported_token_type';
}

function refusal(response: TransportResponse, origin: string, now: () => number): IntrospectionError {
  const { status } = response;
  const refused = rejectsClient(response) || (status === 403 && errorCode(response.body) === undefined);
  if (!refused) return statusError(response, origin, now);
  return new InvalidClientError(
    `${origin} refused this API's own credentials (${status}): check client id and secret, whether the secret was rotated, ` +
      'and that the client is active and may introspect; a client made a moment ago may need some seconds',
  );
}

/** The `error` in a JSON body, `''` where it has none, or `undefined` where the body is not JSON. */
function errorCode(body: string): string | undefined {
  try {
    const error = ownMember(Object(JSON.parse(body)), 'error');
    return typeof error === 'string' ? error : '';
  } catch {
    return undefined;
  }
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
