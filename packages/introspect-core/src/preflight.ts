import type { RequestContext } from './authorizer.js';

/**
 * Whether a request is a CORS preflight: it carries no credentials, and the framework's CORS answers it (Fetch standard).
 * Any other `OPTIONS` request is guarded like the rest.
 */
export function isPreflight(request: RequestContext): boolean {
  const has = (name: string) => (request.header?.(name) ?? []).length > 0;
  return request.method === 'OPTIONS' && has('origin') && has('access-control-request-method');
}
