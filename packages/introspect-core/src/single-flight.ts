import { unlessAborted } from './unless-aborted.js';
import { sharesPromises } from './workerd.js';

interface Flight<Value> {
  readonly result: Promise<Value>;
  readonly controller: AbortController;
  waiting: number;
  over: boolean;
}

/**
 * One question for all who ask the same at the same time.
 *
 * Each waiter has its own abort, which fails nobody else; when the last one leaves, the question is aborted. A fault is
 * shared with those who wait already, and with nobody later. On workerd nothing is shared: a promise that began in
 * another request never settles there.
 */
export class SingleFlight<Value> {
  readonly #flights = new Map<string, Flight<Value>>();
  readonly #shares = sharesPromises();

  has(key: string): boolean {
    return this.#flights.has(key);
  }

  async join(
    key: string,
    signal: AbortSignal | undefined,
    ask: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value> {
    signal?.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#start(key, ask);
    flight.waiting++;
    try {
      return await unlessAborted(flight.result, signal);
    } finally {
      flight.waiting--;
      if (flight.waiting === 0) {
        this.#clear(key, flight);
        if (!flight.over) flight.controller.abort();
      }
    }
  }

  #start(key: string, ask: (signal: AbortSignal) => Promise<Value>): Flight<Value> {
    const controller = new AbortController();
    const flight: Flight<Value> = { result: ask(controller.signal), controller, waiting: 0, over: false };
    const clear = () => {
      flight.over = true;
      this.#clear(key, flight);
    };
    flight.result.then(clear, clear); // also keeps a fault that nobody waits for from being unhandled
    if (this.#shares) this.#flights.set(key, flight);
    return flight;
  }

  /** Only its own slot: a newer flight may be in it. */
  #clear(key: string, flight: Flight<Value>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}
