import { Socket } from 'node:net';
import { type buildConnector, Client } from 'undici';

/** A connection whose attempt to connect can be stopped. A plain client of undici cannot do that. */
export class Connection extends Client {
  #connecting: Socket | undefined;

  constructor(origin: string, connector: buildConnector.connector) {
    super(origin, {
      connect: (target, callback) => {
        const socket: unknown = connector(target, (...outcome) => {
          this.#connecting = undefined;
          callback(...outcome);
        });
        if (socket instanceof Socket) this.#connecting = socket;
      },
    });
  }

  /** Stops a running attempt to connect, so that its request fails. */
  stopConnecting(): void {
    this.#connecting?.destroy(new Error('The request was aborted before the connection was open'));
  }
}
