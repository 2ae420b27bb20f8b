import { type Connection, ignoreFailure, type RedisLibrary, textOrUndefined } from './connection.js';
import { openedInTime } from './opened-in-time.js';

/**
 * A client of `ioredis` or `iovalkey`: a `Redis`, also with `sentinels`, or a `Cluster`.
 *
 * The store uses only its settings, by `duplicate`. The client itself need not be connected.
 */
export interface IoredisClient {
  duplicate(...overrides: unknown[]): IoredisConnection;
  readonly isCluster?: boolean;
  readonly options: object;
}

/** What the store calls on a duplicate of the client. */
export interface IoredisConnection {
  connect(): Promise<unknown>;
  disconnect(): void;
  on(event: string, listener: (...values: unknown[]) => void): unknown;
  readonly isCluster?: boolean;
  get(key: string): Promise<unknown>;
  mget(keys: string[]): Promise<unknown[]>;
  set(key: string, value: string, px: 'PX', ttlMs: number): Promise<unknown>;
  set(key: string, value: string, px: 'PX', ttlMs: number, nx: 'NX'): Promise<unknown>;
  del(key: string): Promise<unknown>;
  publish(channel: string, message: string): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  call(command: string, ...values: (string | number)[]): Promise<unknown>;
  /** Only a cluster has it: its connections to single servers. */
  nodes?(role: 'master'): IoredisClient[];
  /** The socket, if there is one. A cluster has several, and no such member. */
  readonly stream?: { ref?(): unknown; unref?(): unknown };
}

/** The channel by which Redis reports changes to a connection with RESP2. */
const invalidationChannel = '__redis__:invalidate';

/**
 * Opens connections with the settings of a client of `ioredis` or `iovalkey`.
 *
 * All of them use RESP2. With RESP3, ioredis 6 accepts tracking and then drops every report. With RESP2, a connection
 * cannot receive reports and send commands, so a second one receives them (`REDIRECT`).
 */
export class Ioredis implements RedisLibrary {
  readonly #client: IoredisClient;

  constructor(client: IoredisClient) {
    this.#client = client;
  }

  async connect(onEnd: (error: unknown) => void): Promise<Connection> {
    return connectionOf(await this.#open(onEnd));
  }

  async connectWithTracking(
    prefix: string,
    onChange: (key: string | undefined) => void,
    onEnd: (error: unknown) => void,
  ): Promise<{ connection: Connection; trackingError?: unknown }> {
    const receiver = await this.#open(onEnd);
    let connection: Connection | undefined;
    const destroy = () => {
      receiver.disconnect();
      connection?.destroy();
    };
    try {
      const commands = await this.#open(onEnd);
      connection = connectionOf(commands);
      const both: Connection = {
        ...connection,
        keepsProcessAlive: (isKept) => {
          connection?.keepsProcessAlive(isKept);
          if (!isKept) receiver.stream?.unref?.();
        },
        destroy,
      };
      receiver.on('messageBuffer', (_, keys) => {
        if (!Array.isArray(keys)) onChange(undefined);
        else for (const key of keys) onChange(String(key));
      });
      try {
        const id = Number(await receiver.call('CLIENT', 'ID'));
        await receiver.subscribe(invalidationChannel);
        await commands.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', 'PREFIX', prefix, 'NOLOOP');
      } catch (trackingError) {
        return { connection: both, trackingError };
      }
      return { connection: both };
    } catch (error) {
      destroy();
      throw error;
    }
  }

  async subscribe(channel: string, onMessage: (message: string) => void, onEnd: (error: unknown) => void) {
    const client = this.#client.isCluster ? await this.#openNode(onEnd) : await this.#open(onEnd);
    client.on('message', (_, message) => onMessage(String(message)));
    try {
      await client.subscribe(channel);
    } catch (error) {
      client.disconnect();
      throw error;
    }
    return connectionOf(client);
  }

  async #open(onEnd: (error: unknown) => void): Promise<IoredisConnection> {
    return openClient(this.#duplicate(), onEnd);
  }

  /**
   * Opens a connection to one node of the cluster. Each node receives all messages.
   *
   * A cluster moves its subscriptions to another connection without an event: changes would be lost unnoticed.
   */
  async #openNode(onEnd: (error: unknown) => void): Promise<IoredisConnection> {
    const cluster = await this.#open(() => {});
    try {
      const nodes = cluster.nodes?.('master') ?? [];
      const node = nodes[Math.floor(Math.random() * nodes.length)];
      if (node === undefined) throw new Error('The cluster has no master');
      return await openClient(node.duplicate(ofOneServer), onEnd);
    } finally {
      cluster.disconnect();
    }
  }

  #duplicate(): IoredisConnection {
    return this.#client.isCluster ? this.#client.duplicate([], ofCluster) : this.#client.duplicate(ofOneServer);
  }
}

const ofOneServer = {
  lazyConnect: true,
  enableOfflineQueue: false,
  protocol: 2,
  retryStrategy: null,
  maxRetriesPerRequest: null,
  autoResubscribe: false,
};
/** A cluster connects to a server with the first command for it. Without the queue, it rejects the second one. */
const ofCluster = { lazyConnect: true, enableOfflineQueue: true, clusterRetryStrategy: null };

async function openClient(client: IoredisConnection, onEnd: (error: unknown) => void): Promise<IoredisConnection> {
  let isOpen = false;
  let lastError: unknown = new Error('Redis has closed the connection');
  client.on('error', (error) => {
    lastError = error;
  });
  // A cluster emits "-node" if it loses one of its servers, and "end" only if it has lost all.
  for (const event of ['end', '-node']) {
    client.on(event, () => {
      if (isOpen) onEnd(lastError);
    });
  }
  await openedInTime(client.connect(), () => client.disconnect());
  isOpen = true;
  client.stream?.unref?.();
  return client;
}

function connectionOf(client: IoredisConnection): Connection {
  return {
    getMany: async (keys) => {
      // In a cluster, the keys of one command must be on the same server.
      const replies = client.isCluster ? Promise.all(keys.map((key) => client.get(key))) : client.mget(keys);
      return (await replies).map(textOrUndefined);
    },
    set: async (key, value, { ttlMs, onlyIfAbsent }) => {
      const reply = onlyIfAbsent ? client.set(key, value, 'PX', ttlMs, 'NX') : client.set(key, value, 'PX', ttlMs);
      return (await reply) === 'OK';
    },
    delete: async (key) => void (await client.del(key)),
    publish: async (channel, message) => void (await client.publish(channel, message)),
    keepsProcessAlive: (isKept) => ignoreFailure(() => (isKept ? client.stream?.ref?.() : client.stream?.unref?.())),
    destroy: () => ignoreFailure(() => client.disconnect()),
  };
}
