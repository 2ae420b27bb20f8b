import { cacheKey } from '../cache/cache-key.js';
import type { CacheSettings } from '../cache/cache-options.js';
import { freshForMs } from '../cache/freshness.js';
import { FrontTable } from '../cache/front-table.js';
import { type InvalidationTarget, parseTarget } from '../cache/invalidation-target.js';
import type { Invalidations, TombstoneName } from '../cache/invalidations.js';
import type { SharedCache } from '../cache/shared-cache.js';
import type { TokenCache } from '../cache/token-cache.js';
import { hasMetRateLimit, type IntrospectionClient, settingsOf } from '../client/introspection-client.js';
import type { InvalidTokenReason } from '../errors/errors.js';
import type { IntrospectionResponse } from '../protocol/active-token.js';
import type { RequestContext } from '../request/request-context.js';
import { AgeClock, type Moment } from '../runtime/age-clock.js';
import { finishSharedWrite } from './finish-shared-write.js';
import { joinFlight } from './join-flight.js';
import { leaseOnMiss } from './lease-on-miss.js';
import { createCaches } from './lookup-caches.js';
import { LookupDeadline } from './lookup-deadline.js';
import { compose, type Lookup, type LookupResult, type TokenQuery } from './lookup-pipeline.js';
import { LookupCounters, type LookupEvent, type LookupStats } from './lookup-stats.js';
import { fromMemory, readShared } from './memory-lookup.js';
import { repeatIfInvalidated } from './repeat-if-invalidated.js';
import { backgroundRefresh } from './response-refresh.js';
import { SameRequest } from './same-request.js';
import { type LookupHooks, ServerLookup } from './server-lookup.js';
import { SingleFlight } from './single-flight.js';
import { staleIfError } from './stale-if-error.js';

/**
 * Finds the introspection response for a token: in memory, in the shared cache or at the server.
 *
 * Does not judge the response by a policy. It caches and shares responses, not decisions.
 */
export class TokenLookup {
  readonly #keyOf: (token: string) => string | Promise<string>;
  readonly #age: AgeClock;
  readonly #timeLimit: LookupDeadline;
  readonly #stats: LookupCounters;
  readonly #invalidations: Invalidations;
  readonly #cache: TokenCache | undefined;
  readonly #maxAgeMs: number;
  readonly #front: FrontTable;
  readonly #sharedCache: SharedCache | undefined;
  readonly #sameRequest: SameRequest;
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;
  readonly #find: Lookup;
  /** Set when the platform has no synchronous SHA-256, so that a cache key needs a promise. */
  #keysArePromises = false;

  /** @param cacheSettings if absent, nothing is cached */
  constructor(client: IntrospectionClient, cacheSettings: CacheSettings | undefined, hooks: LookupHooks = {}) {
    const settings = settingsOf(client);
    const keyOf = cacheKey(settings);
    const age = new AgeClock(settings);
    const timeLimit = new LookupDeadline(settings);
    const stats = new LookupCounters(settings.events);
    const { emit } = stats;
    const { invalidations, cache, sharedCache } = createCaches(cacheSettings, {
      settings,
      keyOf,
      age,
      prepare: hooks.prepare,
      emit,
    });
    const sameRequest = new SameRequest(age, invalidations);
    const server = new ServerLookup({ client, cache, sharedCache, invalidations, age, timeLimit, hooks, emit });
    const work = (query: TokenQuery, signal: AbortSignal) => server.find(query, signal);
    const flights = new SingleFlight<LookupResult, Moment>(() => age.moment());
    const { signal } = this.#closing;
    const introspect: Lookup = (query) => flights.join(query.key, { signal }, (shared) => work(query, shared));
    const read = readShared(sharedCache);
    const isIntrospecting = (key: string) => flights.isRunning(key);
    const { monotonicNow } = settings;
    const isRateLimited = () => hasMetRateLimit(client);

    this.#find = compose(
      [
        sameRequest.stage, // guards of one HTTP request share a response
        ...(cache === undefined
          ? []
          : [
              // memory, then the shared cache; starts a refresh when one is due
              fromMemory({
                cache,
                readShared: read,
                refresh: backgroundRefresh({ cache, sharedCache, introspect, emit, signal }),
                emit,
              }),
              staleIfError({ cache, readShared: read, isRateLimited, emit }), // RFC 5861 §4
            ]),
        ...(cache === undefined || sharedCache?.hasLeases !== true
          ? []
          : [leaseOnMiss({ cache, sharedCache, isIntrospecting, timeLimit, monotonicNow, emit })]), // one process introspects
        repeatIfInvalidated(invalidations), // repeats while the response is not for this request
        finishSharedWrite, // lets the write to the shared cache end after the response
      ],
      joinFlight({ flights, work, timeLimit, hasCache: cache !== undefined, emit }), // one flight at the server
    );
    this.#keyOf = keyOf;
    this.#age = age;
    this.#timeLimit = timeLimit;
    this.#stats = stats;
    this.#invalidations = invalidations;
    this.#cache = cache;
    this.#maxAgeMs = cacheSettings?.maxAgeMs ?? 0;
    this.#front = new FrontTable(cacheSettings?.frontEntries ?? 0);
    this.#sharedCache = sharedCache;
    this.#sameRequest = sameRequest;
  }

  /**
   * Returns a cached response without a promise, as for most requests.
   *
   * Returns `undefined` if there is none in memory, or if using it needs the shared cache or starts a refresh.
   */
  cached(token: string, maxResponseAgeMs: number): IntrospectionResponse | undefined {
    if (this.#cache === undefined || this.#keysArePromises) return undefined;
    const known = this.#front.find(token);
    const key = known?.key ?? this.#keyOf(token);
    this.#keysArePromises = typeof key !== 'string';
    const entry = typeof key === 'string' ? this.#cache.fresh(key, maxResponseAgeMs, false, known) : undefined;
    if (entry === undefined || this.#cache.isRefreshDue(entry)) {
      if (known !== undefined) this.#front.delete(token);
      return undefined;
    }
    if (known === undefined && typeof key === 'string' && entry.response.active) this.#front.add(token, key);
    this.#stats.emit({ type: 'cache_hit', active: entry.response.active });
    return entry.prepared;
  }

  /**
   * Returns a response about a token that was requested after the HTTP request arrived, or less than `maxResponseAgeMs`
   * before. Returns the reason if the prefilter rejected the token.
   *
   * @param onStale called with the error of the server before a stale response is returned
   * @throws IntrospectionError, or `signal.reason` of the request
   */
  async find(
    token: string,
    request: RequestContext,
    maxResponseAgeMs: number,
    onStale?: (error: unknown) => void,
  ): Promise<IntrospectionResponse | InvalidTokenReason> {
    const age = this.#age;
    const arrival = this.#sameRequest.arrivalOf(request);
    const invalidationsBefore = this.#invalidations.sequence;
    const endsAt = this.#timeLimit.endFromNow();
    const key = this.#keyOf(token);
    const result = await this.#find({
      key: typeof key === 'string' ? key : await key,
      token,
      request,
      maxResponseAgeMs,
      accepts: (at) => at.sequence > arrival.sequence || age.ageMs(at, arrival) < maxResponseAgeMs,
      invalidationsBefore,
      endsAt,
      isRepeat: false,
      isAwaited: false,
    });
    if (result.from === 'prefilter') return result.reason;
    if (result.from === 'server') return result.received.prepared;
    if (result.failure !== undefined) onStale?.(result.failure);
    return result.response;
  }

  /**
   * Resolves with how long the cached active response of a token can be used without a request, in milliseconds. Resolves
   * with `undefined` if there is none.
   */
  async freshForMs(token: string, maxResponseAgeMs: number): Promise<number | undefined> {
    const entry = this.#cache?.activeEntry(await this.#keyOf(token));
    return entry && freshForMs(entry, this.#age.ageMs(entry), Math.min(maxResponseAgeMs, this.#maxAgeMs));
  }

  /**
   * Invalidates the cached responses that match the target, and those that were requested before this call and arrive
   * after it.
   *
   * Takes effect in this process immediately. Other processes with the same settings see it in the shared cache.
   *
   * @throws TypeError if the target is invalid
   * @throws UnavailableError if the shared cache failed; the responses of this process are invalid all the same
   */
  async invalidate(target: InvalidationTarget): Promise<void> {
    const [kind, value] = parseTarget(target);
    const keyOrValue = kind === 'token' ? this.#keyOf(value) : value;
    const text = typeof keyOrValue === 'string' ? keyOrValue : await keyOrValue;
    const name: TombstoneName = `${kind}:${text}`;
    this.#invalidations.add(name);
    if (kind === 'token') this.#cache?.delete(text);
    if (kind === 'all') this.#cache?.clear();
    this.#stats.emit({ type: 'invalidated', by: kind });
    await this.#sharedCache?.invalidate(name, kind === 'token' ? { key: text, token: value } : undefined);
  }

  stats(): LookupStats {
    return { lookups: this.#stats.counts(), entries: this.#cache?.entries ?? { active: 0, inactive: 0 } };
  }

  /** Aborts background refreshes and starts no further ones, and closes the shared cache. Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#closed ??= this.#sharedCache?.close();
    await this.#closed;
  }

  /** Counts an event, and emits it if there is a listener. */
  emit(event: LookupEvent): void {
    this.#stats.emit(event);
  }
}
