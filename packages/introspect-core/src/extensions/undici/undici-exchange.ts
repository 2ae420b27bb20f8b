import { InvalidResponseError, type TransportRequest, type TransportResponse } from '@acme/introspect-core';
import type { Dispatcher } from 'undici';
import type { BoundedText } from '../../runtime/bounded-text.js';
import { BoundedBody } from './undici-body.js';
import type { Connection } from './undici-connection.js';
import type { ConnectionPool, Waiter } from './undici-pool.js';

type Fields = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2];

/** A body that is not needed is read up to this size and for this time, so that its connection can be used again. */
const unreadBytes = 65_536;
const unreadMs = 1000;

/** Settles the promise of the transport. */
interface Outcome {
  resolve(response: TransportResponse): void;
  reject(reason: unknown): void;
}

/** One request and its response. */
export class Exchange implements Dispatcher.DispatchHandler, EventListenerObject, Waiter {
  readonly #request: TransportRequest;
  readonly #options: Dispatcher.DispatchOptions;
  readonly #outcome: Outcome;
  #isSettled = false;
  #pool: ConnectionPool | undefined;
  #connection: Connection | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #fields: Fields = {};
  /** Only for a status whose body the client reads. */
  #body: BoundedBody | undefined;
  #unread = 0;
  #unreadTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(request: TransportRequest, options: Dispatcher.DispatchOptions, outcome: Outcome) {
    this.#request = request;
    this.#options = options;
    this.#outcome = outcome;
    request.signal.addEventListener('abort', this);
  }

  /** Sends the request with the dispatcher of the option. */
  dispatchWith(dispatcher: Dispatcher): void {
    dispatcher.dispatch(this.#options, this);
  }

  /** Sends the request on a connection of the pool. */
  dispatchVia(pool: ConnectionPool): void {
    this.#pool = pool;
    pool.acquire(this);
  }

  onConnection(connection: Connection): void {
    this.#connection = connection;
    connection.dispatch(this.#options, this);
  }

  /** Ends the exchange when the signal is aborted. */
  handleEvent(): void {
    this.#fail(this.#request.signal.reason);
    if (this.#controller !== undefined) this.#close(this.#controller);
    else if (this.#connection !== undefined) this.#connection.stopConnecting();
    else this.#pool?.cancel(this);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Throwing removes the request. `controller.abort` would also close the connection.
    if (this.#isSettled) throw new Error('The request was aborted before it was sent');
    this.#controller = controller;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, fields: Fields): void {
    if (status < 200) return; // informational: the final response follows (RFC 9110 §15.2)
    this.#status = status;
    this.#fields = fields;
    if (status === 200 || status === 400 || status === 403) {
      this.#body = new BoundedBody(this.#request.maxResponseBytes, field(fields, 'content-encoding'));
    } else {
      this.#succeed(''); // the client needs only the status
      this.#unreadTimer = setTimeout(() => this.#close(controller), unreadMs);
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#isSettled) {
      this.#unread += chunk.byteLength;
      if (this.#unread > unreadBytes) this.#close(controller);
    } else if (this.#body?.add(chunk) === false) {
      this.#finish(this.#body.tooLarge);
      this.#close(controller);
    }
  }

  onResponseEnd(): void {
    this.#release(false);
    if (this.#isSettled || this.#body === undefined) return;
    try {
      this.#finish(this.#body.read());
    } catch (fault) {
      this.#onUnreadable(fault);
    }
  }

  onResponseError(_: Dispatcher.DispatchController, fault: unknown): void {
    this.#release(true);
    this.#onUnreadable(fault);
  }

  /** Releases the connection. undici calls one of the two callbacks above, once. */
  #release(isBroken: boolean): void {
    clearTimeout(this.#unreadTimer);
    if (this.#connection !== undefined) this.#pool?.release(this.#connection, isBroken);
  }

  #finish({ text, problem }: BoundedText): void {
    if (problem === undefined || this.#status !== 200) {
      this.#succeed(text);
    } else {
      this.#fail(
        new InvalidResponseError(`${new URL(this.#request.url).origin} responded with a body that is ${problem}`),
      );
    }
  }

  /** Handles a body that could not be read. With status 400 or 403 the client can do without it. */
  #onUnreadable(fault: unknown): void {
    if (this.#status === 400 || this.#status === 403) this.#succeed('');
    else this.#fail(fault);
  }

  #succeed(body: string): void {
    if (this.#isSettled) return;
    this.#settle();
    const fields = this.#fields;
    this.#outcome.resolve({ status: this.#status, header: (name) => field(fields, name), body });
  }

  #fail(reason: unknown): void {
    if (this.#isSettled) return;
    this.#settle();
    this.#outcome.reject(reason);
  }

  #settle(): void {
    this.#isSettled = true;
    this.#request.signal.removeEventListener('abort', this);
  }

  /** Closes the connection of a response that is not needed any more. */
  #close(controller: Dispatcher.DispatchController): void {
    controller.abort(new Error('The response is not needed any more'));
  }
}

function field(fields: Fields, name: string): string | null {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (value === undefined) return null;
  return typeof value === 'string' ? value : value.join(', ');
}
