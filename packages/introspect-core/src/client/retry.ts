import type { IntrospectionError } from '../errors/errors.js';
import { isShedByLimits, traitsOf } from '../errors/failure-traits.js';
import { delay } from '../runtime/delay.js';
import type { Stage } from './pipeline.js';
import { SlidingWindow } from './sliding-window.js';

export interface RetrySettings {
  /** The first attempt counts too. */
  attempts: number;
  attemptTimeoutMs: number;
}

/** The longest wait before the second attempt. It doubles for each further attempt, up to `maxBackoffMs`. */
const backoffMs = 100;
const maxBackoffMs = 2000;
/** Within the last 5 to 10 s, retries may be this part of all calls, or `minimumRetries` if that is more. */
const budget = 0.1;
const minimumRetries = 3;

/** Makes another attempt after a transient failure, while the attempts, the budget and the deadline permit it. */
export function retry(retries: Retries): Stage {
  return async (call, next) => {
    let current = call;
    let failure: unknown;
    for (;;) {
      try {
        return await next(current);
      } catch (error) {
        call.signal?.throwIfAborted();
        if (isShedByLimits(error) && failure !== undefined) throw failure; // the server's error says more than our own limits
        failure = error;
        const waitMs = retries.waitMs(error, { attempt: current.attempt, leftMs: call.leftMs() });
        if (waitMs === undefined) throw error;
        await delay(waitMs, call.signal);
        current = { ...call, attempt: current.attempt + 1, request: undefined }; // with fresh credentials
      }
    }
  };
}

/** Counts first attempts only, because the budget for retries is a part of them. */
export function countForBudget(retries: Retries): Stage {
  return (call, next) => {
    if (call.attempt === 1) retries.count();
    return next(call);
  };
}

/**
 * Decides whether there is another attempt, and how long to wait for it.
 *
 * Only a transient failure is retried. The wait is random (full jitter), or as long as the server's `Retry-After` if that is
 * more. The budget keeps retries from doubling the load of a server in an outage.
 */
export class Retries {
  readonly #settings: RetrySettings;
  readonly #window: SlidingWindow<'calls' | 'retries'>;

  constructor(settings: RetrySettings, monotonicNow: () => number) {
    this.#settings = settings;
    this.#window = new SlidingWindow({ calls: 0, retries: 0 }, monotonicNow);
  }

  /** Counts a first attempt. */
  count(): void {
    this.#window.count('calls');
  }

  /** Returns how many milliseconds to wait before the next attempt, or `undefined` if there must be none. */
  waitMs(failure: unknown, { attempt, leftMs }: { attempt: number; leftMs: number }): number | undefined {
    if (attempt >= this.#settings.attempts || traitsOf(failure).isTransient !== true) return undefined;
    const jittered = Math.random() * Math.min(maxBackoffMs, backoffMs * 2 ** (attempt - 1), leftMs / 2);
    const { retryAfterSeconds = 0 } = failure as IntrospectionError & { retryAfterSeconds?: number };
    const waitMs = Math.max(jittered, retryAfterSeconds * 1000);
    if (waitMs >= leftMs) return undefined;
    const permitted = Math.max(minimumRetries, this.#window.total('calls') * budget);
    if (this.#window.total('retries') + 1 > permitted) return undefined;
    this.#window.count('retries');
    return waitMs;
  }
}
