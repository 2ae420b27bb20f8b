import { randomUUID } from 'node:crypto';
import { probePrefix, type Wire } from './wire.js';

const proofWithinMs = 1000;
/** While nothing proves that changes are reported, listeners hear this often that any key may have changed. */
const unprovenReportMs = 1000;
const firstRetryMs = 1000;
const maxRetryMs = 60_000;

export interface InvalidationProofSettings {
  /** Opens a new connection, because the current one stays unproven. */
  reopen(): void;
  onError(error: unknown): void;
}

/**
 * Passes changes to listeners, and proves for each connection that changes really arrive.
 *
 * A connection is unproven until this process has heard of a change that was made for this purpose. While it is, the
 * listeners hear each second that any key may have changed. So the cache in memory reads the store at least that often.
 * No call waits for the proof.
 */
export class InvalidationProof {
  readonly #settings: InvalidationProofSettings;
  readonly #listeners = new Set<(key: string) => void>();
  /** The change that must arrive. Late is better than never: it also counts after its time limit. */
  #probe: string | undefined;
  #wire: Wire | undefined;
  #retryMs = firstRetryMs;
  #limit: ReturnType<typeof setTimeout> | undefined;
  /** Starts the next proof, or the next connection. */
  #next: ReturnType<typeof setTimeout> | undefined;
  /** Runs while the connection is unproven. */
  #reports: ReturnType<typeof setInterval> | undefined;

  constructor(settings: InvalidationProofSettings) {
    this.#settings = settings;
  }

  addListener(listener: (key: string) => void): () => void {
    const own = (key: string) => listener(key); // the same function may be added twice
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Begins with a new connection. Changes before it may have been missed. */
  begin(wire: Wire): void {
    this.end();
    this.#wire = wire;
    this.#markUnproven();
    this.#prove();
  }

  /** Ends all timers, because there is no connection. */
  end(): void {
    this.#wire = undefined;
    this.#probe = undefined;
    clearTimeout(this.#limit);
    clearTimeout(this.#next);
    clearInterval(this.#reports);
    this.#reports = undefined;
  }

  /** @param key `undefined` if all keys may have changed */
  onChange(key: string | undefined): void {
    if (key === undefined || !key.startsWith(probePrefix)) this.#report(key ?? '');
    else if (key === this.#probe) this.#succeed();
  }

  #prove(): void {
    const probe = probePrefix + randomUUID();
    const fail = (error: unknown) => {
      if (this.#probe === probe) this.#fail(error);
    };
    this.#probe = probe;
    this.#limit = setTimeout(() => fail(notReported()), proofWithinMs).unref();
    this.#wire?.prove(probe).catch(fail);
  }

  #succeed(): void {
    const wasUnproven = this.#reports !== undefined;
    const againAfterMs = this.#wire?.proveAgainAfterMs;
    this.#probe = undefined;
    this.#retryMs = firstRetryMs;
    clearTimeout(this.#limit);
    clearTimeout(this.#next);
    clearInterval(this.#reports);
    this.#reports = undefined;
    if (againAfterMs !== undefined) this.#next = setTimeout(() => this.#prove(), againAfterMs).unref();
    if (wasUnproven) this.#report(''); // a change before the proof may have been missed
  }

  #fail(error: unknown): void {
    clearTimeout(this.#limit);
    clearTimeout(this.#next);
    this.#next = setTimeout(() => this.#settings.reopen(), this.#retryMs).unref();
    this.#retryMs = Math.min(2 * this.#retryMs, maxRetryMs);
    this.#markUnproven();
    this.#settings.onError(unprovenError(error));
  }

  #markUnproven(): void {
    if (this.#reports !== undefined) return;
    this.#reports = setInterval(() => this.#report(''), unprovenReportMs).unref();
    this.#report('');
  }

  #report(key: string): void {
    for (const listener of this.#listeners) listener(key);
  }
}

function notReported(): Error {
  return new Error(`a test change was not reported within ${proofWithinMs} ms`);
}

function unprovenError(cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Error(
    `Redis does not report changes to this process: ${reason}. Probably the user may not run CLIENT TRACKING, or a proxy ` +
      'drops reports: allow it, or set "invalidation" to "publish". Until then, this process reads the store again each second',
    { cause },
  );
}
