import type { EventEmitter } from '../events/event-emitter.js';
import type { IntrospectEvent } from '../events/events.js';

/** An event of an authorizer itself. The events of its client have an `origin`. */
export type LookupEvent = Exclude<IntrospectEvent, { origin: string } | { type: 'decided' }>;

/** What an authorizer has done since it was created, and how many responses it has cached. */
export interface LookupStats {
  /** The number of events of each type. */
  readonly lookups: Readonly<Record<LookupEvent['type'], number>>;
  /** The number of entries in this process's cache. Some may have expired or been invalidated. */
  readonly entries: { readonly active: number; readonly inactive: number };
}

/** The counts before the first lookup. */
export const noLookups: LookupStats['lookups'] = {
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
};

/** Counts the events of lookups, and emits them if there is a listener. */
export class LookupCounters {
  readonly #events: EventEmitter;
  readonly #counts: Record<LookupEvent['type'], number> = { ...noLookups };

  constructor(events: EventEmitter) {
    this.#events = events;
  }

  readonly emit = (event: LookupEvent): void => {
    this.#counts[event.type]++;
    if (this.#events.hasListeners) this.#events.emit(event);
  };

  counts(): LookupStats['lookups'] {
    return { ...this.#counts };
  }
}
