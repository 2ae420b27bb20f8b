/** Reads JWTs. Verifies nothing. */
import { decodeJwt, decodeProtectedHeader } from 'jose';

/** A signed JWT (RFC 7519 §7.2) whose header names an algorithm or a key. Nothing in it is verified. */
export interface Jwt {
  /** The token itself. */
  readonly token: string;
  /** The algorithm of its signature (RFC 7515 §4.1.1). */
  readonly alg: unknown;
  /** The id of the key (RFC 7515 §4.1.4). */
  readonly kid: string | undefined;
  /** The claims in its payload. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Reads a JWT without verifying it. Returns `undefined` for any other token. */
export function readJwt(token: string): Jwt | undefined {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    const claims = decodeJwt(token);
    return alg === undefined && kid === undefined ? undefined : { token, alg, kid, claims };
  } catch {
    return undefined;
  }
}
