interface Timer {
  readonly at: number;
  readonly run: () => void;
}

const { setImmediate } = globalThis;

/** Time that passes only when it is told to: a monotonic clock, a wall clock that can be stepped, and timers. */
export class VirtualTime {
  /** Milliseconds that have passed. */
  elapsed = 0;
  wall = Date.UTC(2030, 0, 1);
  /** Counts how often everything was let run; what has the same tick happened together. */
  tick = 0;
  readonly #timers = new Map<number, Timer>();
  #lastTimer = 0;

  get timers(): number {
    return this.#timers.size;
  }

  readonly setTimeout = (run: () => void, ms = 0): number => {
    this.#lastTimer++;
    this.#timers.set(this.#lastTimer, { at: this.elapsed + Math.max(1, Math.ceil(ms)), run });
    return this.#lastTimer;
  };

  readonly clearTimeout = (timer: number): void => {
    this.#timers.delete(timer);
  };

  /** Lets all run that waits for nothing but promises: they are done before the next immediate. */
  async settle(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.tick++;
  }

  /** Lets time pass, and everything run after each timer that falls due. */
  async advance(ms: number): Promise<void> {
    const until = this.elapsed + ms;
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      const [id, { at, run }] = next;
      this.#timers.delete(id);
      this.#passTo(at);
      run();
      await this.settle();
    }
    this.#passTo(until);
    await this.settle();
  }

  #passTo(at: number): void {
    this.wall += at - this.elapsed;
    this.elapsed = at;
  }

  #next(until: number): [number, Timer] | undefined {
    let first: [number, Timer] | undefined;
    for (const entry of this.#timers)
      if (entry[1].at <= until && entry[1].at < (first?.[1].at ?? Infinity)) first = entry;
    return first;
  }
}
