import type { SharedCache } from '../cache/shared-cache.js';
import type { TokenCache } from '../cache/token-cache.js';
import { isIntrospectionError, UnavailableError } from '../errors/errors.js';
import { withDeadline } from '../runtime/deadline.js';
import { delay } from '../runtime/delay.js';
import type { LookupDeadline } from './lookup-deadline.js';
import type { Stage, TokenQuery } from './lookup-pipeline.js';
import type { LookupEvent } from './lookup-stats.js';
import { RecentKeys } from './recent-keys.js';
import { SingleFlight } from './single-flight.js';

/** How long a request waits for the response of another process. */
const maxWaitMs = 100;
/** The pause before each read of the store. All of them together are shorter than `maxWaitMs`. */
const pausesMs = [0, 5, 10, 15, 25, 40];
/** How long a lease is valid. */
const leaseMs = 500;

/** `alone`: no process is known to introspect the token, or the wait for it has ended. */
type Turn = 'has lease' | 'response found' | 'alone';

/**
 * Lets one process introspect a token that no process has in its cache: the one that gets the lease. The others wait for
 * its response, at most 100 ms, and then introspect the token themselves.
 *
 * A process neither takes a lease nor waits if it introspects the token already, if its last introspection found the
 * server unavailable, or if the last call of the store failed. After a wait, a lease or an introspection, it does neither
 * for this token for 500 ms: a response that cannot be cached delays one request, and not each.
 */
export function leaseOnMiss({
  cache,
  sharedCache,
  isIntrospecting,
  timeLimit,
  monotonicNow,
  emit,
}: {
  cache: TokenCache;
  sharedCache: SharedCache;
  /** Returns whether an introspection with this cache key runs in this process. */
  isIntrospecting: (key: string) => boolean;
  timeLimit: LookupDeadline;
  monotonicNow: () => number;
  emit: (event: LookupEvent) => void;
}): Stage {
  const turns = new SingleFlight<Turn>(() => true);
  const recent = new RecentKeys(leaseMs, monotonicNow);
  let hasServerFailed = false;

  const hasFresh = ({ key, maxResponseAgeMs }: TokenQuery) => cache.fresh(key, maxResponseAgeMs, true) !== undefined;

  const waitForTurn = async (query: TokenQuery, signal: AbortSignal): Promise<Turn> => {
    const hasLease = await sharedCache.leaseForMiss(query, leaseMs);
    if (hasLease) return 'has lease';
    if (hasLease === undefined) return 'alone';
    for (const pauseMs of pausesMs) {
      if (pauseMs > 0) await delay(pauseMs, signal);
      if (sharedCache.isFailing) return 'alone';
      await sharedCache.readAwaited(query);
      if (hasFresh(query)) return 'response found';
    }
    return 'alone';
  };

  const turnOf = async (query: TokenQuery, signal: AbortSignal): Promise<Turn> => {
    const timeoutMs = Math.min(maxWaitMs, timeLimit.leftMs(query.endsAt));
    const late = () => new UnavailableError('No other process had a response in time');
    const turn = await withDeadline({ timeoutMs, late, signal }, (limited) => waitForTurn(query, limited)).catch(
      (): Turn => 'alone',
    );
    if (turn !== 'response found') recent.add(query.key);
    return turn;
  };

  return (next) => async (query) => {
    const { key, request, maxResponseAgeMs } = query;
    const skips = maxResponseAgeMs === 0 || hasServerFailed || sharedCache.isFailing || recent.has(key);
    const turn: Turn =
      skips || isIntrospecting(key)
        ? 'alone'
        : await turns.join(key, { signal: request.signal }, (signal) => turnOf(query, signal));
    const entry = turn === 'response found' ? cache.fresh(key, maxResponseAgeMs, true) : undefined;
    if (entry !== undefined) {
      emit({ type: 'cache_hit', active: entry.response.active });
      return { from: 'cache', response: entry.prepared };
    }
    try {
      const result = await next(turn === 'has lease' ? { ...query, isAwaited: true } : query);
      if (result.from === 'server') {
        hasServerFailed = false;
        recent.add(key); // what another process has written may be older than this response
      }
      return result;
    } catch (error) {
      if (isIntrospectionError(error) && error.code === 'unavailable') hasServerFailed = true;
      throw error;
    }
  };
}
