const maxFailures = 5;
const probeAfterMs = 1000;

/**
 * Leaves a store alone after 5 failures in a row, so that no request waits for it.
 *
 * Then, at most once a second, it runs one call as a probe, for which no request waits. After a success, all calls run
 * again.
 */
export class StoreBreaker {
  readonly #monotonicNow: () => number;
  #failures = 0;
  #probeAt = 0;

  constructor(monotonicNow: () => number) {
    this.#monotonicNow = monotonicNow;
  }

  /** Whether the last call failed. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** Runs a call of the store, or rejects immediately while the store is left alone. */
  async run<Value>(call: () => Promise<Value>): Promise<Value> {
    if (this.#failures < maxFailures) return this.#counted(call);
    if (this.#monotonicNow() >= this.#probeAt) {
      this.#laterProbe();
      this.#counted(call).catch(() => {});
    }
    throw new Error('The store is left alone after several failures');
  }

  async #counted<Value>(call: () => Promise<Value>): Promise<Value> {
    try {
      const value = await call();
      this.#failures = 0;
      return value;
    } catch (error) {
      this.#failures++;
      if (this.#failures === maxFailures) this.#laterProbe();
      throw error;
    }
  }

  #laterProbe(): void {
    this.#probeAt = this.#monotonicNow() + probeAfterMs;
  }
}
