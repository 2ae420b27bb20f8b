import type { Outcome } from '../errors/failure-traits.js';

export interface CircuitBreakerSettings {
  /** From 0 to 1. */
  failureRate: number;
  minimumRequests: number;
  openMs: number;
}

/** Failures are counted over the last one to two of these. */
const windowMs = 5000;
/** For how long the breaker may still count a failure. */
export const failureWindowMs = 2 * windowMs;
/** Up to this part of `openMs` less, by chance: several processes do not probe in step. */
const jitter = 0.2;

/**
 * Stops asking a server that mostly fails, and finds out when it is back.
 *
 * Closed, all pass. Once `minimumRequests` were asked within some seconds and `failureRate` of them failed, it opens:
 * nothing passes for `openMs`. Then one question passes, the probe: answered, the breaker closes; failed, it stays open
 * for as long again. A probe that hangs makes place for the next one after that time. Whoever comes while it is open is turned away at once, so that nobody waits to be let go in a herd.
 */
export class CircuitBreaker {
  readonly #settings: CircuitBreakerSettings;
  readonly #monotonicNow: () => number;
  readonly #changed: (state: 'opened' | 'closed') => void;
  #openUntil: number | undefined;
  /** The last probe, while it has not ended: of several that hang, only its failure is news. */
  #probe: symbol | undefined;
  /** Counts how often it has opened: what a question of before tells later is no news. */
  #opened = 0;
  #window = { since: Number.NEGATIVE_INFINITY, asked: 0, failed: 0 };
  #before = { asked: 0, failed: 0 };

  constructor(
    settings: CircuitBreakerSettings,
    monotonicNow: () => number,
    changed: (state: 'opened' | 'closed') => void,
  ) {
    this.#settings = settings;
    this.#monotonicNow = monotonicNow;
    this.#changed = changed;
  }

  get state(): 'closed' | 'open' | 'half_open' {
    if (this.#openUntil === undefined) return 'closed';
    return this.#probe === undefined && this.#monotonicNow() < this.#openUntil ? 'open' : 'half_open';
  }

  /** For how many milliseconds nothing passes, at least; 0 where a question may pass. */
  get openForMs(): number {
    if (this.#openUntil === undefined) return 0;
    return Math.max(0, this.#openUntil - this.#monotonicNow());
  }

  /** Lets a question pass. To be called where `closedForMs` is 0; the result is to be called when it has ended. */
  start(): (outcome: Outcome) => void {
    if (this.#openUntil !== undefined) {
      const probe = Symbol('probe');
      this.#probe = probe;
      this.#open();
      return (outcome) => this.#probed(outcome, probe);
    }
    const opened = this.#opened;
    return (outcome) => {
      if (opened === this.#opened) this.#count(outcome);
    };
  }

  #probed(outcome: Outcome, probe: symbol): void {
    if (this.#openUntil === undefined) return; // another one has closed it
    if (outcome === 'answered') this.#close();
    else if (probe === this.#probe) this.#goOn(outcome);
  }

  #goOn(outcome: Outcome): void {
    this.#probe = undefined;
    if (outcome === 'failed') this.#open();
    else this.#openUntil = this.#monotonicNow();
  }

  #close(): void {
    this.#openUntil = undefined;
    this.#probe = undefined;
    this.#window.asked = this.#window.failed = this.#before.asked = this.#before.failed = 0;
    this.#changed('closed');
  }

  #count(outcome: Outcome): void {
    if (outcome === 'unknown') return;
    const now = this.#monotonicNow();
    const passed = now - this.#window.since;
    if (passed >= windowMs) {
      this.#before = passed < failureWindowMs ? this.#window : { asked: 0, failed: 0 };
      this.#window = { since: now, asked: 0, failed: 0 };
    }
    this.#window.asked++;
    if (outcome === 'answered') return;
    this.#window.failed++;
    const asked = this.#window.asked + this.#before.asked;
    const failed = this.#window.failed + this.#before.failed;
    const { minimumRequests, failureRate } = this.#settings;
    if (asked < minimumRequests || failed < asked * failureRate) return;
    this.#opened++;
    this.#open();
    this.#changed('opened');
  }

  #open(): void {
    const { openMs } = this.#settings;
    this.#openUntil = this.#monotonicNow() + openMs * (1 - jitter * Math.random());
  }
}
