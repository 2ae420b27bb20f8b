import { InvalidClientError, UnavailableError } from '../errors/errors.js';
import { traitsOf, withTraits } from '../errors/failure-traits.js';
import type { EventEmitter } from '../events/event-emitter.js';
import { CircuitBreaker, type CircuitBreakerSettings } from './circuit-breaker.js';
import { outcomeOf } from './client-stats.js';
import type { IntrospectionCall, Stage } from './pipeline.js';
import { slidingWindowMs } from './sliding-window.js';

interface CircuitBreakerStagesSettings {
  circuitBreaker: CircuitBreakerSettings | undefined;
  origin: string;
  events: EventEmitter;
  monotonicNow: () => number;
}

/** The circuit breaker as two stages: one ends calls while it is open, the other records how attempts end. */
export class CircuitBreakerStages {
  readonly #breaker: CircuitBreaker | undefined;
  readonly #origin: string;
  readonly #monotonicNow: () => number;
  readonly #onShed: (call: IntrospectionCall) => void;
  /** Whether the last counted failure was a rejection of our own credentials. */
  #areCredentialsRejected = false;
  /** When the server last responded 429, by the monotonic clock. */
  #rateLimitedAt = Number.NEGATIVE_INFINITY;
  /** When the last attempt ended. Aborted attempts do not count. */
  #lastEndedAt = Number.NEGATIVE_INFINITY;

  /** @param onShed is called before the breaker ends a call */
  constructor(settings: CircuitBreakerStagesSettings, onShed: (call: IntrospectionCall) => void) {
    const { circuitBreaker, origin, events, monotonicNow } = settings;
    this.#origin = origin;
    this.#monotonicNow = monotonicNow;
    this.#onShed = onShed;
    if (circuitBreaker === undefined) return;
    this.#breaker = new CircuitBreaker(circuitBreaker, monotonicNow, (state) =>
      events.emit({ type: `breaker_${state}`, origin }),
    );
  }

  get state(): CircuitBreaker['state'] | 'off' {
    return this.#breaker?.state ?? 'off';
  }

  /** Returns whether the server responded 429 so recently that the breaker may still count it. */
  get hasMetRateLimit(): boolean {
    // An open breaker counts nothing, so the last attempt before it opened is the reason why it is open.
    const isOpen = this.#breaker !== undefined && this.#breaker.state !== 'closed';
    const countedAt = isOpen ? this.#lastEndedAt : this.#monotonicNow();
    return countedAt - this.#rateLimitedAt < slidingWindowMs;
  }

  /** Ends a call with an error while the breaker is open. */
  readonly failFast: Stage = async (call, next) => {
    this.throwIfOpen(call);
    return next(call);
  };

  /**
   * Records how the attempt ended. No stage between {@link failFast} and this one may wait, because then two calls could
   * both become the probe of a breaker that is half open.
   */
  readonly record: Stage = async (call, next) => {
    const settle = this.#breaker?.start();
    try {
      const response = await next(call);
      this.#lastEndedAt = this.#monotonicNow();
      settle?.('responded');
      return response;
    } catch (error) {
      const { isRateLimit = false, outcome = 'unknown' } = traitsOf(error);
      if (isRateLimit) this.#rateLimitedAt = this.#monotonicNow();
      const ended = outcomeOf(error, call.signal);
      if (ended === 'aborted') settle?.('unknown');
      else {
        this.#lastEndedAt = this.#monotonicNow();
        if (outcome === 'failed') this.#areCredentialsRejected = ended === 'invalid_client';
        settle?.(outcome);
      }
      throw error;
    }
  };

  /** @throws UnavailableError or InvalidClientError while the breaker is open */
  throwIfOpen(call: IntrospectionCall): void {
    const openForMs = this.#breaker?.openForMs ?? 0;
    if (openForMs === 0) return;
    this.#onShed(call);
    const retryAfterSeconds = Math.max(1, Math.ceil(openForMs / 1000));
    const error = this.#areCredentialsRejected
      ? new InvalidClientError(
          `${this.#origin} is not being called: it rejected this API's own credentials a moment ago ("circuitBreaker" is open)`,
          retryAfterSeconds,
        )
      : new UnavailableError(
          `${this.#origin} is not being called: most of the recent introspection requests failed ("circuitBreaker" is open)`,
          retryAfterSeconds,
        );
    throw withTraits(error, { shedBy: 'circuit_breaker' });
  }
}
