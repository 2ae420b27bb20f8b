/** When a response was requested, by both clocks. */
export interface RequestTime {
  /** Milliseconds of the monotonic clock. */
  readonly askedAt: number;
  /** How far the wall clock was ahead of the monotonic one, in whole milliseconds: see {@link AgeClock}. */
  readonly drift: number;
}

/** A point in time that two events never share, though no clock may tick between them. */
export interface Moment extends RequestTime {
  /** Counts moments. */
  readonly sequence: number;
}

/**
 * Tells how old a response is, by the clock that says more.
 *
 * The monotonic clock stands still while a machine is suspended; the wall clock can be set back. Both are kept as one time
 * and a drift, which is counted from the first look at the clocks: a small whole number, for which engines need no memory
 * of its own.
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

  /** What a response that is requested at this moment remembers. */
  requestTime(): RequestTime {
    const askedAt = this.#monotonicNow();
    return { askedAt, drift: this.#drift(this.#now(), askedAt) };
  }

  moment(): Moment {
    this.#sequence++;
    return { sequence: this.#sequence, ...this.requestTime() };
  }

  /** The age in milliseconds of a response that was requested at `time`: now, or at a later time. */
  ageMs(time: RequestTime, at: RequestTime = this.requestTime()): number {
    return at.askedAt - time.askedAt + Math.max(0, at.drift - time.drift);
  }

  /** The monotonic time, put forward by what the wall clock has gained on it since the response was requested. */
  timeFor({ drift }: RequestTime, now: number, monotonicNow: number): number {
    return monotonicNow + Math.max(0, this.#drift(now, monotonicNow) - drift);
  }

  /** The request time of a response for which only a wall clock's time is known: `steadyNow - stamp` old. */
  requestTimeOf(stamp: number, steadyNow: number): RequestTime {
    const monotonicNow = this.#monotonicNow();
    return { askedAt: monotonicNow - (steadyNow - stamp), drift: this.#drift(steadyNow, monotonicNow) };
  }

  /** When a response was requested, in milliseconds since the epoch. */
  stampOf({ askedAt, drift }: RequestTime): number {
    return askedAt + drift + (this.#origin ?? 0);
  }

  #drift(now: number, monotonicNow: number): number {
    this.#origin ??= now - monotonicNow;
    return Math.round(now - monotonicNow - this.#origin) + 0; // never -0, which engines keep as an object
  }
}
