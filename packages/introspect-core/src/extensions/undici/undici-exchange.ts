import { InvalidResponseError, type TransportRequest, type TransportResponse } from '@acme/introspect-core';
import type { Dispatcher } from 'undici';
import type { BoundedText } from '../../runtime/bounded-text.js';
import { BoundedBody } from './undici-body.js';
import type { Connection } from './undici-connection.js';
import type { ConnectionPool, Passenger } from './undici-pool.js';

type Fields = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2];

/** How much of a body that nobody looks at may still come, so that its connection can be used again. */
const unreadBytes = 65_536;
const unreadMs = 1000;

/** Who waits for a response. */
interface Waiting {
  resolve(response: TransportResponse): void;
  reject(reason: unknown): void;
}

/** One request on its way, and its response as far as it has come. */
export class Exchange implements Dispatcher.DispatchHandler, EventListenerObject, Passenger {
  readonly #request: TransportRequest;
  readonly #options: Dispatcher.DispatchOptions;
  readonly #waiting: Waiting;
  #isSettled = false;
  #pool: ConnectionPool | undefined;
  #connection: Connection | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #fields: Fields = {};
  /** Only of a status whose body is looked at. */
  #body: BoundedBody | undefined;
  #unread = 0;
  #unreadTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(request: TransportRequest, options: Dispatcher.DispatchOptions, waiting: Waiting) {
    this.#request = request;
    this.#options = options;
    this.#waiting = waiting;
    request.signal.addEventListener('abort', this);
  }

  setOutBy(dispatcher: Dispatcher): void {
    dispatcher.dispatch(this.#options, this);
  }

  setOutFrom(pool: ConnectionPool): void {
    this.#pool = pool;
    pool.take(this);
  }

  board(connection: Connection): void {
    this.#connection = connection;
    connection.dispatch(this.#options, this);
  }

  /** The signal was aborted. */
  handleEvent(): void {
    this.#fail(this.#request.signal.reason);
    if (this.#controller !== undefined) this.#end(this.#controller);
    else if (this.#connection !== undefined) this.#connection.stopConnecting();
    else this.#pool?.leave(this);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // A throw takes the request away, where `controller.abort` would close the connection as well.
    if (this.#isSettled) throw new Error('The request is no longer waited for');
    this.#controller = controller;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, fields: Fields): void {
    if (status < 200) return; // there is more to come
    this.#status = status;
    this.#fields = fields;
    if (status === 200 || status === 400 || status === 403) {
      this.#body = new BoundedBody(this.#request.maxResponseBytes, field(fields, 'content-encoding'));
    } else {
      this.#succeed(''); // the status says enough
      this.#unreadTimer = setTimeout(() => this.#end(controller), unreadMs);
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#isSettled) {
      this.#unread += chunk.byteLength;
      if (this.#unread > unreadBytes) this.#end(controller);
    } else if (this.#body?.add(chunk) === false) {
      this.#finish(this.#body.tooLarge);
      this.#end(controller);
    }
  }

  onResponseEnd(): void {
    this.#over(false);
    if (this.#isSettled || this.#body === undefined) return;
    try {
      this.#finish(this.#body.read());
    } catch (fault) {
      this.#fault(fault);
    }
  }

  onResponseError(_: Dispatcher.DispatchController, fault: unknown): void {
    this.#over(true);
    this.#fault(fault);
  }

  /** Nothing more will come: undici tells so once. */
  #over(isBroken: boolean): void {
    clearTimeout(this.#unreadTimer);
    if (this.#connection !== undefined) this.#pool?.giveBack(this.#connection, isBroken);
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

  /** A body that was not read to its end: what a status of 400 or 403 says without it is enough. */
  #fault(fault: unknown): void {
    if (this.#status === 400 || this.#status === 403) this.#succeed('');
    else this.#fail(fault);
  }

  #succeed(body: string): void {
    if (this.#isSettled) return;
    this.#settled();
    const fields = this.#fields;
    this.#waiting.resolve({ status: this.#status, header: (name) => field(fields, name), body });
  }

  #fail(reason: unknown): void {
    if (this.#isSettled) return;
    this.#settled();
    this.#waiting.reject(reason);
  }

  #settled(): void {
    this.#isSettled = true;
    this.#request.signal.removeEventListener('abort', this);
  }

  /** Closes the connection. */
  #end(controller: Dispatcher.DispatchController): void {
    controller.abort(new Error('The response is no longer waited for'));
  }
}

function field(fields: Fields, name: string): string | null {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (value === undefined) return null;
  return typeof value === 'string' ? value : value.join(', ');
}
