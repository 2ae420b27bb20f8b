import type { RequestContext } from './authorizer.js';

/**
 * Whether a request is a CORS preflight: it carries no credentials, and the framework's CORS answers it (Fetch standard).
 * Any other `OPTIONS` request is guarded like the rest.
 */
export function isPreflight(request: RequestContext): boolean {
  if (request.method !== 'OPTIONS') return false;
  const has = (name: string) => (request.header?.(name) ?? []).length > 0;
  return has('origin') && has('access-control-request-method');
}
