import type { Events, IntrospectEvent } from '../events/events.js';

/** An event of an authorizer itself. The events of its client have an `origin`. */
export type LookupEvent = Exclude<IntrospectEvent, { origin: string }>;

/** What an authorizer has done since it was made, and how many responses it has cached. */
export interface AnswerStats {
  /** The number of events of each type. */
  readonly answers: Readonly<Record<LookupEvent['type'], number>>;
  /** The number of entries in this process's cache. Some of them may have ended. */
  readonly entries: { readonly active: number; readonly inactive: number };
}

/** Counts the events of lookups, and emits them if somebody listens. */
export class LookupStats {
  readonly #events: Events;
  readonly #counts: Record<LookupEvent['type'], number> = {
    hit: 0,
    miss: 0,
    coalesced: 0,
    stale: 0,
    refreshed: 0,
    flipped: 0,
    forgotten: 0,
    store_failed: 0,
    refused: 0,
    keys_failed: 0,
    inactive_explained: 0,
    too_large_to_cache: 0,
  };

  constructor(events: Events) {
    this.#events = events;
  }

  readonly emit = (event: LookupEvent): void => {
    this.#counts[event.type]++;
    if (this.#events.heard) this.#events.tell(event);
  };

  counts(): AnswerStats['answers'] {
    return { ...this.#counts };
  }
}
