import { vi } from 'vitest';
import type { CachedResponse } from '../../src/cache/cache-entry.js';
import type { CacheSettings } from '../../src/cache/cache-options.js';
import { Invalidations } from '../../src/cache/invalidations.js';
import { TokenCache } from '../../src/cache/token-cache.js';
import type { IntrospectionResponse } from '../../src/index.js';
import type { Lookup, LookupResult, ServerResult, TokenQuery } from '../../src/lookup/lookup-pipeline.js';
import type { LookupEvent } from '../../src/lookup/lookup-stats.js';
import { Clocks } from './clocks.js';

const hourMs = 3_600_000;

/** What a stage needs to be tested alone: clocks that stand still, a cache for 60 s, and what is emitted. */
export function lookupParts(cacheSettings: Partial<CacheSettings> = {}) {
  const clocks = new Clocks();
  const { age } = clocks;
  const invalidations = new Invalidations(clocks, hourMs);
  const cache = new TokenCache(
    {
      maxAgeMs: 60_000,
      inactiveMaxAgeMs: 3000,
      refreshAfterMs: Number.POSITIVE_INFINITY,
      maxAgeIfErrorMs: 0,
      maxEntries: 100,
      maxBytes: 1000,
      frontEntries: 0,
      store: undefined,
      storeSecrets: undefined,
      localMaxAgeMs: 5000,
      ...cacheSettings,
    },
    clocks,
    invalidations,
  );
  const events: LookupEvent[] = [];
  const received = (response: IntrospectionResponse = { active: true }): CachedResponse => {
    const { sequence } = invalidations;
    return { response, prepared: response, ...age.requestTime(), sequence, epoch: cache.epoch };
  };
  return {
    clocks,
    age,
    invalidations,
    cache,
    events,
    emit: (event: LookupEvent) => void events.push(event),
    received,
    /** A response that the server gives now. */
    fromServer: (change: Partial<ServerResult> = {}): ServerResult => ({
      from: 'server',
      received: received(),
      moment: age.moment(),
      isLast: false,
      pendingWrite: undefined,
      ...change,
    }),
    query: (change: Partial<TokenQuery> = {}): TokenQuery => ({
      key: 'k',
      token: 't',
      request: { authorization: 'Bearer t' },
      maxResponseAgeMs: Number.POSITIVE_INFINITY,
      accepts: () => true,
      invalidationsBefore: invalidations.sequence,
      endsAt: clocks.monotonicMs + 5000,
      isRepeat: false,
      isAwaited: false,
      ...change,
    }),
  };
}

/** The stage behind the one that is tested. */
export const nextLookup = (find: (query: TokenQuery) => LookupResult | Promise<LookupResult>) =>
  vi.fn<Lookup>(async (query) => find(query));
