import type { IntrospectionError } from '../errors/errors.js';
import { isTransient } from '../errors/transient.js';

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

/**
 * Decides whether a question is asked again, and when.
 *
 * Only after what is likely to pass; with full jitter, or after the `Retry-After` that the server asked for; and only while
 * retries are a small part of all questions, so that an outage is not doubled.
 */
export class Retries {
  readonly #settings: RetrySettings;
  readonly #monotonicNow: () => number;
  #window = { since: Number.NEGATIVE_INFINITY, questions: 0, retries: 0 };
  #before = { questions: 0, retries: 0 };

  constructor(settings: RetrySettings, monotonicNow: () => number) {
    this.#settings = settings;
    this.#monotonicNow = monotonicNow;
  }

  /** A question is asked for the first time. */
  count(): void {
    this.#advance();
    this.#window.questions++;
  }

  /** How long to wait before the next attempt, in milliseconds; `undefined`: there is none. */
  waitMs(failure: unknown, { attempt, leftMs }: { attempt: number; leftMs: number }): number | undefined {
    if (attempt >= this.#settings.attempts || !isTransient(failure)) return undefined;
    const jittered = Math.random() * Math.min(maxBackoffMs, backoffMs * 2 ** (attempt - 1), leftMs / 2);
    const { retryAfterSeconds = 0 } = failure as IntrospectionError & { retryAfterSeconds?: number };
    const waitMs = Math.max(jittered, retryAfterSeconds * 1000);
    if (waitMs >= leftMs) return undefined;
    this.#advance();
    const questions = this.#window.questions + this.#before.questions;
    const retries = this.#window.retries + this.#before.retries;
    if (retries + 1 > Math.max(fewRetries, questions * budget)) return undefined;
    this.#window.retries++;
    return waitMs;
  }
  #advance(): void {
    const now = this.#monotonicNow();
    const passed = now - this.#window.since;
    if (passed < windowMs) return;
    this.#before = passed < 2 * windowMs ? this.#window : { questions: 0, retries: 0 };
    this.#window = { since: now, questions: 0, retries: 0 };
  }
}
