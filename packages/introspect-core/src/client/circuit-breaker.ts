import type { Outcome } from '../errors/failure-traits.js';
import { SlidingWindow } from './sliding-window.js';

export interface CircuitBreakerSettings {
  /** Which part of the requests must have failed, above 0 and at most 1. */
  failureRate: number;
  /** How many requests must have ended. */
  minimumRequests: number;
  /** How long no request passes, in milliseconds. */
  openMs: number;
}

/** `openMs` is shortened at random by up to this part, so that several processes do not probe in step. */
const jitter = 0.2;

/**
 * Stops requests to a server that fails most of them, and notices when the server has recovered.
 *
 * Closed: every request passes. It opens when at least `minimumRequests` ended within the last 5 to 10 s and at least
 * `failureRate` of them failed. Open: no request passes for `openMs`. Half open: one request passes, the probe. If the
 * server responds to it, the breaker closes. If it fails, the breaker stays open for another `openMs`. If it hangs, the
 * next probe may start after `openMs`. The breaker never queues a request, because queued ones would all start together.
 */
export class CircuitBreaker {
  readonly #settings: CircuitBreakerSettings;
  readonly #monotonicNow: () => number;
  readonly #onChange: (state: 'opened' | 'closed') => void;
  readonly #window: SlidingWindow<'requests' | 'failures'>;
  #openUntil: number | undefined;
  /** The latest probe until it has ended. If several probes hang, only the failure of the latest one counts. */
  #probe: symbol | undefined;
  /** How often the breaker has opened. Requests that started before it opened are not counted afterwards. */
  #timesOpened = 0;

  /** @param onChange is called when the breaker has opened or closed */
  constructor(
    settings: CircuitBreakerSettings,
    monotonicNow: () => number,
    onChange: (state: 'opened' | 'closed') => void,
  ) {
    this.#settings = settings;
    this.#monotonicNow = monotonicNow;
    this.#onChange = onChange;
    this.#window = new SlidingWindow({ requests: 0, failures: 0 }, monotonicNow);
  }

  get state(): 'closed' | 'open' | 'half_open' {
    if (this.#openUntil === undefined) return 'closed';
    return this.#probe === undefined && this.#monotonicNow() < this.#openUntil ? 'open' : 'half_open';
  }

  /** For how many milliseconds no request passes. 0: a request may pass now. */
  get openForMs(): number {
    if (this.#openUntil === undefined) return 0;
    return Math.max(0, this.#openUntil - this.#monotonicNow());
  }

  /** Starts a request. Call it only while {@link openForMs} is 0, and call the returned function when the request ends. */
  start(): (outcome: Outcome) => void {
    if (this.#openUntil !== undefined) {
      const probe = Symbol('probe');
      this.#probe = probe;
      this.#open();
      return (outcome) => this.#endProbe(outcome, probe);
    }
    const timesOpened = this.#timesOpened;
    return (outcome) => {
      if (timesOpened === this.#timesOpened) this.#count(outcome);
    };
  }

  #endProbe(outcome: Outcome, probe: symbol): void {
    if (this.#openUntil === undefined) return; // another probe has closed the breaker
    if (outcome === 'responded') this.#close();
    else if (probe === this.#probe) {
      this.#probe = undefined;
      if (outcome === 'failed') this.#open();
      else this.#openUntil = this.#monotonicNow(); // the next request may probe
    }
  }

  #close(): void {
    this.#openUntil = undefined;
    this.#probe = undefined;
    this.#window.clear();
    this.#onChange('closed');
  }

  #count(outcome: Outcome): void {
    if (outcome === 'unknown') return;
    this.#window.count('requests');
    if (outcome === 'responded') return;
    this.#window.count('failures');
    const { minimumRequests, failureRate } = this.#settings;
    const requests = this.#window.total('requests');
    if (requests < minimumRequests || this.#window.total('failures') < requests * failureRate) return;
    this.#timesOpened++;
    this.#open();
    this.#onChange('opened');
  }

  #open(): void {
    const { openMs } = this.#settings;
    this.#openUntil = this.#monotonicNow() + openMs * (1 - jitter * Math.random());
  }
}
