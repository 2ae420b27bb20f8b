import type { IntrospectionResponse } from '../protocol/active-token.js';
import type { RequestTime } from '../runtime/age-clock.js';
import { type ClockTime, expiryOf } from './freshness.js';

/** A refresh begins earlier by up to this part of `refreshAfterMs`, at random, so that entries are refreshed in turn. */
const refreshJitter = 0.05;

/** An introspection response, when it was requested, and what had happened in this process by then. */
export interface CachedResponse extends RequestTime {
  readonly response: IntrospectionResponse;
  /** The response with `claims`, for requests. The response itself if the authorizer has no option `claims`. */
  readonly prepared: IntrospectionResponse;
  /**
   * The `sequence` of `Invalidations` when the response was requested. It is raised when a check has shown that newer
   * tombstones do not concern the response, so that they are not checked again.
   */
  sequence: number;
  /** The `epoch` of the `TokenCache` then. In a later epoch, the store is read before an active response is used. */
  epoch: number;
  /**
   * A version of the tombstones in the store. No tombstone up to this version concerns the response, because the response
   * was requested later, or because it was checked. `undefined` if the version is unknown.
   */
  storeVersion?: string | undefined;
}

/**
 * An entry of the cache in memory: a response, and the times that limit its use. A time of `undefined` means never.
 *
 * A process may have very many entries, so they are small: values that can be computed are not stored. Times that need
 * not be exact are whole numbers, for which engines need less memory.
 */
export interface CacheEntry extends CachedResponse {
  /** When the token's `exp` is reached, in monotonic time. It was computed from the wall clock when the entry was set. */
  readonly expiresAt: number | undefined;
  /** When the shared cache must be read again. Compare it with `AgeClock.timeFor`. */
  revalidateAt: number | undefined;
  /** When a refresh is due. Compare it with `AgeClock.timeFor`. */
  refreshAt: number | undefined;
  /**
   * Whether the server has said "active" and then "inactive" about the token. Both entries are then unconfirmed, and
   * neither is used until the token was introspected again.
   */
  isUnconfirmed: boolean;
}

/** What limits the use of an active entry. */
interface ActiveLimits extends ClockTime {
  /** The age at which a refresh is due. `Infinity` means never. */
  readonly refreshAfterMs: number;
  /** When the shared cache must be read again, in monotonic time. `undefined` without a shared cache. */
  readonly revalidateAt: number | undefined;
}

export function activeEntry(
  received: CachedResponse,
  { now, monotonicNow, refreshAfterMs, revalidateAt }: ActiveLimits,
): CacheEntry {
  const expiresInMs = expiryOf(received.response) - now;
  const refreshAt = received.requestedAt + refreshAfterMs * (1 - refreshJitter * Math.random());
  return entry(received, {
    expiresAt: wholeOrNever(monotonicNow + expiresInMs),
    revalidateAt: revalidateAt === undefined ? undefined : Math.floor(revalidateAt),
    refreshAt: wholeOrNever(refreshAt),
    isUnconfirmed: false,
  });
}

export function inactiveEntry(received: CachedResponse, isUnconfirmed: boolean): CacheEntry {
  return entry(received, { expiresAt: undefined, revalidateAt: undefined, refreshAt: undefined, isUnconfirmed });
}

/** Names each member, because V8 needs more memory for an object that was made with the spread syntax. */
function entry(received: CachedResponse, limits: Omit<CacheEntry, keyof CachedResponse>): CacheEntry {
  const { response, prepared, requestedAt, drift, sequence, epoch, storeVersion } = received;
  const { expiresAt, revalidateAt, refreshAt, isUnconfirmed } = limits;
  return {
    response,
    prepared,
    requestedAt,
    drift,
    sequence,
    epoch,
    storeVersion,
    expiresAt,
    revalidateAt,
    refreshAt,
    isUnconfirmed,
  };
}

function wholeOrNever(time: number): number | undefined {
  return time === Number.POSITIVE_INFINITY ? undefined : Math.floor(time);
}
