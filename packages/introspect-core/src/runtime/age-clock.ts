/** When a response was requested, by the monotonic clock and by the wall clock. */
export interface RequestTime {
  /** In milliseconds, by the monotonic clock. */
  readonly requestedAt: number;
  /** How many whole milliseconds the wall clock had gained on the monotonic clock: see {@link AgeClock}. */
  readonly drift: number;
}

/** A point in time that is unique, even if no clock ticks between two of them. */
export interface Moment extends RequestTime {
  /** Increases by one with each moment. */
  readonly sequence: number;
}

/**
 * Computes how old a response is. Of the ages by the monotonic clock and by the wall clock, the larger one counts.
 *
 * The monotonic clock can stand still while a machine is suspended, and the wall clock can be set back. So each request
 * time has both: the monotonic time, and how much the wall clock has gained on it since both clocks were first read.
 * That drift is a small whole number, which engines store without extra memory.
 */
export class AgeClock {
  readonly #now: () => number;
  readonly #monotonicNow: () => number;
  #origin: number | undefined;
  #sequence = 0;

  constructor({ now, monotonicNow }: { now: () => number; monotonicNow: () => number }) {
    this.#now = now;
    this.#monotonicNow = monotonicNow;
  }

  /** Returns the current time, for a response that is requested now. */
  requestTime(): RequestTime {
    const requestedAt = this.#monotonicNow();
    return { requestedAt, drift: this.#drift(this.#now(), requestedAt) };
  }

  /** Returns the current time as a unique moment. */
  moment(): Moment {
    this.#sequence++;
    return { sequence: this.#sequence, ...this.requestTime() };
  }

  /** Returns how many milliseconds old a response requested at `time` is now, or was at the later time `at`. */
  ageMs(time: RequestTime, at: RequestTime = this.requestTime()): number {
    return at.requestedAt - time.requestedAt + Math.max(0, at.drift - time.drift);
  }

  /** Returns the monotonic time plus what the wall clock has gained on it since the response was requested. */
  timeFor({ drift }: RequestTime, now: number, monotonicNow: number): number {
    return monotonicNow + Math.max(0, this.#drift(now, monotonicNow) - drift);
  }

  /**
   * Returns the request time of a response of which only the wall-clock time is known.
   *
   * @param stamp when the response was requested, in milliseconds since the epoch
   * @param steadyNow the current time of a wall clock that does not go back: see `steadyClock`
   */
  requestTimeOf(stamp: number, steadyNow: number): RequestTime {
    const monotonicNow = this.#monotonicNow();
    return { requestedAt: monotonicNow - (steadyNow - stamp), drift: this.#drift(steadyNow, monotonicNow) };
  }

  /** Returns when a response was requested, in milliseconds since the epoch. */
  wallTimeOf({ requestedAt, drift }: RequestTime): number {
    return requestedAt + drift + (this.#origin ?? 0);
  }

  #drift(now: number, monotonicNow: number): number {
    this.#origin ??= now - monotonicNow;
    return Math.round(now - monotonicNow - this.#origin) + 0; // + 0 avoids -0, which engines store as an object
  }
}
