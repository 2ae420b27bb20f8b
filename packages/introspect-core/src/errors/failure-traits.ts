/** What the end of an attempt says about the server, for the circuit breaker. */
export type Outcome = 'answered' | 'failed' | 'unknown';

/** What the client needs to know about a failure, beside its error class. */
export interface FailureTraits {
  /** Sending the request again soon may help: a connection fault, a late response, 429, 502, 503 or 504. */
  readonly isTransient?: boolean;
  /** The server responded 429: it can be reached, but gets too many requests. */
  readonly isRateLimit?: boolean;
  /** The client rejected the call itself and sent no request. */
  readonly rejectedBy?: 'limits' | 'circuit_breaker';
  /** What it says about the server. Absent: the failure did not come from an attempt. */
  readonly outcome?: Outcome;
}

const traits = new WeakMap<object, FailureTraits>();
const none: FailureTraits = {};

/** Adds traits to a failure, and returns the failure. The error object itself is not changed. */
export function withTraits<Failure extends Error>(failure: Failure, added: FailureTraits): Failure {
  traits.set(failure, { ...traits.get(failure), ...added });
  return failure;
}

/** Returns the traits of a failure. Any value may be thrown, so it takes any value. */
export function traitsOf(failure: unknown): FailureTraits {
  return traits.get(failure as object) ?? none; // a primitive is never found
}

/** Returns whether the `limits` of a client rejected a call. That says nothing about the server. */
export function isShed(failure: unknown): boolean {
  return traitsOf(failure).rejectedBy === 'limits';
}
