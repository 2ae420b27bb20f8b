import type { CachedResponse } from '../cache/cache-entry.js';
import type { Invalidations } from '../cache/invalidations.js';
import type { SharedCache } from '../cache/shared-cache.js';
import type { TokenCache } from '../cache/token-cache.js';
import type { IntrospectionClient } from '../client/introspection-client.js';
import type { Priority } from '../events/events.js';
import type { ActiveToken } from '../protocol/active-token.js';
import type { AgeClock, Moment } from '../runtime/age-clock.js';
import { delay } from '../runtime/delay.js';
import type { BoundPrefilter } from './bound-prefilter.js';
import type { LookupDeadline } from './lookup-deadline.js';
import { type LookupResult, maxRepeats, type TokenQuery } from './lookup-pipeline.js';
import type { LookupEvent } from './lookup-stats.js';

/** How long to wait before a suddenly inactive token is introspected again. A brief fault of the server is over then. */
const recheckDelayMs = 1000;
const recheckJitterMs = 250;

interface Introspected {
  readonly received: CachedResponse;
  readonly moment: Moment;
}

/** What a lookup at the server calls before and after the introspection request. */
export interface LookupHooks {
  readonly prefilter?: BoundPrefilter | undefined;
  /** Called once for each active response, of the server or of the shared cache. Requests get what it returns. */
  readonly prepare?: ((response: ActiveToken) => ActiveToken) | undefined;
  /** Called when the server has responded that a token is inactive. */
  readonly onInactive?: ((token: string) => void) | undefined;
}

/** What a lookup at the server needs. */
export interface ServerLookupParts {
  readonly client: Pick<IntrospectionClient, 'introspect'>;
  readonly cache: TokenCache | undefined;
  readonly sharedCache: SharedCache | undefined;
  readonly invalidations: Invalidations;
  readonly age: AgeClock;
  readonly timeLimit: LookupDeadline;
  readonly hooks: LookupHooks;
  emit(event: LookupEvent): void;
}

/** Gets the response from the server, and caches it: the work of one flight. It has one time limit. */
export class ServerLookup {
  readonly #parts: ServerLookupParts;

  constructor(parts: ServerLookupParts) {
    this.#parts = parts;
  }

  /**
   * Lets the prefilter judge the token, introspects it, rechecks it if it is suddenly inactive, and repeats the
   * introspection while the response was invalidated meanwhile. Then it caches the last response.
   */
  async find(query: TokenQuery, signal: AbortSignal): Promise<LookupResult> {
    const { key, token, maxResponseAgeMs } = query;
    const { cache, sharedCache, invalidations, timeLimit, hooks, emit } = this.#parts;
    const endsAt = timeLimit.endFromNow();
    const inTime = (priority: Priority) =>
      timeLimit.run(endsAt, signal, (signal) => this.#introspect(token, priority, signal));
    const wasActive = cache?.hasActive(key) === true;
    // This query may not use a response of the store. But if the store has an active one, an inactive one is rechecked.
    if (maxResponseAgeMs === 0) void sharedCache?.read(query);
    // The prefilter rejects forged tokens. A token that the server itself recently called active is not forged.
    const prefilter = wasActive ? undefined : hooks.prefilter;
    const verdict = prefilter === undefined ? 'introspect' : await prefilter(token, signal);
    if (typeof verdict === 'object') return { from: 'prefilter', reason: verdict.reject };
    const priority = wasActive ? 'high' : verdict === 'deprioritize' ? 'low' : 'normal';
    let last = await (prefilter === undefined ? this.#introspect(token, priority, signal) : inTime(priority));
    const mayBeInStore = cache?.activeEntry(key) !== undefined; // an active entry was probably written to the store, too
    const isNowInactive = mayBeInStore && !last.received.response.active;
    const removal = isNowInactive ? sharedCache?.delete(query) : undefined;
    if (!last.received.response.active && cache?.markUnconfirmed(key, last.received)) {
      const waitMs = recheckDelayMs + recheckJitterMs * Math.random();
      await delay(Math.min(waitMs, timeLimit.leftMs(endsAt) / 2), signal);
      last = await inTime('high');
      emit({ type: 'rechecked', active: last.received.response.active });
    }
    for (let repeats = 0; repeats < maxRepeats && invalidations.invalidates(key, last.received); repeats++) {
      last = await inTime('normal');
    }
    if (!last.received.response.active) hooks.onInactive?.(token);
    if (invalidations.invalidates(key, last.received)) {
      return { from: 'server', ...last, isLast: true, pendingWrite: removal };
    }
    const write = this.#cache(query, last.received);
    const pendingWrite = removal && write ? Promise.all([removal, write]).then(() => {}) : (write ?? removal);
    return { from: 'server', ...last, isLast: false, pendingWrite };
  }

  /** Caches a response, and returns the write to the shared cache. Only processes that wait get an inactive response. */
  #cache(query: TokenQuery, received: CachedResponse): Promise<void> | undefined {
    const { cache, sharedCache, emit } = this.#parts;
    const outcome = cache?.set(query.key, received);
    if (outcome === 'too_large') emit({ type: 'too_large_to_cache' });
    if (outcome !== 'cached') return undefined;
    return received.response.active || query.isAwaited ? sharedCache?.share(query, received) : undefined;
  }

  async #introspect(token: string, priority: Priority, signal: AbortSignal): Promise<Introspected> {
    const { client, cache, sharedCache, invalidations, age, hooks } = this.#parts;
    const moment = age.moment();
    const { requestedAt, drift } = moment;
    const { sequence } = invalidations;
    const epoch = cache?.epoch ?? 0;
    const storeVersion = sharedCache?.storeVersion;
    const response = await client.introspect(token, { signal, priority });
    const prepared = response.active ? (hooks.prepare?.(response) ?? response) : response;
    return { received: { response, prepared, requestedAt, drift, sequence, epoch, storeVersion }, moment };
  }
}
