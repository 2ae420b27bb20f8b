import { Socket } from 'node:net';
import { type buildConnector, Client } from 'undici';

/** A connection of our own. Unlike one of undici alone, it can be left while it is not there yet. */
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

  /** Ends an attempt to connect that still runs: the request that it was for fails. */
  stopConnecting(): void {
    this.#connecting?.destroy(new Error('The connection is no longer waited for'));
  }
}
