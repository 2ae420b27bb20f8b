import {
  type IntrospectionError,
  InvalidClientError,
  InvalidResponseError,
  InvalidTokenError,
  UnavailableError,
} from '../errors/errors.js';
import { withTraits } from '../errors/failure-traits.js';
import type { TransportResponse } from '../transport/transport.js';
import { ownMember } from './json-object.js';

/** The longest `Retry-After` that is passed on. A longer one needs an operator, not a wait. */
const maxRetryAfterSeconds = 3600;

/** The OAuth error codes that a message may name (RFC 6749 §5.2, RFC 7009 §2.2.1). No other text of a server is in one. */
const namedErrors = [
  'invalid_request',
  'access_denied',
  'unsupported_token_type',
  'invalid_scope',
  'unauthorized_client',
  'invalid_client',
];

/**
 * Returns the error for an introspection response whose status is not 200 (RFC 7662 §2.3). The server's own text is
 * never part of it.
 *
 * @param credentialsHint returns what to add to the error message if the server rejected our credentials, or sent another
 * OAuth error
 */
export function introspectionStatusError(
  response: TransportResponse,
  origin: string,
  now: () => number,
  credentialsHint: (isRejection: boolean) => string = () => '',
): InvalidTokenError | IntrospectionError {
  const { status } = response;
  const code = errorCode(response);
  if (status === 400 && code === 'unsupported_token_type') return new InvalidTokenError('unsupported_token_type');
  const isRejection = rejectsClient(response) || (status === 403 && code === undefined);
  const named = code && namedErrors.includes(code) ? `"${code}"` : 'another OAuth error';
  if (!isRejection) {
    if (!code) return statusError(response, origin, now);
    return new InvalidResponseError(
      `${origin} responded with ${status} and ${named}, so the URL is right: check the type of this OAuth client (confidential), ` +
        'its authentication method, whether the server requires HTTPS, and whether the realm or tenant is enabled' +
        credentialsHint(false),
    );
  }
  const reported = code ? `${status}, ${named}` : status;
  return new InvalidClientError(
    `${origin} rejected this API's own credentials (${reported}): check client id and secret, whether the secret was rotated, ` +
      'and that the OAuth client is active and may introspect; one made a moment ago may need some seconds' +
      credentialsHint(true),
  );
}

/**
 * Returns whether the server says that it rejected this API's own credentials. RFC 7662 §2.3 requires 401, but some
 * servers send 400 or 403 with an OAuth error code.
 */
export function rejectsClient(response: TransportResponse): boolean {
  return response.status === 401 || /^(invalid|unauthorized)_client$/.test(errorCode(response) ?? '');
}

/**
 * Returns the error code in the body of a 400 or 403, `''` if there is none, or `undefined` if the body is not JSON.
 */
function errorCode({ status, body }: TransportResponse): string | undefined {
  if (status !== 400 && status !== 403) return '';
  try {
    const error = ownMember(Object(JSON.parse(body)), 'error');
    return typeof error === 'string' ? error : '';
  } catch {
    return undefined;
  }
}

/**
 * Returns the error for a response whose status is not 200. Reads the status only, not the body. Use it for documents that
 * need no credentials, such as metadata: there, a 401 does not mean that credentials were rejected.
 */
export function statusError(response: TransportResponse, origin: string, now: () => number): IntrospectionError {
  const { status } = response;
  if (status === 429 || status >= 500) {
    const waitSeconds = retryAfterSeconds(response.header('retry-after'), now());
    const cause = status === 429 ? 'it gets too many requests, or a quota is used up' : 'it is overloaded or broken';
    const error = new UnavailableError(`${origin} responded with ${status}: ${cause}`, waitSeconds);
    const isRateLimit = status === 429;
    return withTraits(error, { isRateLimit, isTransient: isRateLimit || [502, 503, 504].includes(status) });
  }
  if (status >= 300 && status < 400) {
    return new InvalidResponseError(
      `${origin} responded with ${status}, a redirect, which is not followed: a token goes to the configured server only. Configure the final URL`,
    );
  }
  return new InvalidResponseError(
    `${origin} responded with ${status} instead of 200: check the configured URL, and that it belongs to this server`,
  );
}

/** Returns `Retry-After` (RFC 9110 §10.2.3), a number of seconds or a date, in whole seconds from now. */
function retryAfterSeconds(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : Math.ceil((httpDate(value) - nowMs) / 1000);
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), maxRetryAfterSeconds);
}

/**
 * Returns milliseconds since the epoch, or NaN if the value is not an HTTP date (RFC 9110 §5.6.7): `Date.parse`
 * guesses.
 */
function httpDate(value: string): number {
  if (/^[A-Z][a-z]{2,8}, \d\d[ -][A-Z][a-z]{2}[ -](\d\d){1,2} \d\d:\d\d:\d\d GMT$/.test(value))
    return Date.parse(value);
  const isAsctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/.test(value);
  return isAsctime ? Date.parse(`${value} GMT`) : Number.NaN;
}
