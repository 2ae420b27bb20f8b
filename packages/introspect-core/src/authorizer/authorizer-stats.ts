import type { ClientStats } from '../client/client-stats.js';
import type { LookupStats } from '../lookup/lookup-stats.js';

/** Counters and states of an authorizer and its client, for a health page. */
export interface AuthorizerStats extends LookupStats, ClientStats {}

/** From the best state to the worst. */
const breakerStates = ['off', 'closed', 'half_open', 'open'] as const;

/** Returns the sums of the counters, and the worst state of the circuit breakers: `open`, then `half_open`. */
export function combinedStats(all: readonly AuthorizerStats[]): AuthorizerStats {
  const worst = Math.max(0, ...all.map(({ circuitBreaker }) => breakerStates.indexOf(circuitBreaker)));
  return {
    lookups: sums(
      none.lookups,
      all.map(({ lookups }) => lookups),
    ),
    entries: sums(
      none.entries,
      all.map(({ entries }) => entries),
    ),
    requests: sums(
      none.requests,
      all.map(({ requests }) => requests),
    ),
    shed: sums(
      none.shed,
      all.map(({ shed }) => shed),
    ),
    inFlight: sum(all.map(({ inFlight }) => inFlight)),
    queued: sum(all.map(({ queued }) => queued)),
    circuitBreaker: breakerStates[worst] ?? 'off',
  };
}

/** The counters of no authorizer at all, for the names. */
const none = {
  lookups: {
    cache_hit: 0,
    cache_miss: 0,
    coalesced: 0,
    stale_served: 0,
    refreshed: 0,
    rechecked: 0,
    invalidated: 0,
    store_failed: 0,
    prefilter_rejected: 0,
    jwks_failed: 0,
    inactive_explained: 0,
    claims_rejected: 0,
    too_large_to_cache: 0,
  },
  entries: { active: 0, inactive: 0 },
  requests: {
    active: 0,
    inactive: 0,
    unsupported_token_type: 0,
    unavailable: 0,
    invalid_response: 0,
    invalid_client: 0,
    aborted: 0,
  },
  shed: { limits: 0, circuit_breaker: 0 },
} as const satisfies Partial<AuthorizerStats>;

function sums<Name extends string>(
  names: Readonly<Record<Name, number>>,
  counters: readonly Readonly<Record<Name, number>>[],
): Record<Name, number> {
  const total: Record<Name, number> = { ...names };
  for (const name in total) total[name] = sum(counters.map((each) => each[name]));
  return total;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
