import type { IntrospectionClient } from '../client/introspection-client.js';
import { isAuthorizationError } from '../errors/errors.js';
import { sharesPromises } from '../runtime/workerd.js';

/** A token that does not exist. The server responds that it is inactive. */
const dummyToken = 'introspect-is-it-ready';
/** How long an outcome is used again, good or bad. */
const outcomeLifetimeMs = 5000;

/** Introspects a dummy token to prove endpoint and credentials. Shares the outcome while it runs, and for 5 s after. */
export class Readiness {
  readonly #client: IntrospectionClient;
  readonly #monotonicNow: () => number;
  #last: { at: number; error: unknown } | undefined;
  #running: Promise<void> | undefined;

  constructor(client: IntrospectionClient, monotonicNow: () => number) {
    this.#client = client;
    this.#monotonicNow = monotonicNow;
  }

  /** @throws IntrospectionError */
  async check(): Promise<void> {
    const last = this.#last;
    if (last === undefined || this.#monotonicNow() - last.at >= outcomeLifetimeMs) return this.#running ?? this.#run();
    if (last.error !== undefined) throw last.error;
  }

  #run(): Promise<void> {
    const check = this.#client
      .introspect(dummyToken, { priority: 'high' })
      .then(
        () => undefined,
        // With an AuthorizationError, only the token was rejected: the server accepted endpoint and credentials.
        (error: unknown) => (isAuthorizationError(error) ? undefined : error),
      )
      .then((error) => {
        this.#last = { at: this.#monotonicNow(), error };
        this.#running = undefined;
        if (error !== undefined) throw error;
      });
    if (sharesPromises()) this.#running = check;
    return check;
  }
}
