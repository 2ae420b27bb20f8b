import type { Moment } from '../runtime/age-clock.js';
import type { LookupDeadline } from './lookup-deadline.js';
import type { Lookup, LookupResult, TokenQuery } from './lookup-pipeline.js';
import type { LookupEvent } from './lookup-stats.js';
import type { SingleFlight } from './single-flight.js';

/**
 * Returns the last step of a lookup. It joins the running introspection (flight) of the token if that began late enough
 * for this request. If not, it joins the flight that begins when the running one ends.
 *
 * Each flight has its own time limit. A request that may wait for two flights has a time limit of its own as well.
 */
export function joinFlight({
  flights,
  work,
  timeLimit,
  hasCache,
  emit,
}: {
  flights: SingleFlight<LookupResult, Moment>;
  /** What a flight does. */
  work: (query: TokenQuery, signal: AbortSignal) => Promise<LookupResult>;
  timeLimit: LookupDeadline;
  /** Without a cache, no `cache_miss` is emitted. */
  hasCache: boolean;
  emit: (event: LookupEvent) => void;
}): Lookup {
  return async (query) => {
    const { key, request, endsAt, isRepeat, accepts } = query;
    const { isShared, mustWait } = flights.outlook(key, accepts);
    if (isShared) emit({ type: 'coalesced' });
    else if (hasCache) emit({ type: 'cache_miss' });
    const join = (signal: AbortSignal | undefined) =>
      flights.join(key, { signal, accepts }, (shared) => work(query, shared));
    return mustWait || isRepeat ? timeLimit.run(endsAt, request.signal, join) : join(request.signal);
  };
}
