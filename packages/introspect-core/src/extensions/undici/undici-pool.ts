import type { buildConnector } from 'undici';
import { Connection } from './undici-connection.js';

/** Who needs a connection. */
export interface Passenger {
  /** Has it alone, until it is given back. */
  board(connection: Connection): void;
}

/**
 * The connections to one origin.
 *
 * undici's own pool looks through all of them for each request, and what waits in it cannot be taken out.
 */
export class ConnectionPool {
  readonly #connect: () => Connection;
  readonly #connections: number;
  /** The one that was used last is used next, so that the others may become idle. */
  readonly #free: Connection[] = [];
  readonly #waiting = new Set<Passenger>();
  #made = 0;

  constructor(origin: string, connections: number, connector: buildConnector.connector) {
    this.#connect = () => new Connection(origin, connector);
    this.#connections = connections;
  }

  /** Lets board, now or as soon as there is a connection; in the order of coming. */
  take(passenger: Passenger): void {
    const connection = this.#next();
    if (connection === undefined) this.#waiting.add(passenger);
    else passenger.board(connection);
  }

  leave(passenger: Passenger): void {
    this.#waiting.delete(passenger);
  }

  giveBack(connection: Connection, isBroken: boolean): void {
    // One that must be opened again goes last.
    if (isBroken) this.#free.unshift(connection);
    else this.#free.push(connection);
    // Not at once: undici is still busy with what has just ended.
    if (this.#waiting.size > 0) queueMicrotask(() => this.#letBoard());
  }

  #next(): Connection | undefined {
    const free = this.#free.pop();
    if (free !== undefined || this.#made === this.#connections) return free;
    const connection = this.#connect();
    this.#made++;
    return connection;
  }

  #letBoard(): void {
    for (const passenger of this.#waiting) {
      const connection = this.#next();
      if (connection === undefined) return;
      this.#waiting.delete(passenger);
      passenger.board(connection);
    }
  }
}
