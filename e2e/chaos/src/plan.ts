import type { RedisFault } from './faulty-redis.js';
import type { Fault } from './faulty-server.js';
import type { Kind } from './judge.js';

/** A fault of the authorization server or of Redis, and how long it takes. */
interface Phase {
  readonly fault: Fault | RedisFault;
  readonly ms: number;
}

/** How many requests of a kind are sent in a second, and over how many connections. */
export interface Rate {
  readonly perSecond: number;
  readonly connections: number;
}

export interface Plan {
  /** How many demos run. Each gets requests at these rates. If there are several, they share a cache in Redis. */
  readonly processes: number;
  readonly cache: { readonly maxAgeMs: number; readonly refreshAfterMs: number; readonly maxAgeIfErrorMs: number };
  /** The number of tokens that are good during the whole run. */
  readonly good: number;
  /**
   * The number of tokens that are good and will be revoked, the number of revoked tokens that are still sent, and the time
   * between two revocations.
   */
  readonly mortal: { readonly alive: number; readonly revoked: number; readonly everyMs: number };
  readonly rates: { readonly [kind in 'good' | 'mortal' | 'unseen' | 'garbage' | 'none']: Rate };
  readonly phases: readonly Phase[];
  /** What must occur at least once. Without it the run proves nothing. */
  readonly mustOccur: {
    readonly replies: readonly (readonly [kind: Kind, status: number])[];
    readonly events: readonly string[];
  };
}

const healthy = (ms: number): Phase => ({ fault: 'healthy', ms });

const repliesWithoutFault = [
  ['good', 200],
  ['alive', 200],
  ['revoked', 401],
  ['unseen', 200],
  ['garbage', 401],
  ['none', 401],
] as const;
const serverFaults: Plan['mustOccur'] = {
  replies: [...repliesWithoutFault, ['unseen', 503]],
  events: ['stale_served', 'rechecked', 'refreshed'],
};

/** Three minutes. */
export const fullPlan: Plan = {
  processes: 1,
  mustOccur: serverFaults,
  cache: { maxAgeMs: 6000, refreshAfterMs: 3000, maxAgeIfErrorMs: 60_000 },
  good: 20,
  mortal: { alive: 5, revoked: 12, everyMs: 4000 },
  rates: {
    good: { perSecond: 400, connections: 10 },
    mortal: { perSecond: 40, connections: 5 },
    unseen: { perSecond: 12, connections: 12 },
    garbage: { perSecond: 3, connections: 3 },
    none: { perSecond: 5, connections: 5 },
  },
  phases: [
    healthy(15_000),
    { fault: 'outage', ms: 30_000 },
    healthy(10_000),
    { fault: 'slow', ms: 10_000 },
    healthy(4000),
    { fault: 'hangs', ms: 15_000 },
    healthy(10_000),
    { fault: 'truncated', ms: 8000 },
    healthy(5000),
    { fault: 'status 500', ms: 8000 },
    healthy(5000),
    { fault: 'status 429', ms: 8000 },
    healthy(5000),
    { fault: 'html', ms: 8000 },
    healthy(5000),
    { fault: 'wrongly inactive', ms: 1000 },
    healthy(13_000),
    { fault: 'outage', ms: 5000 },
    healthy(15_000),
  ],
};

/** Ten seconds. */
export const shortPlan: Plan = {
  processes: 1,
  mustOccur: serverFaults,
  cache: { maxAgeMs: 1000, refreshAfterMs: 600, maxAgeIfErrorMs: 30_000 },
  good: 6,
  mortal: { alive: 3, revoked: 6, everyMs: 500 },
  rates: {
    good: { perSecond: 150, connections: 5 },
    mortal: { perSecond: 30, connections: 3 },
    unseen: { perSecond: 10, connections: 10 },
    garbage: { perSecond: 2, connections: 2 },
    none: { perSecond: 2, connections: 2 },
  },
  phases: [
    healthy(1500),
    { fault: 'outage', ms: 2000 },
    healthy(1300),
    { fault: 'slow', ms: 700 },
    { fault: 'garbage', ms: 1200 },
    healthy(900),
    { fault: 'wrongly inactive', ms: 1000 },
    healthy(1700),
  ],
};

/**
 * Twenty seconds: two demos share a Redis, which fails. The server is healthy. `maxAgeMs` is short, because a process that
 * cannot hear of the other one may use a response for that long, although the other one has seen that it is inactive.
 */
export const redisPlan: Plan = {
  processes: 2,
  mustOccur: { replies: repliesWithoutFault, events: ['store_failed', 'refreshed'] },
  cache: { maxAgeMs: 1000, refreshAfterMs: 600, maxAgeIfErrorMs: 30_000 },
  good: 6,
  mortal: { alive: 3, revoked: 4, everyMs: 500 },
  rates: {
    good: { perSecond: 100, connections: 5 },
    mortal: { perSecond: 20, connections: 3 },
    unseen: { perSecond: 3, connections: 3 },
    garbage: { perSecond: 1, connections: 1 },
    none: { perSecond: 1, connections: 1 },
  },
  phases: [
    healthy(2000),
    { fault: 'Redis killed', ms: 3000 },
    healthy(2500),
    { fault: 'Redis hangs', ms: 3000 },
    healthy(2500),
    { fault: 'Redis emptied', ms: 1500 },
    { fault: 'Redis killed', ms: 1500 },
    { fault: 'Redis hangs', ms: 1500 },
    healthy(2500),
  ],
};
