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

/** The circuit breaker as two stages: one obeys it, the other tells it how attempts end. */
export class CircuitBreakerStages {
  readonly #breaker: CircuitBreaker | undefined;
  readonly #origin: string;
  readonly #monotonicNow: () => number;
  readonly #onReject: (call: IntrospectionCall) => void;
  /** Whether the last failure that the breaker counted was a rejection of our own credentials. */
  #areCredentialsRejected = false;
  /** When the server last responded 429, by the monotonic clock. */
  #rateLimitedAt = Number.NEGATIVE_INFINITY;
  /** When the last attempt ended that was not aborted. */
  #lastEndedAt = Number.NEGATIVE_INFINITY;

  /** @param onReject is called before the breaker rejects a call */
  constructor(settings: CircuitBreakerStagesSettings, onReject: (call: IntrospectionCall) => void) {
    const { circuitBreaker, origin, events, monotonicNow } = settings;
    this.#origin = origin;
    this.#monotonicNow = monotonicNow;
    this.#onReject = onReject;
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
    // While the breaker is open nothing is counted: what it counted last is why it is open.
    const isOpen = this.#breaker !== undefined && this.#breaker.state !== 'closed';
    const countedAt = isOpen ? this.#lastEndedAt : this.#monotonicNow();
    return countedAt - this.#rateLimitedAt < slidingWindowMs;
  }

  /** Rejects a call while the breaker is open. */
  readonly failFast: Stage = async (call, next) => {
    this.throwIfOpen(call);
    return next(call);
  };

  /**
   * Tells the breaker how the attempt ended. No stage between {@link failFast} and this one may wait, because then two
   * calls could both become the probe of a breaker that is half open.
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
    const closedForMs = this.#breaker?.openForMs ?? 0;
    if (closedForMs === 0) return;
    this.#onReject(call);
    const retryAfterSeconds = Math.max(1, Math.ceil(closedForMs / 1000));
    const error = this.#areCredentialsRejected
      ? new InvalidClientError(
          `${this.#origin} refused this API's own credentials a moment ago, and is not asked for now ("circuitBreaker")`,
          retryAfterSeconds,
        )
      : new UnavailableError(
          `${this.#origin} failed most questions of late, and is not asked for now ("circuitBreaker")`,
          retryAfterSeconds,
        );
    throw withTraits(error, { rejectedBy: 'circuit_breaker' });
  }
}
