import type { InvalidationTarget } from '../cache/invalidation-target.js';
import { isIntrospectionError } from '../errors/errors.js';
import type { ActiveToken } from '../protocol/active-token.js';
import { onAbort } from '../runtime/on-abort.js';
import type { Decision } from './decision.js';

/** The shortest and the longest time between two checks of a token. */
const minIntervalMs = 1000;
const maxIntervalMs = 3_600_000;
/** How often a token is checked if no cached response says when. */
const uncachedIntervalMs = 60_000;
/** How long to wait after an introspection that failed. */
const retryMs = 5000;
/** How many tokens are checked at the same time, so that the requests of the API still get slots of the `limits`. */
const maxRunning = 16;

/** A connection to watch. */
export interface WatchedConnection {
  /** The token itself. Undefined for a request without one: then only `signal` and `close` end the watch. */
  readonly token: string | undefined;
  /** What the connection was accepted with. */
  granted: ActiveToken | null;
  /** The age limit of its policy. */
  readonly maxResponseAgeMs: number;
  /** Decides once more, with `rejection` if the token has expired. */
  decide(rejection: 'expired' | undefined): Decision | Promise<Decision>;
  /** Aborted when the connection must end. */
  readonly controller: AbortController;
}

interface WatchedToken {
  readonly token: string;
  readonly connections: Set<WatchedConnection>;
  /** When to check the token, by the monotonic clock. */
  dueAt: number;
  isRunning: boolean;
  /** Whether the token must be checked again after the check that is running. */
  mustRepeat: boolean;
}

/**
 * Checks the tokens of long connections again, and ends the connections whose token no longer satisfies their policy.
 *
 * All connections share one timer. It does not keep the process alive, and there is none without a connection. The
 * connections of one token share its checks, and most checks find the response in the cache.
 */
export class TokenWatches {
  readonly #tokens = new Map<string, WatchedToken>();
  readonly #anonymous = new Set<WatchedConnection>();
  readonly #due: WatchedToken[] = [];
  readonly #clocks: { now: () => number; monotonicNow: () => number };
  readonly #skewMs: number;
  readonly #freshForMs: (token: string, maxResponseAgeMs: number) => Promise<number | undefined>;
  #running = 0;
  #timer: unknown;
  #timerAt = Number.POSITIVE_INFINITY;
  #isClosed = false;

  constructor(
    clocks: { now: () => number; monotonicNow: () => number },
    clockSkewSeconds: number,
    freshForMs: (token: string, maxResponseAgeMs: number) => Promise<number | undefined>,
  ) {
    this.#clocks = clocks;
    this.#skewMs = clockSkewSeconds * 1000;
    this.#freshForMs = freshForMs;
  }

  /** @throws Error after `close` */
  throwIfClosed(): void {
    if (this.#isClosed) throw closedError();
  }

  /** Watches a connection until it ends, or until `signal` is aborted. */
  async add(connection: WatchedConnection, signal: AbortSignal | undefined): Promise<void> {
    this.throwIfClosed();
    signal?.throwIfAborted();
    const { token, controller } = connection;
    if (signal !== undefined) {
      const remove = onAbort(signal, () => this.#end(connection, signal.reason));
      onAbort(controller.signal, remove);
    }
    if (token === undefined) {
      this.#anonymous.add(connection);
      return;
    }
    const known = this.#tokens.get(token);
    const watched: WatchedToken = known ?? {
      token,
      connections: new Set(),
      dueAt: Number.POSITIVE_INFINITY,
      isRunning: false,
      mustRepeat: false,
    };
    this.#tokens.set(token, watched);
    watched.connections.add(connection);
    const dueAt = await this.#nextCheck(watched, [connection]);
    watched.dueAt = Math.min(watched.dueAt, dueAt);
    this.#wakeAt(watched.dueAt);
  }

  /** Checks the tokens that an invalidation concerns, immediately. */
  invalidated(target: InvalidationTarget): void {
    const [[name, value] = []] = Object.entries(Object(target));
    if (value === undefined) return; // an invalid target
    for (const watched of this.#tokens.values()) {
      const [connection] = watched.connections;
      const isMeant = name === 'token' ? watched.token === value : connection?.granted?.[String(name)] === value;
      if (name === 'all' || isMeant) this.#check(watched);
    }
  }

  /** Ends all connections. */
  close(): void {
    this.#isClosed = true;
    const connections = [...this.#tokens.values()].flatMap((watched) => [...watched.connections]);
    for (const connection of [...connections, ...this.#anonymous]) this.#end(connection, closedError());
  }

  #end(connection: WatchedConnection, reason: unknown): void {
    const watched = connection.token === undefined ? undefined : this.#tokens.get(connection.token);
    watched?.connections.delete(connection);
    if (watched?.connections.size === 0) this.#tokens.delete(watched.token);
    this.#anonymous.delete(connection);
    if (this.#tokens.size === 0) this.#stopTimer();
    connection.controller.abort(reason);
  }

  #check(watched: WatchedToken): void {
    watched.dueAt = Number.POSITIVE_INFINITY;
    if (watched.isRunning) {
      watched.mustRepeat = true;
      return;
    }
    watched.isRunning = true;
    this.#due.push(watched);
    this.#runDue();
  }

  #runDue(): void {
    while (this.#running < maxRunning) {
      const watched = this.#due.shift();
      if (watched === undefined) return;
      this.#running++;
      void this.#checkNow(watched).finally(() => {
        this.#running--;
        this.#runDue();
      });
    }
  }

  async #checkNow(watched: WatchedToken): Promise<void> {
    const connections = [...watched.connections];
    const failed = await Promise.all(connections.map((connection) => this.#decide(connection)));
    const next = failed.includes(true)
      ? Math.min(this.#clocks.monotonicNow() + retryMs, this.#expiry(connections))
      : await this.#nextCheck(watched, connections);
    watched.isRunning = false;
    if (watched.connections.size === 0) return;
    watched.dueAt = Math.min(watched.dueAt, next);
    if (watched.mustRepeat) {
      watched.mustRepeat = false;
      this.#check(watched);
    } else this.#wakeAt(watched.dueAt);
  }

  /** Ends the connection if it must end. Resolves with whether the introspection failed. */
  async #decide(connection: WatchedConnection): Promise<boolean> {
    const isExpired = this.#expiryOf(connection) <= this.#clocks.now();
    try {
      const decision = await connection.decide(isExpired ? 'expired' : undefined);
      if (connection.controller.signal.aborted) return false;
      if (decision.allowed) connection.granted = decision.token ?? null;
      else if (isIntrospectionError(decision.error)) return true;
      else this.#end(connection, decision.error);
    } catch (error) {
      this.#end(connection, error); // an error of the app, such as in a policy's `check`
    }
    return false;
  }

  /** Returns when the token must be checked: when its response is too old for one of the connections, or at its `exp`. */
  async #nextCheck({ token }: WatchedToken, connections: readonly WatchedConnection[]): Promise<number> {
    const maxAgeMs = Math.min(...connections.map(({ maxResponseAgeMs }) => maxResponseAgeMs));
    const freshForMs = (await this.#freshForMs(token, maxAgeMs)) ?? Math.min(uncachedIntervalMs, maxAgeMs);
    const inMs = Math.min(maxIntervalMs, Math.max(minIntervalMs, freshForMs));
    return Math.min(this.#clocks.monotonicNow() + inMs, this.#expiry(connections));
  }

  /** Returns the first expiry by the monotonic clock. */
  #expiry(connections: readonly WatchedConnection[]): number {
    const expiry = Math.min(...connections.map((connection) => this.#expiryOf(connection)));
    return this.#clocks.monotonicNow() + Math.max(0, expiry - this.#clocks.now());
  }

  /** Returns the expiry of one token by the wall clock, in milliseconds since the epoch. */
  #expiryOf({ granted }: WatchedConnection): number {
    return granted?.exp === undefined ? Number.POSITIVE_INFINITY : granted.exp * 1000 + this.#skewMs;
  }

  #wakeAt(time: number): void {
    if (time >= this.#timerAt || this.#tokens.size === 0) return;
    this.#stopTimer();
    this.#timerAt = time;
    const inMs = Math.min(maxIntervalMs, Math.max(1, time - this.#clocks.monotonicNow()));
    this.#timer = setTimeout(() => this.#wake(), inMs);
    (Object(this.#timer) as { unref?(): void }).unref?.();
  }

  #wake(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.#clocks.monotonicNow();
    let next = Number.POSITIVE_INFINITY;
    for (const watched of this.#tokens.values()) {
      if (watched.dueAt <= now) this.#check(watched);
      else next = Math.min(next, watched.dueAt);
    }
    this.#wakeAt(next);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer as number | undefined);
    this.#timerAt = Number.POSITIVE_INFINITY;
  }
}

function closedError(): Error {
  return new DOMException('The authorizer was closed', 'AbortError');
}
