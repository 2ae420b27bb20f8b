import { type KeyObject, verify } from 'node:crypto';

type Claims = Readonly<Record<string, unknown>>;

export interface ClientAssertion {
  readonly clientId: string;
  readonly keyId: string;
  /** Whether the key that belongs to `keyId` has signed it. */
  isSignedBy(key: KeyObject): boolean;
  /** Whether its claims are those that ZITADEL takes from this client at this moment. */
  isFor(issuer: string): boolean;
}

/** Reads the assertion of `private_key_jwt` (RFC 7523 §3); `undefined` when it is no JWT. RS256 alone is taken. */
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

/** `iat` at most an hour old and a second ahead, `exp` ahead. */
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
