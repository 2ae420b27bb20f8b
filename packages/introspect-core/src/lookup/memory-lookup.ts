import type { SharedCache } from '../cache/shared-cache.js';
import type { TokenCache } from '../cache/token-cache.js';
import { abortable } from '../runtime/abortable.js';
import { afterResponse } from '../runtime/workerd.js';
import type { Stage, TokenQuery } from './lookup-pipeline.js';
import type { LookupEvent } from './lookup-stats.js';
import { SingleFlight } from './single-flight.js';

/** Copies an entry of the shared cache into memory. Returns whether memory now has it, or a newer active one. */
export type ReadShared = (query: TokenQuery) => Promise<boolean>;

/** Lets concurrent lookups of one token share one read of the shared cache. */
export function readShared(sharedCache: SharedCache | undefined): ReadShared {
  if (sharedCache === undefined) return async () => false;
  const reads = new SingleFlight<boolean>(() => true);
  return (query) => reads.join(query.key, { signal: query.request.signal }, () => sharedCache.read(query));
}

/**
 * Uses a fresh response from memory, or one that the shared cache puts there.
 *
 * Starts a refresh when one is due. Meanwhile the request uses the cached response. But if the runtime would end the
 * refresh together with the request, the request waits for the refresh.
 */
export function fromMemory({
  cache,
  readShared,
  refresh,
  emit,
}: {
  cache: TokenCache;
  readShared: ReadShared;
  refresh: (query: TokenQuery) => Promise<void>;
  emit: (event: LookupEvent) => void;
}): Stage {
  return (next) => async (query) => {
    const { key, request, maxResponseAgeMs } = query;
    let wasRead = false;
    let entry = cache.fresh(key, maxResponseAgeMs);
    if (entry === undefined && maxResponseAgeMs > 0) {
      wasRead = await readShared(query);
      if (wasRead) entry = cache.fresh(key, maxResponseAgeMs, wasRead);
    }
    if (entry !== undefined && cache.takeRefresh(entry)) {
      const refreshed = afterResponse(refresh(query), request);
      if (refreshed !== undefined) {
        await abortable(refreshed, request.signal);
        entry = cache.fresh(key, maxResponseAgeMs, wasRead);
      }
    }
    if (entry === undefined) return next(query);
    emit({ type: 'cache_hit', active: entry.response.active });
    return { from: 'cache', response: entry.prepared };
  };
}
