/**
 * Returns the code of the system or of the HTTP library for a request that failed, or undefined if it timed out.
 *
 * Never returns the error's message: it may contain what was sent.
 */
export function networkError(error: unknown): string | undefined {
  if (error instanceof Error && error.name === 'TimeoutError') return undefined;
  const { code } = Object(error instanceof Error ? (error.cause ?? error) : {}) as { code?: unknown };
  return typeof code === 'string' && /^\w+$/.test(code) ? code : 'no reason given';
}

/** Returns whether a code is one of TLS, from Node or OpenSSL. */
export function isTlsFault(code: string): boolean {
  return /SSL|TLS|CERT|EPROTO|SIGNED_|SIGNATURE/.test(code);
}
