import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { ClientAuthentication } from '@acme/introspect-core';
import { type KeyAlgorithm, privateKeyJwt } from '@acme/introspect-core/private-key-jwt';
import { jsonObject } from './http/json-object.js';

/** What a key file may lack. Each function returns the setting, or throws a Failure if it is missing. */
export interface KeySettings {
  clientId(): string;
  keyId(): string;
  /** Returns `undefined` if the setting is absent. */
  optionalKeyId(): string | undefined;
}

const accepted =
  'the file must be a key file of ZITADEL, or a private key as PEM or JWK (RFC 7517 §4), without a password';
/** RFC 7518 §3.1, RFC 8037 §3.1. */
const algorithms: Readonly<Record<string, KeyAlgorithm>> = { rsa: 'RS256', ec: 'ES256', ed25519: 'EdDSA' };

/**
 * Returns an authentication by the private key in a file: `private_key_jwt` (OpenID Connect Core §9). ZITADEL's key file
 * contains client id and key id. For a PEM both come from the settings, and for a JWK its `kid` may name the key.
 *
 * @throws TypeError if the key cannot be used, never with a part of it
 * @throws Failure if a setting is missing
 */
export function keyAuthentication(text: string, settings: KeySettings): ClientAuthentication {
  const json = jsonObject(text);
  if (json?.type === 'application' || json?.type === 'serviceaccount') return privateKeyJwt({ keyJson: text });
  if (json !== undefined && json.kty === undefined)
    throw new TypeError(`The JSON of the key file is not a key: ${accepted}`);
  const key = privateKeyOf(json ?? text);
  const algorithm = json?.alg ?? algorithms[key.asymmetricKeyType ?? ''];
  if (algorithm === undefined) {
    throw new TypeError('The key in the key file must be an RSA, EC (P-256) or Ed25519 key');
  }
  const kid = typeof json?.kid === 'string' ? json.kid : undefined;
  return privateKeyJwt({
    clientId: settings.clientId(),
    keyId: settings.optionalKeyId() ?? kid ?? settings.keyId(),
    algorithm: algorithm as KeyAlgorithm, // the SDK checks it
    privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  });
}

function privateKeyOf(key: string | Readonly<Record<string, unknown>>): KeyObject {
  try {
    return createPrivateKey(typeof key === 'string' ? key : { key: { ...key }, format: 'jwk' });
  } catch {
    throw new TypeError(`The key file contains no usable private key: ${accepted}`);
  }
}
