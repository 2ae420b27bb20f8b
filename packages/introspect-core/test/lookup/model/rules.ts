import type { ActiveToken } from '../../../src/index.js';
import type { History, Introspection, Request, Thread } from './history.js';

/** Milliseconds that a slow store may lag behind. */
const storeLagMs = 500;

/** The rules of the cache, applied to each outcome of a request. */
export class Rules {
  readonly #history: History;
  /** The tokens served from the cache since the last response of each kind: at most `maxEntries` can be cached. */
  readonly #served: readonly Record<'active' | 'inactive', Set<number>>[];

  constructor(history: History) {
    this.#history = history;
    this.#served = [0, 1].map(() => ({ active: new Set(), inactive: new Set() }));
  }

  /** Records that a response arrived, which may evict others. */
  changed({ process, outcome }: Introspection): void {
    if (outcome === 'active' || outcome === 'inactive') this.#served[process]?.[outcome].clear();
  }

  /** Returns why a request must not be served by a response, or undefined if it may be. */
  served(request: Request, token: ActiveToken): string | undefined {
    const { introspections } = this.#history;
    if (!Object.isFrozen(token) || !Object.isFrozen(token.nested)) return 'it is not frozen';
    const introspection = introspections[Number(token.introspection)];
    if (introspection?.outcome !== 'active' || introspection.ended === undefined)
      return 'the server sent no such response';
    if (introspection.token !== request.token) return 'it is about another token';
    if (token.exp !== undefined && this.#history.wallOf(request.process) >= token.exp * 1000) return 'it has expired';
    const thread = this.#history.thread(request);
    const isOwn = this.#isOwn(request, introspection);
    const isInvalidated = thread.invalidated > introspection.requested.order && this.#isDated(introspection);
    if (isInvalidated && !this.#mayServeInvalidated(request, introspection)) return 'it was invalidated';
    const { lastInactive } = thread;
    if (lastInactive !== undefined && this.#isNewer(lastInactive, introspection, isOwn)) {
      return `introspection ${lastInactive.number} has been inactive since`;
    }
    if (isOwn) return this.#tooEarly(request, introspection);
    return this.#reused(request, introspection) ?? this.#counted(request, 'active');
  }

  /** Returns why a request must not be rejected as inactive, or undefined if it may be. */
  rejectedInactive(request: Request): string | undefined {
    const { setting } = this.#history;
    const thread = this.#history.thread(request);
    if (this.#isPassedOn(request)) return undefined;
    const isAfterInvalidation = (each: Introspection) =>
      each.requested.order > thread.invalidatedAsToken || this.#mayServeInvalidated(request, each);
    const isOwnInactive = (each: Introspection) => each.outcome === 'inactive' && this.#isOwn(request, each);
    const candidates = thread.ended.filter((each) => isOwnInactive(each) && isAfterInvalidation(each));
    // When introspections run in parallel, not every response that arrives meanwhile is for this request.
    const introspection =
      candidates.find((each) => this.#tooEarly(request, each) === undefined) ?? candidates[0] ?? thread.lastInactive;
    if (introspection?.ended === undefined) return 'the server sent no inactive response';
    if (!isAfterInvalidation(introspection)) return 'the inactive response was invalidated';
    if (!introspection.confirmed) return 'the inactive response needs a recheck';
    if (this.#isOwn(request, introspection)) {
      thread.usedInactive = introspection;
      return this.#tooEarly(request, introspection);
    }
    const ageMs = this.#history.ageMs(introspection);
    if (ageMs >= setting.cache.inactiveMaxAgeSeconds * 1000) return `the response is ${ageMs} ms old`;
    if (ageMs >= request.maxResponseAgeMs) return `the response is ${ageMs} ms old, older than the policy allows`;
    const { lastResponse } = thread;
    const isAsNew = (each: Introspection) =>
      each.outcome === 'inactive' && each.requested.elapsed >= (lastResponse?.requested.elapsed ?? 0);
    if (lastResponse !== undefined && !thread.ended.some(isAsNew) && this.#isCached(lastResponse)) {
      return 'the server has sent an active response since';
    }
    return this.#counted(request, 'inactive');
  }

  /**
   * Returns whether the other process may have passed an inactive response to this one, which waited for it or still has
   * it in memory.
   */
  #isPassedOn(request: Request): boolean {
    const { setting } = this.#history;
    const thread = this.#history.thread(request);
    const inactive = this.#history.elsewhere(request).ended.find(({ outcome }) => outcome === 'inactive');
    const hasLeases = setting.store === 'lease' || setting.store === 'both';
    if (!hasLeases || !inactive?.confirmed || this.#history.isKnownActive(thread)) return false;
    if (inactive.requested.order < thread.invalidatedAsToken) return false;
    const { requested } = thread.lastResponse ?? {};
    if (requested !== undefined && requested.elapsed > inactive.requested.elapsed) return false;
    const maxAgeMs = Math.min(setting.cache.inactiveMaxAgeSeconds * 1000, request.maxResponseAgeMs);
    return !this.#isDated(inactive) || this.#history.ageMs(inactive) < maxAgeMs;
  }

  /** Returns why a request must not be rejected with an error, or undefined if it may be. */
  rejected(request: Request, code: string, reason: string | undefined): string | undefined {
    const ended = this.#justEnded(request);
    if (code !== 'invalid_token')
      return ended.some(({ outcome }) => outcome === code) || this.#isLate(request, code)
        ? undefined
        : 'no such error occurred';
    const wall = this.#history.wallOf(request.process);
    const hasExpired = ended.some(({ outcome, endsAt }) => outcome === 'active' && wall >= endsAt);
    return reason === 'expired' && hasExpired ? undefined : 'the server sent no such response';
  }

  /**
   * Returns the response that must serve a new request without an introspection, or undefined if that is not certain.
   */
  known(process: number, token: number, maxResponseAgeMs: number): Introspection | undefined {
    const { setting, isRoomy, clocksDiffer } = this.#history;
    const thread = this.#history.thread({ process, token });
    const response = setting.store === undefined ? thread.lastResponse : this.#shared(thread, { process, token });
    if (response?.ended === undefined || !isRoomy || setting.isWorkerd || clocksDiffer) return undefined;
    const isActive = response.outcome === 'active';
    const { maxAgeSeconds, inactiveMaxAgeSeconds } = setting.cache;
    const maxAgeMs = (isActive ? maxAgeSeconds : inactiveMaxAgeSeconds) * 1000;
    if (this.#history.ageMs(response) >= Math.min(maxAgeMs, maxResponseAgeMs)) return undefined;
    if (!isActive) {
      return thread.usedInactive === response && thread.invalidatedAsToken < response.requested.order
        ? response
        : undefined;
    }
    return this.#isCached(response) && thread.invalidated < response.requested.order ? response : undefined;
  }

  /** Returns why a response may not be used for a waiting request: it was requested earlier than the policy allows. */
  #tooEarly({ began, maxResponseAgeMs }: Request, introspection: Introspection): string | undefined {
    if (introspection.requested.order > began.order || this.#history.ageMs(introspection, began) < maxResponseAgeMs)
      return undefined;
    return 'it was requested earlier than the policy allows';
  }

  /**
   * Returns whether the request's own time limit has passed: it may have waited for an introspection that began too
   * early.
   */
  #isLate({ began }: Request, code: string): boolean {
    const { time, setting } = this.#history;
    return code === 'unavailable' && time.elapsed - began.elapsed >= setting.timeoutMs;
  }

  /**
   * Returns whether a response may be used although it was invalidated: it is the fourth that the request waited for, and
   * was requested after each `invalidate` that had ended before the request came.
   */
  #mayServeInvalidated(request: Request, introspection: Introspection): boolean {
    const isOwn = this.#isOwn(request, introspection);
    return isOwn && request.invalidatedBefore < introspection.requested.order && this.#isFourth(introspection);
  }

  /** Returns whether a response and the three before it were invalidated, each before the next was requested. */
  #isFourth(introspection: Introspection): boolean {
    const { introspections, setting } = this.#history;
    const { invalidations } = this.#history.thread(introspection);
    const isSame = ({ process, token }: Introspection) =>
      process === introspection.process && token === introspection.token;
    const requested = introspections.filter((each) => isSame(each) && each.number <= introspection.number).reverse();
    // On workerd, introspections of other requests may be in between.
    const last = setting.isWorkerd ? requested : requested.slice(0, 4);
    const isInvalidated = ({ requested: { order } }: Introspection, index: number) => {
      const next = setting.isWorkerd ? Infinity : (last[index - 1]?.requested.order ?? Infinity);
      return invalidations.some((each) => order < each && each < next);
    };
    return last.filter(isInvalidated).length >= 4;
  }

  /** Returns whether an active response was certainly not evicted, ended by either clock, or invalidated. */
  #isCached(response: Introspection): boolean {
    const { lastStep, isRoomy, clocksDiffer } = this.#history;
    if (!isRoomy) return false;
    if (response.endsAt !== Infinity && (clocksDiffer || lastStep > (response.ended?.order ?? 0))) return false;
    return this.#history.thread(response).invalidated < response.requested.order && !this.#history.hasExpired(response);
  }

  /** Returns the introspections whose outcome can decide now. After it, the request may have waited for the store. */
  #justEnded(request: Request): Introspection[] {
    const { time, storeEverFailed, storeEverSlow } = this.#history;
    const lagMs = storeEverFailed || storeEverSlow ? storeLagMs : 0;
    return this.#history
      .thread(request)
      .ended.filter(({ ended }) => ended?.tick === time.tick || (ended?.elapsed ?? 0) >= time.elapsed - lagMs);
  }

  /** Returns whether an inactive response is newer than an active one, which then must not be used. */
  #isNewer(inactive: Introspection, active: Introspection, isOwn: boolean): boolean {
    if (inactive.requested.order < active.requested.order || !this.#isRemembered(inactive, active)) return false;
    const differenceMs = this.#history.differenceMs(inactive, active);
    if (differenceMs > 0 && inactive.requested.elapsed - active.requested.elapsed <= differenceMs) return false;
    // Introspections that run in parallel each serve their own request.
    return !this.#history.setting.isWorkerd || (!isOwn && inactive.requested.elapsed > active.requested.elapsed);
  }

  /** Returns whether a response arrived in this process while the request waited. */
  #isOwn({ process, began }: Request, introspection: Introspection): boolean {
    return (
      introspection.process === process && introspection.ended !== undefined && introspection.ended.order > began.order
    );
  }

  /** Returns why a response from the cache or the store must not be used, or undefined if it may be. */
  #reused(request: Request, introspection: Introspection): string | undefined {
    const { setting } = this.#history;
    if (this.#history.wallOf(request.process) >= introspection.endsAt) return 'it has expired by the wall clock';
    if (!this.#isDated(introspection)) return undefined;
    if (this.#history.hasExpired(introspection, request)) return 'it has expired by the monotonic clock';
    if (this.#isInvalidatedElsewhere(request, introspection)) return 'another process invalidated it';
    const ageMs = this.#history.ageMs(introspection) - this.#history.differenceMs(introspection, request);
    if (ageMs >= request.maxResponseAgeMs) return `it is ${ageMs} ms old, older than the policy allows`;
    if (ageMs < setting.cache.maxAgeSeconds * 1000) return undefined;
    if (ageMs > setting.cache.maxAgeIfErrorSeconds * 1000) return `it is ${ageMs} ms old, older than the cache allows`;
    const isUnreachable = this.#justEnded(request).some(({ outcome }) => outcome === 'unavailable');
    return isUnreachable || this.#isLate(request, 'unavailable')
      ? undefined
      : `it is ${ageMs} ms old, and the server was not unreachable`;
  }

  /** Returns whether another process invalidated a response so long ago that this one has read the store since. */
  #isInvalidatedElsewhere(request: Request, introspection: Introspection): boolean {
    const { time, setting, storeEverSlow, storeEverFailed } = this.#history;
    if (storeEverFailed) return false;
    const hears = setting.store === 'notifies' || setting.store === 'both';
    const localMs = (hears ? 0 : setting.cache.localMaxAgeSeconds * 1000) + (storeEverSlow ? storeLagMs : 0);
    const cachedAt = introspection.process === request.process ? (introspection.ended?.elapsed ?? 0) : 0;
    return this.#history
      .thread(request)
      .invalidatedElsewhere.some(
        ({ asOf, stored }) =>
          asOf.order > introspection.requested.order &&
          stored.order < request.began.order &&
          time.elapsed >= Math.max(stored.elapsed, cachedAt) + localMs,
      );
  }

  /** Returns the response that each process can read from the store, if the store has never failed. */
  #shared(thread: Thread, of: { process: number; token: number }): Introspection | undefined {
    const { lastStep, storeEverFailed, storeEverSlow } = this.#history;
    if (storeEverFailed || storeEverSlow || lastStep > 0) return undefined;
    const other = this.#history.elsewhere(of);
    const response = other.lastResponse;
    if (response?.outcome !== 'active' || response.ended === undefined || other.invalidated > 0) return undefined;
    if (thread.invalidated > 0 || other.running !== undefined || thread.running !== undefined) return undefined;
    const own = thread.ended[0]?.ended?.elapsed ?? -1;
    const isLatest = other.ended.every(
      (each) => each === response || each.requested.elapsed < response.requested.elapsed,
    );
    return isLatest && own < response.requested.elapsed && other.ended[0] === response ? response : undefined;
  }

  /**
   * Returns whether the age of a response is certain. The age of a response from the store is known by the wall clock
   * only.
   */
  #isDated({ requested }: Introspection): boolean {
    const { setting, lastStep } = this.#history;
    return setting.store === undefined || lastStep < requested.order;
  }

  /**
   * Returns whether a process still knows an inactive response: it was neither evicted nor replaced by a response that
   * ended immediately.
   */
  #isRemembered(inactive: Introspection, active: Introspection): boolean {
    const { setting, isRoomy } = this.#history;
    if (setting.store === undefined) return isRoomy || !setting.isWorkerd;
    return isRoomy && this.#isDated(active) && this.#history.thread(inactive).lastResponse === inactive;
  }

  #counted({ process, token }: Request, kind: 'active' | 'inactive'): string | undefined {
    const { setting } = this.#history;
    if (setting.store !== undefined) return undefined;
    const served = this.#served[process]?.[kind].add(token);
    const cached = served?.size ?? 0;
    return cached > setting.cache.maxEntries ? `${cached} ${kind} responses are cached` : undefined;
  }
}
