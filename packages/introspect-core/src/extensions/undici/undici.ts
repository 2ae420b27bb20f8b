/**
 * A transport by undici, for Node ≥ 20.18.1 and Deno: the fastest that there is, and the one for client certificates and
 * proxies.
 */
import type { Transport } from '@acme/introspect-core';
import { buildConnector, Client, type Dispatcher } from 'undici';
import { acceptEncoding } from './undici-body.js';
import { Exchange } from './undici-exchange.js';
import { ConnectionPool } from './undici-pool.js';

export interface UndiciTransportOptions {
  /**
   * How many connections to one origin there may be; what is more waits for one, within its deadline. 128 unless given: a
   * rush of requests does not use up a process's file descriptors. What one server bears is the client's `limits`.
   */
  connections?: number;
  /**
   * Of undici, used as it is instead of connections of our own: an `Agent` with a client certificate or a private CA
   * (`connect`), a `ProxyAgent`. It stays the caller's to close; its time limit for connecting and its interceptors count.
   */
  dispatcher?: Dispatcher;
}

interface Target {
  readonly url: string;
  readonly origin: string;
  readonly path: string;
  readonly setOut: SetOut;
}

type SetOut = (exchange: Exchange) => void;

const optionNames = ['connections', 'dispatcher'];
/** The deadline of the client covers it all. */
const noTimeLimit = { headersTimeout: 0, bodyTimeout: 0 };

/**
 * A transport that keeps connections alive; idle ones keep no process alive, and are closed after some seconds.
 *
 * Constructing it touches no network.
 *
 * @throws TypeError naming the option
 */
export function undiciTransport(options: UndiciTransportOptions = {}): Transport {
  const wayTo = checkedWay(options);
  let target: Target | undefined; // the last one: a client nearly always asks the same

  function targetOf(url: string): Target {
    const { origin, pathname, search } = new URL(url);
    return { url, origin, path: `${pathname}${search}`, setOut: wayTo(origin) };
  }

  return (request) =>
    new Promise((resolve, reject) => {
      const { url, method, headers, body = null, signal } = request;
      signal.throwIfAborted();
      if (target?.url !== url) target = targetOf(url);
      const { origin, path, setOut } = target;
      const dispatched = {
        origin,
        path,
        method,
        headers: { 'accept-encoding': acceptEncoding, ...headers },
        body,
        ...noTimeLimit,
      };
      setOut(new Exchange(request, dispatched, { resolve, reject }));
    });
}

function checkedWay(options: UndiciTransportOptions): (origin: string) => SetOut {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw problem('the options must be an object');
  }
  for (const name of Object.keys(options)) {
    if (!optionNames.includes(name)) throw problem(`"${name}" is no option; there are ${optionNames.join(', ')}`);
  }
  const inherited = optionNames.find((name) => name in options && !Object.hasOwn(options, name));
  if (inherited !== undefined) {
    throw problem(`"${inherited}" is inherited, for example from a class: set it on the options object itself`);
  }
  const { connections = 128, dispatcher } = options;
  if (dispatcher === undefined) {
    if (!Number.isSafeInteger(connections) || connections < 1)
      throw problem('"connections" must be a whole number, at least 1');
    return byPools(connections);
  }
  if (typeof Object(dispatcher).dispatch !== 'function') {
    throw problem('"dispatcher" must be a dispatcher of undici, such as an Agent');
  }
  if (options.connections !== undefined) throw problem('"connections" and "dispatcher" exclude each other');
  return () => (exchange) => exchange.setOutBy(dispatcher);
}

/** A pool for each origin, made when it is first asked. */
function byPools(connections: number): (origin: string) => SetOut {
  if (typeof Client.prototype.dispatch !== 'function') {
    throw problem('this runtime has something else in the place of undici, as Bun does: leave "transport" away there');
  }
  const connector = buildConnector({ timeout: 0 });
  const pools = new Map<string, ConnectionPool>();
  return (origin) => {
    const pool = pools.get(origin) ?? new ConnectionPool(origin, connections, connector);
    pools.set(origin, pool);
    return (exchange) => exchange.setOutFrom(pool);
  };
}

function problem(what: string): TypeError {
  return new TypeError(`undiciTransport: ${what}`);
}
