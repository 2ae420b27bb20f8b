import type { CachedResponse } from '../cache/cache-entry.js';
import type { InvalidTokenReason } from '../errors/errors.js';
import type { IntrospectionResponse } from '../protocol/active-token.js';
import type { RequestContext } from '../request/request-context.js';
import type { Moment } from '../runtime/age-clock.js';

/**
 * How often an introspection is repeated because of `invalidate`. Without a limit, frequent calls of `invalidate` would
 * make lookups of valid tokens reach their time limit.
 */
export const maxRepeats = 3;

/** A token to look up, for one HTTP request. */
export interface TokenQuery {
  /** The cache key. */
  readonly key: string;
  readonly token: string;
  /** The HTTP request that brought the token. */
  readonly request: RequestContext;
  /** A response must be younger than this, unless it was requested after the HTTP request arrived. */
  readonly maxResponseAgeMs: number;
  /** Returns whether the policy allows a response that was requested at a moment. */
  accepts(requestedAt: Moment): boolean;
  /** The `sequence` of the invalidations when the HTTP request arrived. */
  readonly invalidationsBefore: number;
  /** The time limit of the lookup: see `LookupDeadline`. */
  readonly endsAt: number;
  /** Whether the first response that the server gave could not be used for this request. */
  readonly isRepeat: boolean;
  /** Whether other processes may wait for the response, because this process has the lease. */
  readonly isAwaited: boolean;
}

/** A response that the server gave in this lookup, and how it may be used. */
export interface ServerResult {
  readonly from: 'server';
  readonly received: CachedResponse;
  readonly moment: Moment;
  /**
   * Whether the introspection was repeated {@link maxRepeats} times because of `invalidate`. Then the response is used
   * even if it was invalidated again.
   */
  readonly isLast: boolean;
  /** The write to the shared cache. It never rejects, and no request needs to wait for it. */
  readonly pendingWrite: Promise<void> | undefined;
}

/** The result of a lookup, and where it is from: an earlier response, a rejection by the prefilter, or the server. */
export type LookupResult =
  | {
      readonly from: 'cache';
      readonly response: IntrospectionResponse;
      /** Why the server gave no response, if this one is stale. */
      readonly failure?: unknown;
    }
  | { readonly from: 'prefilter'; readonly reason: InvalidTokenReason }
  | ServerResult;

export type Lookup = (query: TokenQuery) => Promise<LookupResult>;

/** One step of a lookup. It returns a result itself, or calls `next` and decides whether that result may be used. */
export type Stage = (next: Lookup) => Lookup;

/** Puts the stages around `last`, the first one outermost. */
export function compose(stages: readonly Stage[], last: Lookup): Lookup {
  return stages.reduceRight((next, stage) => stage(next), last);
}
