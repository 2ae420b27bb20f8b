import { unlessAborted } from './unless-aborted.js';
import { sharesPromises } from './workerd.js';

/** The work of one flight, which may still wait for the flight before it to end. */
class Flight<Value, Start extends NonNullable<unknown>> {
  readonly controller = new AbortController();
  readonly result: Promise<Value>;
  /** How many callers wait for the result. */
  waiting = 0;
  isOver = false;
  /** `undefined` until it has begun. */
  start: Start | undefined;
  /** Begins when this one ends, for callers that this one began too early for. */
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
  /** The caller's own: its abort fails nobody else. */
  signal?: AbortSignal | undefined;
  /** Whether a caller may share a flight that began then. Any unless given. */
  accepts?: (start: Start) => boolean;
}

/**
 * One flight of work for all callers that want the same at the same time.
 *
 * At most one flight of a key runs, and at most one waits for it to end: callers that do not accept when the running one
 * began share the waiting one. When the last caller leaves, a flight is aborted. A fault is shared with those who wait
 * already, and with nobody later. On workerd nothing is shared: a promise that began in another request never settles there.
 */
export class SingleFlight<Value, Start extends NonNullable<unknown> = true> {
  readonly #flights = new Map<string, Flight<Value, Start>>();
  readonly #shares = sharesPromises();
  readonly #now: () => Start;

  /** @param now makes what `accepts` is given */
  constructor(now: () => Start) {
    this.#now = now;
  }

  /** What a caller that joins now would meet: a flight that others share, and whether it has to wait for another one. */
  outlook(key: string, accepts: (start: Start) => boolean): { isShared: boolean; mustWait: boolean } {
    const running = this.#flights.get(key);
    if (running === undefined) return { isShared: false, mustWait: false };
    if (isAccepted(running, accepts)) return { isShared: true, mustWait: false };
    return { isShared: (running.next?.waiting ?? 0) > 0, mustWait: true };
  }

  async join(
    key: string,
    { signal, accepts = () => true }: JoinOptions<Start>,
    work: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value> {
    signal?.throwIfAborted();
    const flight = this.#flightFor(key, accepts, work);
    flight.waiting++;
    try {
      return await unlessAborted(flight.result, signal);
    } finally {
      flight.waiting--;
      if (flight.waiting === 0 && flight.start !== undefined) {
        if (!flight.isOver) flight.controller.abort(); // before the next one begins
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
      flight.isOver = true;
      this.#end(key, flight);
    };
    flight.result.then(end, end); // also keeps a fault that nobody waits for from being unhandled
    if (this.#shares) this.#flights.set(key, flight);
    flight.begin(this.#now());
    return flight;
  }

  /** Makes place for the next flight. Only in its own slot: a newer flight may be in it. */
  #end(key: string, flight: Flight<Value, Start>): void {
    if (this.#flights.get(key) !== flight) return;
    this.#flights.delete(key);
    if (flight.next !== undefined && flight.next.waiting > 0) this.#begin(key, flight.next);
  }
}

function isAccepted<Start extends NonNullable<unknown>>(
  { start }: Flight<unknown, Start>,
  accepts: (start: Start) => boolean,
): boolean {
  return start !== undefined && accepts(start);
}
