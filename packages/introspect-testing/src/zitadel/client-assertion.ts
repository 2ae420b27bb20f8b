import { type KeyObject, verify } from 'node:crypto';

type Claims = Readonly<Record<string, unknown>>;

/** The assertion of `private_key_jwt` (RFC 7523 §3). */
export interface ClientAssertion {
  readonly clientId: string;
  readonly keyId: string;
  /** Returns whether this key has signed it. Pass the key that belongs to `keyId`. */
  isSignedBy(key: KeyObject): boolean;
  /** Returns whether ZITADEL accepts its claims from this client at this moment. */
  isFor(issuer: string): boolean;
}

/** Reads an assertion. Returns `undefined` if it is not a JWT. Only RS256 is accepted. */
export function readClientAssertion(jwt: string): ClientAssertion | undefined {
  const [header = '', payload = '', signature = '', ...more] = jwt.split('.');
  if (more.length > 0) return undefined;
  const [{ alg, kid } = {}, claims] = [objectOf(header), objectOf(payload)];
  if (claims === undefined) return undefined;
  return {
    clientId: String(claims.iss),
    keyId: String(kid),
    isSignedBy: (key) =>
      alg === 'RS256' &&
      verify('RSA-SHA256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url')),
    isFor: (issuer) => claims.sub === claims.iss && [claims.aud].flat().includes(issuer) && isFresh(claims),
  };
}

/** Returns whether `iat` is at most an hour old and at most a second ahead, and `exp` has not passed. */
function isFresh({ iat, exp }: Claims): boolean {
  const now = Date.now() / 1000;
  return typeof iat === 'number' && iat > now - 3600 && iat <= now + 1 && typeof exp === 'number' && exp > now;
}

function objectOf(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null ? (value as Claims) : undefined;
  } catch {
    return undefined;
  }
}
