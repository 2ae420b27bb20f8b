import { timeoutError } from '../errors/timeout-error.js';
import { withDeadline } from '../runtime/deadline.js';

/** The time limit of a lookup, the option `timeoutMs`. It is passed on as the monotonic time at which the lookup must end. */
export class LookupDeadline {
  readonly #settings: { readonly origin: string; readonly timeoutMs: number; monotonicNow(): number };

  constructor(settings: { readonly origin: string; readonly timeoutMs: number; monotonicNow(): number }) {
    this.#settings = settings;
  }

  /** Returns when a lookup that begins now must end. */
  endFromNow(): number {
    return this.#settings.monotonicNow() + this.#settings.timeoutMs;
  }

  leftMs(endsAt: number): number {
    return Math.max(0, endsAt - this.#settings.monotonicNow());
  }

  /**
   * Runs `work` for the time that is left.
   *
   * @throws UnavailableError when the time is over, or `signal.reason`
   */
  run<Value>(
    endsAt: number,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value> {
    const late = () => timeoutError(this.#settings);
    return withDeadline({ timeoutMs: this.leftMs(endsAt), late, signal }, work);
  }
}
