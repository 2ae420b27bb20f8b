import type { ActiveToken } from '../protocol/active-token.js';

/**
 * Returns whether a token is bound to a key (RFC 7800 §3.1): a request must then prove that it has the key. No proof is
 * supported yet, so such a token is rejected. `null` and `{}` bind nothing.
 */
export function isBound({ cnf, token_type }: ActiveToken): boolean {
  if (cnf !== undefined && Object.keys(cnf).length > 0) return true;
  return token_type !== 'Bearer' && token_type?.toLowerCase() === 'dpop';
}
