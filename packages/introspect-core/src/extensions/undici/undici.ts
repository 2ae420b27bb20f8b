/**
 * A transport with undici, for Node ≥ 20.18.1 and Deno. It is faster than the default, and supports client certificates
 * and proxies.
 */
import type { Transport } from '@acme/introspect-core';
import { buildConnector, Client, type Dispatcher } from 'undici';
import { acceptEncoding } from './undici-body.js';
import { Exchange } from './undici-exchange.js';
import { ConnectionPool } from './undici-pool.js';

/** The options of {@link undiciTransport}. Use one of them, or neither. */
export interface UndiciTransportOptions {
  /**
   * The maximum number of connections to one origin. Further requests wait for a free one, within their time limit. It
   * protects the file descriptors of this process; to protect the server, use the client's `limits`.
   *
   * @default 128
   */
  connections?: number;
  /**
   * A dispatcher of undici that sends the requests, such as an `Agent` with a client certificate or a private CA
   * (`connect`), or a `ProxyAgent`. Its time limit for connecting and its interceptors apply. You must close it.
   * It excludes `connections`.
   *
   * @default a pool of connections of its own
   */
  dispatcher?: Dispatcher;
}

interface Target {
  readonly url: string;
  readonly origin: string;
  readonly path: string;
  readonly dispatch: Dispatch;
}

/** Sends the request of an exchange. */
type Dispatch = (exchange: Exchange) => void;

const optionNames = ['connections', 'dispatcher'];
/** The client's own time limit covers the whole exchange. */
const noTimeLimit = { headersTimeout: 0, bodyTimeout: 0 };

/**
 * Returns a transport that keeps connections alive. It closes idle ones after some seconds, and they do not keep the
 * process running. It opens no connection before the first request.
 *
 * @throws TypeError naming the option
 */
export function undiciTransport(options: UndiciTransportOptions = {}): Transport {
  const dispatcherFor = checkedDispatcher(options);
  let target: Target | undefined; // of the last request: a client nearly always uses one URL

  function targetOf(url: string): Target {
    const { origin, pathname, search } = new URL(url);
    return { url, origin, path: `${pathname}${search}`, dispatch: dispatcherFor(origin) };
  }

  return (request) =>
    new Promise((resolve, reject) => {
      const { url, method, headers, body = null, signal } = request;
      signal.throwIfAborted();
      if (target?.url !== url) target = targetOf(url);
      const { origin, path, dispatch } = target;
      const dispatchOptions = {
        origin,
        path,
        method,
        headers: { 'accept-encoding': acceptEncoding, ...headers },
        body,
        ...noTimeLimit,
      };
      dispatch(new Exchange(request, dispatchOptions, { resolve, reject }));
    });
}

/** @throws TypeError naming the option */
function checkedDispatcher(options: UndiciTransportOptions): (origin: string) => Dispatch {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw problem('the options must be an object');
  }
  for (const name of Object.keys(options)) {
    if (!optionNames.includes(name))
      throw problem(`unknown option "${name}"; known options: ${optionNames.join(', ')}`);
  }
  const inherited = optionNames.find((name) => name in options && !Object.hasOwn(options, name));
  if (inherited !== undefined) {
    throw problem(`"${inherited}" is inherited, for example from a class: set it on the options object itself`);
  }
  const { connections = 128, dispatcher } = options;
  if (dispatcher === undefined) {
    if (!Number.isSafeInteger(connections) || connections < 1)
      throw problem('"connections" must be a whole number, at least 1');
    return dispatchByPool(connections);
  }
  if (typeof Object(dispatcher).dispatch !== 'function') {
    throw problem('"dispatcher" must be a dispatcher of undici, such as an Agent');
  }
  if (options.connections !== undefined) throw problem('use either "connections" or "dispatcher", not both');
  return () => (exchange) => exchange.dispatchWith(dispatcher);
}

/** Creates a pool for each origin, at its first request. */
function dispatchByPool(connections: number): (origin: string) => Dispatch {
  if (typeof Client.prototype.dispatch !== 'function') {
    throw problem('this runtime replaces undici by something else, as Bun does: leave out "transport" there');
  }
  const connector = buildConnector({ timeout: 0 });
  const pools = new Map<string, ConnectionPool>();
  return (origin) => {
    const pool = pools.get(origin) ?? new ConnectionPool(origin, connections, connector);
    pools.set(origin, pool);
    return (exchange) => exchange.dispatchVia(pool);
  };
}

function problem(what: string): TypeError {
  return new TypeError(`undiciTransport: ${what}`);
}
