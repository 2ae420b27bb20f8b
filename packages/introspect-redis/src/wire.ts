import { randomUUID } from 'node:crypto';
import type { Connection, RedisLibrary } from './connection.js';

/** An open connection whose store hears of the changes that other processes make. */
export interface Wire extends Connection {
  /** Tells other processes about a change, if the server does not do that by itself. */
  announce(key: string): Promise<void>;
  /** Makes a change that this process must then hear of. Rejects if that is not possible. */
  prove(probe: string): Promise<void>;
  /** After how many milliseconds the proof must be repeated. `undefined`: not before the next connection. */
  readonly proveAgainAfterMs: number | undefined;
}

export interface WireEvents {
  /** @param key without the prefix; `undefined` if all keys may have changed */
  onChange(key: string | undefined): void;
  /** Called once or more often when the connection has ended by itself. */
  onEnd(error: unknown): void;
}

/** Keys in Redis, and the channel of `invalidation: 'publish'`. */
export class Names {
  readonly values: string;
  readonly leases: string;
  readonly channel: string;

  constructor(prefix: string) {
    this.values = `${prefix}value:`;
    this.leases = `${prefix}lease:`;
    this.channel = `${prefix}changes`;
  }
}

/** A key of the store never begins like this, because it contains no colon. */
export const probePrefix = 'probe:';
const probeTtlMs = 5000;
const heartbeatMs = 5000;

/** Opens a connection to which the server itself reports changes. */
export async function openTracking(library: RedisLibrary, { values }: Names, events: WireEvents): Promise<Wire> {
  const { connection, trackingError } = await library.connectWithTracking(
    values,
    (key) => {
      if (key === undefined || key.startsWith(values)) events.onChange(key?.slice(values.length));
    },
    events.onEnd,
  );
  return {
    ...connection,
    announce: async () => {},
    async prove(probe) {
      if (trackingError !== undefined) throw trackingError;
      // The server does not report a connection's own writes to it, so another connection must write.
      const other = await library.connect(() => {});
      try {
        await other.set(values + probe, '', { ttlMs: probeTtlMs });
      } finally {
        other.destroy();
      }
    },
    proveAgainAfterMs: undefined,
  };
}

/** Opens a connection that publishes its changes itself, and one that receives those of other processes. */
export async function openPublishing(library: RedisLibrary, { channel }: Names, events: WireEvents): Promise<Wire> {
  const id = randomUUID();
  const receive = (message: string) => {
    const [sender, key = ''] = message.split(' ', 2);
    if (sender !== id || key.startsWith(probePrefix)) events.onChange(key);
  };
  const subscription = await library.subscribe(channel, receive, events.onEnd);
  let connection: Connection;
  try {
    connection = await library.connect(events.onEnd);
  } catch (error) {
    subscription.destroy();
    throw error;
  }
  const announce = (key: string) => connection.publish(channel, `${id} ${key}`);
  return {
    ...connection,
    announce,
    prove: announce,
    proveAgainAfterMs: heartbeatMs,
    keepsProcessAlive: (isKept) => {
      connection.keepsProcessAlive(isKept);
      subscription.keepsProcessAlive(false);
    },
    destroy: () => {
      subscription.destroy();
      connection.destroy();
    },
  };
}
