import type { IntrospectionError } from '../errors/errors.js';
import { isShed, traitsOf } from '../errors/failure-traits.js';
import { delay } from '../runtime/delay.js';
import type { Stage } from './pipeline.js';

export interface RetrySettings {
  /** The first one included. */
  attempts: number;
  attemptTimeoutMs: number;
}

/** The longest wait before the second attempt; doubled for each further one. */
const backoffMs = 100;
const maxBackoffMs = 2000;
/** Retries may add this part to the traffic of the last one to two windows, or a few where there is little of it. */
const budget = 0.1;
const fewRetries = 3;
const windowMs = 5000;

/** Makes the next attempt after a failure that is likely to pass, as long as the budget and the deadline permit it. */
export function retry(retries: Retries): Stage {
  return async (call, next) => {
    let current = call;
    let failure: unknown;
    for (;;) {
      try {
        return await next(current);
      } catch (error) {
        call.signal?.throwIfAborted();
        if (isShed(error) && failure !== undefined) throw failure; // the last that the server said
        failure = error;
        const waitMs = retries.waitMs(error, { attempt: current.attempt, leftMs: call.leftMs() });
        if (waitMs === undefined) throw error;
        await delay(waitMs, call.signal);
        current = { ...call, attempt: current.attempt + 1, request: undefined }; // with fresh credentials
      }
    }
  };
}

/** Counts each call that is sent for the first time: the budget for retries is a part of these. */
export function countForBudget(retries: Retries): Stage {
  return (call, next) => {
    if (call.attempt === 1) retries.count();
    return next(call);
  };
}

/**
 * Decides whether there is another attempt, and when.
 *
 * Only after a transient failure; with full jitter, or after the `Retry-After` of the server; and only while retries are
 * a small part of all calls, so that they do not double the load of an outage.
 */
export class Retries {
  readonly #settings: RetrySettings;
  readonly #monotonicNow: () => number;
  #window = { since: Number.NEGATIVE_INFINITY, calls: 0, retries: 0 };
  #before = { calls: 0, retries: 0 };

  constructor(settings: RetrySettings, monotonicNow: () => number) {
    this.#settings = settings;
    this.#monotonicNow = monotonicNow;
  }

  /** Counts a first attempt. */
  count(): void {
    this.#advance();
    this.#window.calls++;
  }

  /** Returns the milliseconds to wait before the next attempt, or `undefined` if there must be none. */
  waitMs(failure: unknown, { attempt, leftMs }: { attempt: number; leftMs: number }): number | undefined {
    if (attempt >= this.#settings.attempts || traitsOf(failure).isTransient !== true) return undefined;
    const jittered = Math.random() * Math.min(maxBackoffMs, backoffMs * 2 ** (attempt - 1), leftMs / 2);
    const { retryAfterSeconds = 0 } = failure as IntrospectionError & { retryAfterSeconds?: number };
    const waitMs = Math.max(jittered, retryAfterSeconds * 1000);
    if (waitMs >= leftMs) return undefined;
    this.#advance();
    const calls = this.#window.calls + this.#before.calls;
    const retries = this.#window.retries + this.#before.retries;
    if (retries + 1 > Math.max(fewRetries, calls * budget)) return undefined;
    this.#window.retries++;
    return waitMs;
  }

  #advance(): void {
    const now = this.#monotonicNow();
    const passed = now - this.#window.since;
    if (passed < windowMs) return;
    this.#before = passed < 2 * windowMs ? this.#window : { calls: 0, retries: 0 };
    this.#window = { since: now, calls: 0, retries: 0 };
  }
}
