import { type IntrospectionError, InvalidResponseError, UnavailableError } from '../errors/errors.js';
import { withTraits } from '../errors/failure-traits.js';
import type { TransportResponse } from '../transport/transport.js';

/** The longest wait that we pass on: a server that says more is asking for an operator, not for patience. */
const maxRetryAfterSeconds = 3600;

/** The error for a status other than 200, by the status alone. The server's body is never part of it. */
export function statusError(response: TransportResponse, origin: string, now: () => number): IntrospectionError {
  const { status } = response;
  if (status === 429 || status >= 500) {
    const wait = retryAfterSeconds(response.header('retry-after'), now());
    const cause = status === 429 ? 'it gets too many requests, or a quota is used up' : 'it is overloaded or broken';
    const error = new UnavailableError(`${origin} answered ${status}: ${cause}`, wait);
    const isRateLimit = status === 429;
    return withTraits(error, { isRateLimit, isTransient: isRateLimit || [502, 503, 504].includes(status) });
  }
  if (status >= 300 && status < 400) {
    return new InvalidResponseError(
      `${origin} answered ${status}, a redirect, which is not followed: a token goes to the configured server only. Configure the final URL`,
    );
  }
  return new InvalidResponseError(
    `${origin} answered ${status} where 200 was expected: check the configured URL, and that it is this server's`,
  );
}

/** `Retry-After` (RFC 9110 §10.2.3), as seconds or as a date, in whole seconds from now. */
function retryAfterSeconds(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : Math.ceil((httpDate(value) - nowMs) / 1000);
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), maxRetryAfterSeconds);
}

/** Milliseconds since the epoch, or NaN for anything but an HTTP date (RFC 9110 §5.6.7): `Date.parse` guesses. */
function httpDate(value: string): number {
  if (/^[A-Z][a-z]{2,8}, \d\d[ -][A-Z][a-z]{2}[ -](\d\d){1,2} \d\d:\d\d:\d\d GMT$/.test(value))
    return Date.parse(value);
  const isAsctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/.test(value);
  return isAsctime ? Date.parse(`${value} GMT`) : Number.NaN;
}
