import { type ClientStats, noRequests, nothingShed } from '../client/client-stats.js';
import { type LookupStats, noLookups } from '../lookup/lookup-stats.js';

/** Counters and states of an authorizer and its client, for a health page. */
export interface AuthorizerStats extends LookupStats, ClientStats {}

const noEntries: AuthorizerStats['entries'] = { active: 0, inactive: 0 };

/** From the best state to the worst. */
const breakerStates = ['off', 'closed', 'half_open', 'open'] as const;

/** Returns the sums of the counters, and the worst state of the circuit breakers: `open`, then `half_open`. */
export function combinedStats(all: readonly AuthorizerStats[]): AuthorizerStats {
  const worst = Math.max(0, ...all.map(({ circuitBreaker }) => breakerStates.indexOf(circuitBreaker)));
  return {
    lookups: sums(
      noLookups,
      all.map(({ lookups }) => lookups),
    ),
    entries: sums(
      noEntries,
      all.map(({ entries }) => entries),
    ),
    requests: sums(
      noRequests,
      all.map(({ requests }) => requests),
    ),
    shed: sums(
      nothingShed,
      all.map(({ shed }) => shed),
    ),
    inFlight: sum(all.map(({ inFlight }) => inFlight)),
    queued: sum(all.map(({ queued }) => queued)),
    circuitBreaker: breakerStates[worst] ?? 'off',
  };
}

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
