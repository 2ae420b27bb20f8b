import type { TokenCache } from '../cache/token-cache.js';
import { isIntrospectionError } from '../errors/errors.js';
import { isShedByLimits } from '../errors/failure-traits.js';
import type { Stage } from './lookup-pipeline.js';
import type { LookupEvent } from './lookup-stats.js';
import type { ReadShared } from './memory-lookup.js';

/**
 * Uses a stale response while the server is unavailable (RFC 5861 §4).
 *
 * Uses none if `limits` shed the call, or if the server recently responded with 429: then the server can be reached, and
 * a flood of requests must not keep a revoked token usable. The shared cache is read first, because another process may
 * have invalidated the response.
 *
 * Throws the original error if no stale response may be used.
 */
export function staleIfError({
  cache,
  readShared,
  isRateLimited,
  emit,
}: {
  cache: TokenCache;
  readShared: ReadShared;
  /** Returns whether the server recently responded with 429. */
  isRateLimited: () => boolean;
  emit: (event: LookupEvent) => void;
}): Stage {
  return (next) => async (query) => {
    try {
      return await next(query);
    } catch (error) {
      const { key, request, maxResponseAgeMs } = query;
      const isUnavailable = isIntrospectionError(error) && error.code === 'unavailable';
      if (!isUnavailable || request.signal?.aborted === true || isShedByLimits(error) || isRateLimited()) throw error;
      await readShared(query);
      const stale = cache.stale(key, maxResponseAgeMs);
      if (stale === undefined) throw error;
      emit({ type: 'stale_served', ageSeconds: stale.ageMs / 1000 });
      return { from: 'cache', response: stale.prepared, failure: error };
    }
  };
}
