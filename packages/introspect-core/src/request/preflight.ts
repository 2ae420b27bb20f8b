import type { RequestContext } from './request-context.js';

/**
 * Returns whether a request looks like a CORS preflight (Fetch standard), which carries no credentials.
 *
 * The result proves nothing about the sender: anybody can fake a preflight.
 *
 * @internal For `protect` of `/adapter`.
 */
export function isPreflight(request: RequestContext): boolean {
  if (request.method !== 'OPTIONS') return false;
  const has = (name: string) => (request.header?.(name) ?? []).length > 0;
  return has('origin') && has('access-control-request-method');
}
