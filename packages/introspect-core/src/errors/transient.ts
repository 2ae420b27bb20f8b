const transients = new WeakSet<Error>();

/** Marks a failure after which asking again at once may help: a connection fault, 429, 502, 503, 504. */
export function transient<Failure extends Error>(failure: Failure): Failure {
  transients.add(failure);
  return failure;
}

export function isTransient(failure: unknown): boolean {
  return failure instanceof Error && transients.has(failure);
}

const rateLimited = new WeakSet<Error>();

/** Marks a failure as a 429: the server can be reached, but gets too many requests. */
export function rateLimit<Failure extends Error>(failure: Failure): Failure {
  rateLimited.add(failure);
  return failure;
}

export function isRateLimit(failure: unknown): boolean {
  return failure instanceof Error && rateLimited.has(failure);
}
