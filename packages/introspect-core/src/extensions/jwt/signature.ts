/** Verifies the signature of a JWT with a set of keys. */
import { type CompactVerifyGetKey, compactVerify, createLocalJWKSet, errors, type JSONWebKeySet, type JWK } from 'jose';
import type { Jwt } from './jwt.js';

/** The keys of a JWK Set (RFC 7517 §5) that are not for encryption. */
export type KeySet = readonly VerificationKey[];

/**
 * The result of verifying a signature:
 * - `good`: a key of the set made it
 * - `bad`: no key of the set made it
 * - `unsupported`: the header has a `crit` that is not supported, so the JWT is invalid (RFC 7515 §4.1.11)
 * - `unknown_key`: the set has no key with this `kid`
 * - `unusable_key`: jose or this runtime does not support the key or the `alg`, so the signature is not verified
 */
export type SignatureResult = 'good' | 'bad' | 'unsupported' | 'unknown_key' | 'unusable_key';

interface VerificationKey {
  readonly kid: string | undefined;
  /** Returns the key for an algorithm that it can be used with, and throws for any other. */
  readonly find: CompactVerifyGetKey;
  /** Whether the key can be used with at least one algorithm. */
  readonly isUsable: boolean;
}

/** Two names of one algorithm (RFC 9864 §2.2): a key with one name verifies both. */
const edwards: readonly string[] = ['EdDSA', 'Ed25519'];
/**
 * The algorithms that need a private key (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2). Other algorithms are verified only
 * if the installed jose and the runtime support them.
 */
export const asymmetricAlgorithms: readonly string[] = [
  ...['RS', 'PS', 'ES'].flatMap((family) => ['256', '384', '512'].map((bits) => family + bits)),
  ...edwards,
];

/** Reads a JWK Set. A key that cannot be used stays in the set, so that its `kid` is known. */
export function readKeySet(keySet: Readonly<Record<string, unknown>>): Promise<KeySet> {
  const { keys } = keySet as unknown as JSONWebKeySet;
  return Promise.all(keys.filter(({ use }) => use !== 'enc').map(verificationKey));
}

/** Verifies a signature with the key that `kid` names, or with each key if it names none. Checks no claim. */
export async function verifySignature(jwt: Jwt, keySet: KeySet): Promise<SignatureResult> {
  const results = new Set<SignatureResult>();
  for (const key of keySet) {
    if (jwt.kid === undefined || jwt.kid === key.kid) results.add(await verifyWithKey(jwt, key));
    if (results.has('good')) return 'good';
  }
  const byWeight = ['unusable_key', 'unsupported', 'bad'] as const;
  return byWeight.find((result) => results.has(result)) ?? 'unknown_key';
}

async function verificationKey(jwk: JWK): Promise<VerificationKey> {
  const { alg, ...rest } = jwk;
  // The curve decides: without `alg` the key is found under both names.
  const find = createLocalJWKSet({ keys: [edwards.some((name) => name === alg) ? rest : jwk] });
  const uses = asymmetricAlgorithms.map((algorithm) => find({ alg: algorithm }));
  const isUsable = (await Promise.allSettled(uses)).some(({ status }) => status === 'fulfilled');
  return { kid: jwk.kid, find, isUsable };
}

async function verifyWithKey({ token, alg }: Jwt, { find, isUsable }: VerificationKey): Promise<SignatureResult> {
  let isCritSupported = false;
  try {
    await compactVerify(token, (...header) => {
      isCritSupported = true; // jose calls this only after it has accepted "crit"
      return find(...header);
    });
    return 'good';
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWSInvalid) return 'bad';
    if (error instanceof errors.JOSENotSupported && !isCritSupported) return 'unsupported';
    const isOfOtherKey = error instanceof errors.JWKSNoMatchingKey && isUsable;
    return isOfOtherKey && asymmetricAlgorithms.some((algorithm) => algorithm === alg) ? 'bad' : 'unusable_key';
  }
}
