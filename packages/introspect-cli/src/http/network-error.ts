/**
 * Why a request got no answer: the code of the system or of the HTTP library, never the message, which may hold what was
 * sent; `undefined` when it was not in time.
 */
export function networkFault(error: unknown): string | undefined {
  if (error instanceof Error && error.name === 'TimeoutError') return undefined;
  const { code } = Object(error instanceof Error ? (error.cause ?? error) : {}) as { code?: unknown };
  return typeof code === 'string' && /^\w+$/.test(code) ? code : 'no reason given';
}
