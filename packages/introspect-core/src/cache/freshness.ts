import type { IntrospectionResponse } from '../protocol/active-token.js';
import type { CacheSettings } from './cache-options.js';

/** The two clocks at one moment, in milliseconds. */
export interface ClockTime {
  /** The wall clock. */
  readonly now: number;
  readonly monotonicNow: number;
}

/** The part of a cache entry that says when its token expires. */
interface Expiring {
  readonly response: IntrospectionResponse;
  /** When the token's `exp` is reached, in monotonic time. */
  readonly expiresAt: number | undefined;
}

/** Returns whether a response of this age may be used without a request to the server (RFC 9111 §4.2). */
export function isFresh(
  response: IntrospectionResponse,
  ageMs: number,
  { maxAgeMs, inactiveMaxAgeMs }: CacheSettings,
): boolean {
  return ageMs < (response.active ? maxAgeMs : inactiveMaxAgeMs);
}

/** Returns for how many milliseconds an entry of this age can be used without a request or a read of the shared cache. */
export function freshForMs(
  { requestedAt, revalidateAt = Number.POSITIVE_INFINITY }: { requestedAt: number; revalidateAt: number | undefined },
  ageMs: number,
  maxAgeMs: number,
): number {
  return Math.max(0, Math.min(maxAgeMs, revalidateAt - requestedAt) - ageMs);
}

/** Returns whether an active response of this age may be used while the server is unavailable (RFC 5861 §4). */
export function isUsableIfError(ageMs: number, { maxAgeIfErrorMs }: CacheSettings): boolean {
  return maxAgeIfErrorMs > 0 && ageMs <= maxAgeIfErrorMs;
}

/** Returns when a token expires, in milliseconds since the epoch. A fraction of a second in `exp` is ignored. */
export function expiryOf(response: IntrospectionResponse): number {
  return response.active && response.exp !== undefined ? Math.floor(response.exp) * 1000 : Number.POSITIVE_INFINITY;
}

/** Returns whether the token has expired by one of the clocks: a clock that is set back must not revive it. */
export function hasExpired({ expiresAt, response }: Expiring, { now, monotonicNow }: ClockTime): boolean {
  return hasPassed(expiresAt, monotonicNow) || now >= expiryOf(response);
}

/** Returns whether a time has passed. `undefined` never passes. */
export function hasPassed(time: number | undefined, now: number): boolean {
  return now >= (time ?? Number.POSITIVE_INFINITY);
}
