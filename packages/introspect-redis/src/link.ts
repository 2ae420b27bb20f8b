import { openedInTime } from './opened-in-time.js';
import type { Wire, WireEvents } from './wire.js';

const firstDelayMs = 50;
const maxDelayMs = 2000;
/** For all connections that the store needs, and their first commands. */
const openWithinMs = 20_000;
/** If no reply arrives for this time, the connection is given up. */
const hungAfterMs = 5000;
/** More calls than this do not wait at the same time: the others reject. */
const maxPending = 10_000;

export interface LinkSettings {
  open(events: WireEvents): Promise<Wire>;
  /** Called with each new connection. */
  onUp(wire: Wire): void;
  /** Called when a connection is lost. */
  onDown(): void;
  onChange(key: string | undefined): void;
  onError(error: unknown): void;
}

/**
 * Keeps one connection open, from the first use until `close`.
 *
 * Calls reject immediately while there is no connection, except during the first attempt to connect: they wait for it.
 * Only running calls and attempts to connect keep the process alive.
 */
export class Link {
  readonly #settings: LinkSettings;
  #wire: Wire | undefined;
  #firstAttempt: Promise<void> | undefined;
  #isOpening = false;
  #isClosed = false;
  #delayMs = firstDelayMs;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pending = 0;
  /** Since when no reply has arrived, although calls wait for one. */
  #silentSince = 0;

  constructor(settings: LinkSettings) {
    this.#settings = settings;
  }

  /** Begins to connect, if this is the first use. */
  start(): void {
    if (!this.#isClosed) this.#firstAttempt ??= this.#open();
  }

  /** Runs a call on the current connection. */
  async run<Value>(call: (wire: Wire) => Promise<Value>): Promise<Value> {
    this.start();
    await this.#firstAttempt;
    this.#dropIfHung();
    const wire = this.#wire;
    if (this.#isClosed) throw new Error('The Redis store was closed');
    if (wire === undefined) throw new Error('There is no connection to Redis; the store is reconnecting');
    if (this.#pending >= maxPending) throw new Error(`More than ${maxPending} calls wait for a reply of Redis`);
    if (this.#pending++ === 0) {
      this.#silentSince = performance.now();
      wire.keepsProcessAlive(true);
    }
    try {
      return await call(wire);
    } finally {
      this.#silentSince = performance.now();
      if (--this.#pending === 0) this.#wire?.keepsProcessAlive(false);
    }
  }

  /** Opens a new connection. The current one is used until then. */
  reopen(): void {
    void this.#open();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#wire?.destroy();
    this.#wire = undefined;
  }

  async #open(): Promise<void> {
    if (this.#isOpening || this.#isClosed) return;
    this.#isOpening = true;
    const { open, onUp, onChange, onError } = this.#settings;
    // Events of a connection that was replaced say nothing about the current one.
    const state: { wire?: Wire; endError?: unknown; hasEnded: boolean } = { hasEnded: false };
    const isCurrent = () => state.wire === undefined || state.wire === this.#wire;
    try {
      const opening = open({
        onChange: (key) => {
          if (isCurrent()) onChange(key);
        },
        onEnd: (error) => {
          state.hasEnded = true;
          state.endError = error;
          if (state.wire !== undefined && isCurrent()) this.#lose(error);
        },
      });
      const destroy = () => void opening.then((late) => late.destroy()).catch(() => {});
      const wire = await openedInTime(opening, destroy, openWithinMs);
      if (this.#isClosed || state.hasEnded) wire.destroy();
      if (state.hasEnded) throw state.endError;
      if (this.#isClosed) return;
      state.wire = wire;
      this.#wire?.destroy();
      this.#wire = wire;
      this.#delayMs = firstDelayMs;
      wire.keepsProcessAlive(this.#pending > 0);
      onUp(wire);
    } catch (error) {
      if (this.#isClosed) return;
      onError(error);
      if (this.#wire === undefined) this.#openLater();
    } finally {
      this.#isOpening = false;
    }
  }

  #lose(error: unknown): void {
    const wire = this.#wire;
    this.#wire = undefined;
    wire?.destroy();
    if (this.#isClosed) return;
    this.#settings.onDown();
    this.#settings.onError(error);
    this.#openLater();
  }

  #openLater(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#open(), this.#delayMs);
    this.#timer.unref();
    this.#delayMs = Math.min(2 * this.#delayMs, maxDelayMs);
  }

  #dropIfHung(): void {
    if (this.#wire === undefined || this.#pending === 0) return;
    if (performance.now() - this.#silentSince < hungAfterMs) return;
    this.#lose(new Error(`Redis sent no reply for ${hungAfterMs} ms`));
  }
}
