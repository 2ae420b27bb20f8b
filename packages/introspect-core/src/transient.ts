const transients = new WeakSet<Error>();

/** Marks a failure after which asking again at once may help: a connection fault, 429, 502, 503, 504. */
export function transient<Failure extends Error>(failure: Failure): Failure {
  transients.add(failure);
  return failure;
}

export function isTransient(failure: unknown): boolean {
  return failure instanceof Error && transients.has(failure);
}
