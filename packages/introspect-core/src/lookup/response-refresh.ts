import type { SharedCache } from '../cache/shared-cache.js';
import type { TokenCache } from '../cache/token-cache.js';
import type { Lookup, TokenQuery } from './lookup-pipeline.js';
import type { LookupEvent } from './lookup-stats.js';

/**
 * Refreshes a cached response, in one process of those that share the cache: the one that gets the lease.
 *
 * Never rejects: the cached response is used until it ends, and its next use tries again.
 */
export function backgroundRefresh({
  cache,
  sharedCache,
  introspect,
  emit,
  signal,
}: {
  cache: TokenCache;
  sharedCache: SharedCache | undefined;
  introspect: Lookup;
  emit: (event: LookupEvent) => void;
  /** Aborted when the authorizer is closed. */
  signal: AbortSignal;
}): (query: TokenQuery) => Promise<void> {
  return async (query) => {
    if (signal.aborted) return;
    try {
      if ((await sharedCache?.mayRefresh(query)) === false) {
        cache.revalidate(query.key); // another process refreshes it
        return;
      }
      const result = await introspect(query);
      if (result.from !== 'server') return;
      emit({ type: 'refreshed', active: result.received.response.active });
      await result.pendingWrite;
    } catch {}
  };
}
