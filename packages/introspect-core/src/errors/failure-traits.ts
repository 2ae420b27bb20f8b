/** How an attempt ended, as the circuit breaker sees it. `unknown` says nothing about the server. */
export type Outcome = 'responded' | 'failed' | 'unknown';

/** What the client knows about a failure, in addition to the error class. */
export interface FailureTraits {
  /** Sending the request again soon may help: a connection fault, a late response, 429, 502, 503 or 504. */
  readonly isTransient?: boolean;
  /** The server responded 429: it can be reached, but gets too many requests. */
  readonly isRateLimit?: boolean;
  /** Why the client shed the call: it ended the call without an introspection request. */
  readonly shedBy?: 'limits' | 'circuit_breaker';
  /** Absent if the failure did not come from an attempt. */
  readonly outcome?: Outcome;
}

const traits = new WeakMap<object, FailureTraits>();
const none: FailureTraits = {};

/** Adds traits to a failure, and returns the failure. The error object itself is not changed. */
export function withTraits<Failure extends Error>(failure: Failure, added: FailureTraits): Failure {
  traits.set(failure, { ...traits.get(failure), ...added });
  return failure;
}

/** Returns the traits of a failure, and `{}` for any other value. */
export function traitsOf(failure: unknown): FailureTraits {
  return traits.get(failure as object) ?? none; // a primitive is never a key of the map
}

/** Returns whether the `limits` of a client shed a call. That says nothing about the server. */
export function isShedByLimits(failure: unknown): boolean {
  return traitsOf(failure).shedBy === 'limits';
}
