import { isAuthorizationError, isIntrospectionError } from '../errors/errors.js';
import type { EventEmitter } from '../events/event-emitter.js';
import type { Priority, RequestOutcome, ShedBy } from '../events/events.js';
import type { Stage } from './pipeline.js';

/** What a client has done since its construction, and its current state. */
export interface ClientStats {
  /** How many attempts ended in each way. Retries count too. */
  readonly requests: Readonly<Record<RequestOutcome, number>>;
  /** How many calls failed without an introspection request, by the reason. */
  readonly shed: Readonly<Record<ShedBy, number>>;
  /** How many calls are sending a request now. */
  readonly inFlight: number;
  /** How many calls are waiting for a slot of the `limits`. */
  readonly queued: number;
  /** The state of the circuit breaker. `off`: it is turned off. `half_open`: a request probes the server. */
  readonly circuitBreaker: 'closed' | 'open' | 'half_open' | 'off';
}

/** The counts before the first request. */
export const noRequests: ClientStats['requests'] = {
  active: 0,
  inactive: 0,
  unsupported_token_type: 0,
  unavailable: 0,
  invalid_response: 0,
  invalid_client: 0,
  aborted: 0,
};
export const nothingShed: ClientStats['shed'] = { limits: 0, circuit_breaker: 0 };

/** Counts the attempts of a client, and emits their events. */
export class ClientCounters {
  readonly #events: EventEmitter;
  readonly #origin: string;
  readonly #monotonicNow: () => number;
  readonly #attempts: Record<RequestOutcome, number> = { ...noRequests };
  readonly #shed: Record<ShedBy, number> = { ...nothingShed };
  #inFlight = 0;
  #hasEmittedUnsupported = false;

  constructor({ events, origin, monotonicNow }: { events: EventEmitter; origin: string; monotonicNow: () => number }) {
    this.#events = events;
    this.#origin = origin;
    this.#monotonicNow = monotonicNow;
  }

  /** Counts the calls that no longer wait for a slot, until they end. */
  readonly countInFlight: Stage = async (call, next) => {
    this.#inFlight++;
    try {
      return await next(call);
    } finally {
      this.#inFlight--;
    }
  };

  /** Counts each attempt by its outcome, and emits `introspected`. */
  readonly countAttempts: Stage = async (call, next) => {
    const startedAt = this.#monotonicNow();
    const count = (outcome: RequestOutcome) =>
      this.#countAttempt(outcome, { attempt: call.attempt, durationMs: this.#monotonicNow() - startedAt });
    try {
      const response = await next(call);
      count(response.active ? 'active' : 'inactive');
      return response;
    } catch (error) {
      count(outcomeOf(error, call.signal));
      throw error;
    }
  };

  /** Counts a call that failed without an introspection request, and emits `shed`. */
  countShed(by: ShedBy, { priority }: { priority: Priority }): void {
    this.#shed[by]++;
    if (this.#events.hasListeners) this.#events.emit({ type: 'shed', origin: this.#origin, by, priority });
  }

  stats({ queued, circuitBreaker }: Pick<ClientStats, 'queued' | 'circuitBreaker'>): ClientStats {
    return {
      requests: { ...this.#attempts },
      shed: { ...this.#shed },
      inFlight: this.#inFlight,
      queued,
      circuitBreaker,
    };
  }

  #countAttempt(outcome: RequestOutcome, attempt: { attempt: number; durationMs: number }): void {
    const origin = this.#origin;
    this.#attempts[outcome]++;
    if (this.#events.hasListeners) this.#events.emit({ type: 'introspected', origin, outcome, ...attempt });
    if (outcome !== 'unsupported_token_type' || this.#hasEmittedUnsupported) return;
    this.#hasEmittedUnsupported = true;
    if (this.#events.hasListeners) this.#events.emit({ type: outcome, origin });
  }
}

/** Returns how a failed attempt ended. A failure after an abort of the call says nothing about the server. */
export function outcomeOf(error: unknown, signal: AbortSignal | undefined): RequestOutcome {
  if (signal?.aborted === true) return 'aborted';
  if (isIntrospectionError(error)) return error.code;
  // The client throws no other AuthorizationError for an attempt.
  return isAuthorizationError(error) ? 'unsupported_token_type' : 'aborted';
}
