const halfMs = 5000;
/** The longest time for which an event counts. */
export const slidingWindowMs = 2 * halfMs;

/**
 * Counts events by name over the last 5 to 10 s: in the current 5 s and in the 5 s before them.
 *
 * Two counters per name are enough, however many events there are. Starts with the first event.
 */
export class SlidingWindow<Name extends string> {
  readonly #monotonicNow: () => number;
  readonly #zero: Readonly<Record<Name, number>>;
  #current: Record<Name, number>;
  #previous: Record<Name, number>;
  #currentSince = Number.NEGATIVE_INFINITY;

  constructor(zero: Readonly<Record<Name, number>>, monotonicNow: () => number) {
    this.#zero = zero;
    this.#monotonicNow = monotonicNow;
    this.#current = { ...zero };
    this.#previous = { ...zero };
  }

  /** Counts one event. */
  count(name: Name): void {
    this.#advance();
    this.#current[name]++;
  }

  /** Returns how many events of this name there were. */
  total(name: Name): number {
    this.#advance();
    return this.#current[name] + this.#previous[name];
  }

  /** Sets all counts to zero. */
  clear(): void {
    this.#current = { ...this.#zero };
    this.#previous = { ...this.#zero };
  }

  #advance(): void {
    const now = this.#monotonicNow();
    const passedMs = now - this.#currentSince;
    if (passedMs < halfMs) return;
    this.#previous = passedMs < slidingWindowMs ? this.#current : { ...this.#zero };
    this.#current = { ...this.#zero };
    this.#currentSince = now;
  }
}
