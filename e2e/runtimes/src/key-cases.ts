import { IntrospectionClient } from '@acme/introspect-core';
import { privateKeyJwt } from '@acme/introspect-core/private-key-jwt';
import { importSPKI, jwtVerify } from 'jose';
import { assert, assertEqual } from './assert.js';
import { patient, tokenFor } from './client-cases.js';
import type { KeyPair, RuntimeCase } from './runtime-case.js';

/** A key of each kind, in the forms that `openssl` writes. */
const kinds: readonly [algorithm: KeyPair['algorithm'], label: string][] = [
  ['RS256', 'RSA PRIVATE KEY'],
  ['RS256', 'PRIVATE KEY'],
  ['PS256', 'RSA PRIVATE KEY'],
  ['ES256', 'PRIVATE KEY'],
  ['EdDSA', 'PRIVATE KEY'],
];

export const keyCases: readonly RuntimeCase[] = kinds.map(([algorithm, label]) => ({
  name: `private_key_jwt: ${algorithm} by a "${label}" makes a signature that the public key verifies`,
  async run({ origin, keys }) {
    const pair = keys.find((key) => key.algorithm === algorithm && key.privateKey.startsWith(`-----BEGIN ${label}---`));
    assert(pair !== undefined, 'there is a key');
    const { privateKey } = pair;
    const clientAuthentication = privateKeyJwt({ clientId: 'api', keyId: 'key-1', algorithm, privateKey });
    const client = new IntrospectionClient({ issuer: origin, clientAuthentication, ...patient });
    const response = await client.introspect(tokenFor('echo'));
    assert(response.active, 'active');
    const form = new URLSearchParams(String(Object(response.sent).body));
    const verified = await jwtVerify(form.get('client_assertion') ?? '', await importSPKI(pair.publicKey, algorithm), {
      audience: origin,
      issuer: 'api',
      subject: 'api',
      algorithms: [algorithm],
      requiredClaims: ['jti', 'exp', 'iat'],
    });
    assertEqual(verified.protectedHeader.kid, 'key-1');
  },
}));
