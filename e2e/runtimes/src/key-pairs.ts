import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { json, type ScriptedServer } from '@acme/introspect-testing';
import type { KeyPair } from './runtime-case.js';

/** Keys for one run, as PEM: PKCS#8, and PKCS#1 where it is RSA. */
export function keyPairs(): KeyPair[] {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ed = generateKeyPairSync('ed25519');
  return [
    pair('RS256', rsa, 'pkcs1'),
    pair('RS256', rsa, 'pkcs8'),
    pair('PS256', rsa, 'pkcs1'),
    pair('ES256', ec, 'pkcs8'),
    pair('EdDSA', ed, 'pkcs8'),
  ];
}

/** As the keys of an issuer, each under the name of its algorithm. */
export function publishKeys(server: ScriptedServer, pairs: readonly KeyPair[]): void {
  const { origin, introspectionEndpoint } = server;
  const metadata = { issuer: origin, introspection_endpoint: introspectionEndpoint, jwks_uri: `${origin}/keys` };
  server.at('/.well-known/openid-configuration', json(metadata));
  const keys = new Map(
    pairs.map(({ algorithm, publicKey }) => [
      algorithm,
      { ...createPublicKey(publicKey).export({ format: 'jwk' }), alg: algorithm, kid: algorithm, use: 'sig' },
    ]),
  );
  server.at('/keys', json({ keys: [...keys.values()] }));
}

function pair(
  algorithm: KeyPair['algorithm'],
  { privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject },
  type: 'pkcs1' | 'pkcs8',
): KeyPair {
  return {
    algorithm,
    privateKey: privateKey.export({ type, format: 'pem' }).toString(),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}
