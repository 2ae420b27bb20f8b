import { settingsBoundText } from '../cache/cache-key.js';
import type { CacheSettings } from '../cache/cache-options.js';
import { Invalidations, tombstoneSlackMs } from '../cache/invalidations.js';
import { sealingCodec } from '../cache/sealing-codec.js';
import { SharedCache } from '../cache/shared-cache.js';
import { plainCodec } from '../cache/store-codec.js';
import { TokenCache } from '../cache/token-cache.js';
import type { IntrospectionClientSettings } from '../client/client-settings.js';
import type { StoreOperation } from '../events/events.js';
import type { AgeClock } from '../runtime/age-clock.js';
import { steadyClock } from '../runtime/steady-clock.js';
import type { LookupEvent } from './lookup-stats.js';
import type { LookupHooks } from './server-lookup.js';

/** Creates the `Invalidations`, and the cache in memory and the shared cache if they are configured. */
export function createCaches(
  cacheSettings: CacheSettings | undefined,
  {
    settings,
    keyOf,
    age,
    prepare,
    emit,
  }: {
    settings: IntrospectionClientSettings;
    keyOf: (text: string) => string | Promise<string>;
    age: AgeClock;
    prepare: LookupHooks['prepare'];
    emit: (event: LookupEvent) => void;
  },
): { invalidations: Invalidations; cache?: TokenCache; sharedCache?: SharedCache } {
  const { now, monotonicNow, timeoutMs } = settings;
  const lifetimeMs = Math.max(cacheSettings?.maxAgeMs ?? 0, cacheSettings?.maxAgeIfErrorMs ?? 0);
  const invalidationLifetimeMs = lifetimeMs + tombstoneSlackMs;
  const steadyNow = steadyClock({ now, monotonicNow }, invalidationLifetimeMs);
  const invalidations = new Invalidations({ monotonicNow, steadyNow }, invalidationLifetimeMs);
  if (cacheSettings === undefined) return { invalidations };
  const cache = new TokenCache(cacheSettings, { now, monotonicNow, steadyNow, age }, invalidations, prepare);
  const { store, storeSecrets: secrets, maxEntries, refreshAfterMs } = cacheSettings;
  if (store === undefined) return { invalidations, cache };
  const sharedCache = new SharedCache(store, cache, invalidations, {
    now,
    monotonicNow,
    steadyNow,
    age,
    lifetimeMs,
    leaseMs: Math.max(1, Math.floor(Math.min(timeoutMs, refreshAfterMs))),
    codec:
      secrets === undefined
        ? plainCodec(keyOf)
        : sealingCodec({ secrets, textOf: settingsBoundText(settings), maxEntries }),
    onFailure: (operation: StoreOperation) => emit({ type: 'store_failed', operation }),
  });
  return { invalidations, cache, sharedCache };
}
