import { type Connection, ignoreFailure, type RedisLibrary, textOrUndefined } from './connection.js';
import { openedInTime } from './opened-in-time.js';

/**
 * A client of npm's `redis`: what `createClient`, `createCluster` or `createSentinel` returns.
 *
 * The store uses only its settings, by `duplicate`. The client itself need not be connected.
 */
export interface NodeRedisClient {
  duplicate(overrides?: object): NodeRedisConnection;
  /** Only a client of one server has it. */
  unref?(): void;
}

/** What the store calls on a duplicate of the client. */
export interface NodeRedisConnection {
  connect(): Promise<unknown>;
  destroy(): unknown;
  on(event: string, listener: (...values: unknown[]) => void): unknown;
  get(key: string): Promise<unknown>;
  mGet(keys: string[]): Promise<unknown[]>;
  set(key: string, value: string, options: { PX: number; NX?: true }): Promise<unknown>;
  del(key: string): Promise<unknown>;
  publish(channel: string, message: string): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  clientTracking(mode: boolean, options?: object): Promise<unknown>;
  ref?(): void;
  unref?(): void;
}

/** Opens connections with the settings of a client of npm's `redis`, from version 5.9. */
export class NodeRedis implements RedisLibrary {
  readonly #client: NodeRedisClient | (() => Promise<NodeRedisClient>);

  constructor(client: NodeRedisClient | (() => Promise<NodeRedisClient>)) {
    this.#client = client;
  }

  async connect(onEnd: (error: unknown) => void): Promise<Connection> {
    return connectionOf(await this.#open({}, onEnd));
  }

  async connectWithTracking(
    prefix: string,
    onChange: (key: string | undefined) => void,
    onEnd: (error: unknown) => void,
  ): Promise<{ connection: Connection; trackingError?: unknown }> {
    let client: NodeRedisConnection;
    try {
      const options = { RESP: 3, emitInvalidate: true };
      client = await this.#open(options, onEnd, (key) => onChange(key === null ? undefined : String(key)));
    } catch (error) {
      // With `emitInvalidate`, the client requests tracking while it connects. The server may allow all but that.
      if (!(error instanceof Error) || !/^(NOPERM|ERR) /.test(error.message)) throw error;
      return { connection: await this.connect(onEnd), trackingError: error };
    }
    const connection = connectionOf(client);
    try {
      // The client has turned tracking on for the keys that it reads. This store needs all keys, except its own writes.
      const tracking = { BCAST: true, PREFIX: prefix, NOLOOP: true };
      await Promise.all([client.clientTracking(false), client.clientTracking(true, tracking)]);
    } catch (trackingError) {
      return { connection, trackingError };
    }
    return { connection };
  }

  async subscribe(channel: string, onMessage: (message: string) => void, onEnd: (error: unknown) => void) {
    const client = await this.#open({}, onEnd);
    const connection = connectionOf(client);
    try {
      await client.subscribe(channel, onMessage);
    } catch (error) {
      connection.destroy();
      throw error;
    }
    return connection;
  }

  async #open(
    options: object,
    onEnd: (error: unknown) => void,
    onInvalidate?: (key: unknown) => void,
  ): Promise<NodeRedisConnection> {
    const template = typeof this.#client === 'function' ? await this.#client() : this.#client;
    const { socket, commandOptions } = settingsOf(template);
    const client = template.duplicate({
      disableOfflineQueue: true,
      passthroughClientErrorEvents: true, // a sentinel then emits the errors of its connections, too
      ...options,
      socket: { ...socket, reconnectStrategy: false },
      // Each call of a store has a time limit already. A second one for each command takes a tenth of the time of a GET.
      commandOptions: { ...commandOptions, timeout: undefined },
    });
    let isOpen = false;
    const end = (error: unknown) => {
      if (isOpen) onEnd(error);
    };
    client.on('error', end);
    client.on('end', () => end(new Error('Redis has closed the connection')));
    // Clients of a cluster and of a sentinel reconnect by themselves. Reports may have been lost meanwhile.
    client.on('node-error', end);
    client.on('topology-change', (change) => {
      if (isMasterChange(change)) end(new Error('Another Redis server has become the master'));
    });
    if (onInvalidate) client.on('invalidate', onInvalidate);
    client.unref?.();
    await openedInTime(client.connect(), () => ignoreFailure(() => client.destroy()));
    isOpen = true;
    return client;
  }
}

function isMasterChange(change: unknown): boolean {
  return typeof change === 'object' && change !== null && 'type' in change && change.type === 'MASTER_CHANGE';
}

interface Settings {
  socket?: object;
  commandOptions?: object;
}

/** The settings of a client. A duplicate gets copies, because the library changes the objects that it gets. */
function settingsOf(client: NodeRedisClient & { options?: Settings | undefined }): Settings {
  return client.options ?? {};
}

function connectionOf(client: NodeRedisConnection): Connection {
  return {
    getMany: async (keys) => {
      // Only a client of one server has `unref`. In a cluster, the keys of one command must be on the same server.
      const isOneServer = client.unref !== undefined;
      const replies = isOneServer ? client.mGet(keys) : Promise.all(keys.map((key) => client.get(key)));
      return (await replies).map(textOrUndefined);
    },
    set: async (key, value, { ttlMs, onlyIfAbsent }) =>
      (await client.set(key, value, { PX: ttlMs, ...(onlyIfAbsent && { NX: true }) })) === 'OK',
    delete: async (key) => void (await client.del(key)),
    publish: async (channel, message) => void (await client.publish(channel, message)),
    keepsProcessAlive: (isKept) => ignoreFailure(() => (isKept ? client.ref?.() : client.unref?.())),
    destroy: () => ignoreFailure(() => client.destroy()),
  };
}
