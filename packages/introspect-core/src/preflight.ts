import type { RequestContext } from './authorizer.js';

/**
 * Whether a request is a CORS preflight: it carries no credentials, and the framework's CORS answers it (Fetch standard).
 * Any other `OPTIONS` request is guarded like the rest.
 */
export function isPreflight(request: RequestContext): boolean {
  return (
    request.method === 'OPTIONS' &&
    (request.header?.('origin') ?? []).length > 0 &&
    (request.header?.('access-control-request-method') ?? []).length > 0
  );
}
