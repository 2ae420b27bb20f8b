import type { Invalidations } from '../cache/invalidations.js';
import { maxRepeats, type Stage } from './lookup-pipeline.js';

/**
 * Repeats the lookup if the server's response was invalidated since it was requested, or was requested too early for the
 * policy.
 *
 * After the last repeat that `invalidate` may cause, it uses a response that was invalidated after the HTTP request
 * arrived. It never uses one that was invalidated before. The time limit of the query ends the repeats.
 */
export function repeatIfInvalidated(invalidations: Invalidations): Stage {
  return (next) => async (query) => {
    for (let repeats = 0; ; repeats++) {
      const result = await next(repeats === 0 ? query : { ...query, isRepeat: true });
      if (result.from !== 'server') return result;
      const { received, moment, isLast } = result;
      // If the wall clock was set back after the flight began, its response can be older than the flight.
      if (!query.accepts(moment)) continue;
      if (!invalidations.invalidates(query.key, received)) return result;
      const wasValidAtArrival = received.sequence >= query.invalidationsBefore;
      if (wasValidAtArrival && (isLast || repeats >= maxRepeats)) return result;
    }
  };
}
