import { json, type ScriptedServer } from '@acme/introspect-testing';
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT, type SignOptions } from 'jose';

/** A key of an issuer, and what it signs. */
export interface IssuerKey {
  readonly kid: string | undefined;
  readonly jwk: JWK;
  sign(claims?: Record<string, unknown>, header?: Record<string, unknown>, options?: SignOptions): Promise<string>;
}

/** What a good token says, where nothing else is wanted. */
export interface Claims extends JWTPayload {
  iss: string;
}

export async function issuerKey(kid: string | undefined, claims: Claims, alg = 'ES256'): Promise<IssuerKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const named = kid !== undefined && { kid };
  return {
    kid,
    jwk: { ...(await exportJWK(publicKey)), ...named, alg, use: 'sig' },
    sign: (more = {}, header = {}, options = {}) =>
      new SignJWT({ ...claims, ...more }).setProtectedHeader({ alg, ...named, ...header }).sign(privateKey, options),
  };
}

/** Publishes keys in place of those of before. */
export function publish(server: ScriptedServer, keys: readonly IssuerKey[]): void {
  server.at(
    '/.well-known/openid-configuration',
    json({
      issuer: server.origin,
      introspection_endpoint: server.introspectionEndpoint,
      jwks_uri: `${server.origin}/oauth/v2/keys`,
    }),
  );
  server.at('/oauth/v2/keys', json({ keys: keys.map(({ jwk }) => jwk) }));
}

/** How often the keys were fetched. */
export function keyFetches(server: ScriptedServer): number {
  return server.requests.filter(({ url }) => url === '/oauth/v2/keys').length;
}
