import type { RouteToken } from '../protocol/active-token.js';

/** A token, and a signal that tells when its connection must end. */
export interface TokenWatch<Claims = unknown, Optional extends boolean = false> {
  /** The active token; `null` if the policy is optional and there are no bearer credentials. */
  readonly token: RouteToken<Claims, Optional>;
  /**
   * Aborted when the connection must end. Its `reason` is the error with which a new request would be denied, the reason
   * of your own signal, or an `AbortError` after `close`.
   */
  readonly signal: AbortSignal;
}

/** The options of `watch`. */
export interface WatchOptions {
  /**
   * Ends the watch, such as when the connection has closed. Without it, a watch lasts until the token becomes invalid.
   */
  signal?: AbortSignal | undefined;
}
