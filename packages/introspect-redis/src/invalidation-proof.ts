import { randomUUID } from 'node:crypto';
import type { StoreReports } from '@acme/introspect-core';
import { probePrefix, type Wire } from './wire.js';

const proofWithinMs = 1000;
const firstRetryMs = 1000;
const maxRetryMs = 60_000;

/** What a listener hears. */
interface Listener extends StoreReports {
  changed(key: string): void;
}

export interface InvalidationProofSettings {
  /** Opens a new connection, because the current one stays unproven. */
  reopen(): void;
  onError(error: unknown): void;
}

/**
 * Passes changes to listeners, and proves for each connection that changes really arrive.
 *
 * A connection is unproven until this process has heard of a change that was made for this purpose. If the proof fails,
 * the listeners hear that reports are unreliable, until a proof succeeds. No call waits for the proof.
 */
export class InvalidationProof {
  readonly #settings: InvalidationProofSettings;
  readonly #listeners = new Set<Listener>();
  /** The change that must arrive. Late is better than never: it also counts after its time limit. */
  #probe: string | undefined;
  #wire: Wire | undefined;
  #retryMs = firstRetryMs;
  #limit: ReturnType<typeof setTimeout> | undefined;
  /** Starts the next proof, or the next connection. */
  #next: ReturnType<typeof setTimeout> | undefined;
  /** Whether a proof has succeeded on this connection, and none has failed since. */
  #isProven = false;
  /** Whether a proof has failed, and none has succeeded since. */
  #isUnreliable = false;

  constructor(settings: InvalidationProofSettings) {
    this.#settings = settings;
  }

  /** @param reports absent: an empty key then means that any key may have changed */
  addListener(changed: (key: string) => void, reports?: StoreReports): () => void {
    const own: Listener = {
      changed: (key) => changed(key),
      reset: () => (reports === undefined ? changed('') : reports.reset()),
      unreliable: () => reports?.unreliable(),
    }; // the same listener may be added twice
    this.#listeners.add(own);
    if (this.#isUnreliable) own.unreliable();
    return () => void this.#listeners.delete(own);
  }

  /** Begins with a new connection. Changes before it may have been missed. */
  begin(wire: Wire): void {
    this.end();
    this.#wire = wire;
    this.#resetIfReliable();
    this.#prove();
  }

  /** Ends all timers, because there is no connection. */
  end(): void {
    this.#wire = undefined;
    this.#probe = undefined;
    clearTimeout(this.#limit);
    clearTimeout(this.#next);
    this.#isProven = false;
  }

  /** @param key `undefined` if all keys may have changed */
  onChange(key: string | undefined): void {
    if (key === undefined) this.#resetIfReliable();
    else if (key === this.#probe) this.#succeed();
    else if (!key.startsWith(probePrefix)) for (const listener of this.#listeners) listener.changed(key);
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
    const wasProven = this.#isProven;
    const againAfterMs = this.#wire?.proveAgainAfterMs;
    this.#probe = undefined;
    this.#retryMs = firstRetryMs;
    clearTimeout(this.#limit);
    clearTimeout(this.#next);
    this.#isProven = true;
    this.#isUnreliable = false;
    if (againAfterMs !== undefined) this.#next = setTimeout(() => this.#prove(), againAfterMs).unref();
    if (!wasProven) this.#resetIfReliable(); // a change before the proof may have been missed
  }

  #fail(error: unknown): void {
    clearTimeout(this.#limit);
    clearTimeout(this.#next);
    this.#next = setTimeout(() => this.#settings.reopen(), this.#retryMs).unref();
    this.#retryMs = Math.min(2 * this.#retryMs, maxRetryMs);
    this.#isProven = false;
    this.#isUnreliable = true;
    for (const listener of this.#listeners) listener.unreliable();
    this.#settings.onError(unprovenError(error));
  }

  /** While reports are unreliable, the cache reads the store again anyway. */
  #resetIfReliable(): void {
    if (!this.#isUnreliable) for (const listener of this.#listeners) listener.reset();
  }
}

function notReported(): Error {
  return new Error(`a test change was not reported within ${proofWithinMs} ms`);
}

function unprovenError(cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const advice = reason.startsWith('READONLY')
    ? 'This server is a replica: use a client that finds the master, such as createSentinel or createCluster'
    : 'Probably the user may not run CLIENT TRACKING, or a proxy drops reports: allow it, or set "invalidation" to "publish"';
  return new Error(
    `Redis does not report changes to this process: ${reason.replace(/\.$/, '')}. ${advice}. Until then, this process reads ` +
      'the store again after a second',
    { cause },
  );
}
