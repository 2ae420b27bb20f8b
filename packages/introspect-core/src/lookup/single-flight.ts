import { abortable } from '../runtime/abortable.js';
import { sharesPromises } from '../runtime/workerd.js';

/** One flight. It may still wait for the flight before it to end. */
class Flight<Value, Start extends NonNullable<unknown>> {
  readonly controller = new AbortController();
  readonly result: Promise<Value>;
  /** How many lookups wait for the result. */
  waiters = 0;
  hasEnded = false;
  /** What `now` returned when the flight began; `undefined` before that. */
  start: Start | undefined;
  /** The flight that begins when this one ends, for lookups for which this one began too early. */
  next: Flight<Value, Start> | undefined;
  #begin: () => void = () => {};

  constructor(work: (signal: AbortSignal) => Promise<Value>) {
    this.result = new Promise((resolve) => {
      this.#begin = () => resolve(work(this.controller.signal));
    });
  }

  begin(start: Start): void {
    this.start = start;
    this.#begin();
  }
}

export interface JoinOptions<Start> {
  /** The signal of one lookup. Its abort fails only this lookup. */
  signal?: AbortSignal | undefined;
  /** Returns whether the lookup may share a flight that began then. By default it may share any flight. */
  accepts?: (start: Start) => boolean;
}

/**
 * Runs one flight of work for all concurrent lookups with the same key.
 *
 * For each key, at most one flight runs and at most one waits for it to end. A lookup for which the running flight began
 * too early joins the waiting one. A flight is aborted when its last lookup leaves. An error goes to the lookups that wait
 * for the flight, and to no later lookup. Lookups share nothing on workerd, where a promise from another request never
 * settles.
 */
export class SingleFlight<Value, Start extends NonNullable<unknown> = true> {
  readonly #flights = new Map<string, Flight<Value, Start>>();
  readonly #shares = sharesPromises();
  readonly #now: () => Start;

  /** @param now returns the start of a flight that begins now, which is passed to `accepts` */
  constructor(now: () => Start) {
    this.#now = now;
  }

  /**
   * Returns whether a lookup that joins now shares a flight with others, and whether it first waits for another flight.
   */
  outlook(key: string, accepts: (start: Start) => boolean): { isShared: boolean; mustWait: boolean } {
    const running = this.#flights.get(key);
    if (running === undefined) return { isShared: false, mustWait: false };
    if (isAccepted(running, accepts)) return { isShared: true, mustWait: false };
    return { isShared: (running.next?.waiters ?? 0) > 0, mustWait: true };
  }

  isRunning(key: string): boolean {
    return this.#flights.has(key);
  }

  async join(
    key: string,
    { signal, accepts = () => true }: JoinOptions<Start>,
    work: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value> {
    signal?.throwIfAborted();
    const flight = this.#flightFor(key, accepts, work);
    flight.waiters++;
    try {
      return await abortable(flight.result, signal);
    } finally {
      flight.waiters--;
      if (flight.waiters === 0 && flight.start !== undefined) {
        if (!flight.hasEnded) flight.controller.abort(); // before the next flight begins
        this.#end(key, flight);
      }
    }
  }

  #flightFor(
    key: string,
    accepts: (start: Start) => boolean,
    work: (signal: AbortSignal) => Promise<Value>,
  ): Flight<Value, Start> {
    const running = this.#flights.get(key);
    if (running === undefined) return this.#begin(key, new Flight(work));
    if (isAccepted(running, accepts)) return running;
    running.next ??= new Flight(work);
    return running.next;
  }

  #begin(key: string, flight: Flight<Value, Start>): Flight<Value, Start> {
    const end = () => {
      flight.hasEnded = true;
      this.#end(key, flight);
    };
    flight.result.then(end, end); // also prevents an unhandled rejection when no lookup waits
    if (this.#shares) this.#flights.set(key, flight);
    flight.begin(this.#now());
    return flight;
  }

  /** Removes a flight and begins the next one, except when a newer flight has already replaced it. */
  #end(key: string, flight: Flight<Value, Start>): void {
    if (this.#flights.get(key) !== flight) return;
    this.#flights.delete(key);
    if (flight.next !== undefined && flight.next.waiters > 0) this.#begin(key, flight.next);
  }
}

function isAccepted<Start extends NonNullable<unknown>>(
  { start }: Flight<unknown, Start>,
  accepts: (start: Start) => boolean,
): boolean {
  return start !== undefined && accepts(start);
}
