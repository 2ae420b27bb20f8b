import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createSigner } from 'fast-jwt';

/** Returns an opaque token of 97 characters. It begins with its number. Like a real one, it ends unlike all others. */
export function opaqueToken(number: number): string {
  return `${String(number).padStart(10, '0')}-${createHash('sha512').update(String(number)).digest('base64url')}`;
}

/** Returns an issuer of JWTs with RS256 and the usual claims: about 700 characters. */
export function jwtIssuer(): { publicKey: KeyObject; publicPem: string; jwt(number: number): string } {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const sign = createSigner({
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    algorithm: 'RS256',
    expiresIn: 43_200_000,
  });
  return {
    publicKey,
    publicPem: String(publicKey.export({ type: 'spki', format: 'pem' })),
    jwt: (number) =>
      sign({
        iss: 'https://shop.example',
        sub: String(265_123_456_789_000_000n + BigInt(number)),
        aud: ['265123456789012345', '265123456789012346'],
        client_id: '265123456789012345@shop',
        jti: `V2_${number}-at_${number}`,
      }),
  };
}
