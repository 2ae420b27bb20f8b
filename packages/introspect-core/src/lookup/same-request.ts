import type { Invalidations } from '../cache/invalidations.js';
import type { RequestContext } from '../request/request-context.js';
import type { AgeClock, Moment } from '../runtime/age-clock.js';
import type { ServerResult, Stage } from './lookup-pipeline.js';

/** How long guards with the same `native` belong to one request. It is a bound in case the object outlives its request. */
const sameRequestMs = 5000;

interface SeenRequest {
  readonly arrival: Moment;
  /** The latest response that the server gave for this request. */
  last?: { readonly key: string; readonly result: ServerResult };
}

/**
 * Lets all guards of one HTTP request share a response, with and without a cache.
 *
 * It recognises the request by `native`, the framework's own request object, which it does not keep alive.
 */
export class SameRequest {
  readonly #age: AgeClock;
  readonly #invalidations: Invalidations;
  readonly #seen = new WeakMap<object, SeenRequest>();

  constructor(age: AgeClock, invalidations: Invalidations) {
    this.#age = age;
    this.#invalidations = invalidations;
  }

  /** Returns when the HTTP request arrived: when the first guard with the same `native` was called. */
  arrivalOf({ native }: RequestContext): Moment {
    const now = this.#age.moment();
    if (!isObject(native)) return now;
    const seen = this.#seen.get(native);
    if (seen !== undefined && this.#age.ageMs(seen.arrival, now) < sameRequestMs) return seen.arrival;
    this.#seen.set(native, { arrival: now });
    return now;
  }

  readonly stage: Stage = (next) => async (query) => {
    const { key, request } = query;
    const last = this.#seenFor(request)?.last;
    if (last?.key === key && query.accepts(last.result.moment)) {
      const { received } = last.result;
      if (!this.#invalidations.invalidates(key, received)) return { from: 'cache', response: received.prepared };
    }
    const result = await next(query);
    const seen = this.#seenFor(request);
    if (seen !== undefined && result.from === 'server') seen.last = { key, result };
    return result;
  };

  #seenFor({ native }: RequestContext): SeenRequest | undefined {
    return isObject(native) ? this.#seen.get(native) : undefined;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
