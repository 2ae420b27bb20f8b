/** One connection to Redis, or a client of a cluster. It never reconnects: after it has ended, it stays unusable. */
export interface Connection {
  /** Returns the values in the order of the keys. */
  getMany(keys: string[]): Promise<(string | undefined)[]>;
  /** Returns `false` if `onlyIfAbsent` is `true` and the key has a value. */
  set(key: string, value: string, options: { ttlMs: number; onlyIfAbsent?: boolean }): Promise<boolean>;
  delete(key: string): Promise<void>;
  publish(channel: string, message: string): Promise<void>;
  /** Lets the connection keep the process alive, or not. */
  keepsProcessAlive(isKept: boolean): void;
  /** Ends the connection immediately. Calls that are running reject. */
  destroy(): void;
}

/** What a library for Redis must be able to do. Each function opens a new connection. */
export interface RedisLibrary {
  /** @param onEnd is called when the connection has ended by itself, after it was opened */
  connect(onEnd: (error: unknown) => void): Promise<Connection>;
  /**
   * Opens a connection to which the server reports the keys under a prefix that other connections change.
   *
   * Resolves also if the server does not allow that: then `trackingError` says why.
   *
   * @param onChange gets the key, or `undefined` if all keys were deleted
   */
  connectWithTracking(
    prefix: string,
    onChange: (key: string | undefined) => void,
    onEnd: (error: unknown) => void,
  ): Promise<{ connection: Connection; trackingError?: unknown }>;
  /** Opens a connection that receives the messages of a channel. */
  subscribe(
    channel: string,
    onMessage: (message: string) => void,
    onEnd: (error: unknown) => void,
  ): Promise<Pick<Connection, 'destroy' | 'keepsProcessAlive'>>;
}

/** Returns what the cache expects of a reply: Redis says `null` if there is no value. */
export function textOrUndefined(reply: unknown): string | undefined {
  return typeof reply === 'string' ? reply : undefined;
}

/** Calls a function and ignores its failure, because a connection that has ended cannot be ended again. */
export function ignoreFailure(work: () => unknown): void {
  try {
    Promise.resolve(work()).catch(() => {});
  } catch {}
}
