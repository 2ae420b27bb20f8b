/** Signs client assertions: with a key in this process, with a function, or with a secret. */
import { UnavailableError } from '@acme/introspect-core';
import { base64url, importPKCS8, SignJWT } from 'jose';
import { credentialProblem } from '../../options.js';
import { type KeyAlgorithm, keyProblem } from './key-problem.js';
import { optionError } from './option-error.js';
import { pemOf, pkcs8Of } from './pem.js';

type Claims = Readonly<Record<string, string | number>>;

/** Returns a signed JWT with these claims. */
export type SignClaims = (claims: Claims) => Promise<string>;

/** How the header names the key (RFC 7515 §4.1). */
interface KeyName {
  readonly keyId: string;
  readonly algorithm: KeyAlgorithm;
}

/**
 * Returns a signer with a key in PEM, which it imports once, at first use.
 *
 * If this runtime cannot use the key, the signer rejects with an UnavailableError that says so. It is not retried.
 *
 * @param option the option that holds the key, for error messages
 * @throws TypeError naming the option, if the kind or size of the key does not fit the algorithm
 */
export function signerByKey(pem: string, { keyId, algorithm, option }: KeyName & { option: string }): SignClaims {
  const pkcs8 = pkcs8Of(pem, option);
  const problem = keyProblem(pkcs8, algorithm);
  if (problem !== undefined) throw optionError(`"${option}" ${problem}`);
  // Not a promise: on workerd, requests cannot share one.
  let key: CryptoKey | undefined;
  return async (claims) => {
    try {
      key ??= await importPKCS8(pemOf(pkcs8), algorithm);
      return await new SignJWT(claims).setProtectedHeader(headerOf({ keyId, algorithm })).sign(key);
    } catch {
      throw new UnavailableError(
        `The key in "${option}" of privateKeyJwt cannot sign with ${algorithm}, so no request was sent: ` +
          'it is damaged, or this runtime does not support it. Create a new key',
      );
    }
  };
}

/** Returns a signer with a function that signs bytes. */
export function signerByFunction(sign: (input: Uint8Array) => Promise<Uint8Array>, keyName: KeyName): SignClaims {
  return async (claims) => {
    const parts = [headerOf(keyName), claims].map((part) => base64url.encode(JSON.stringify(part)));
    const input = parts.join('.');
    return `${input}.${base64url.encode(await sign(new TextEncoder().encode(input)))}`;
  };
}

/** A secret, or a function that returns the current one. */
export type SecretSource = string | (() => string | Promise<string>);

/** Returns a signer with a client secret, by HS256 (RFC 7518 §3.2). */
export function signerBySecret(source: SecretSource): SignClaims {
  return async (claims) => {
    const secret: unknown = typeof source === 'function' ? await source() : source;
    if (typeof secret !== 'string' || credentialProblem(secret) !== undefined) {
      throw new TypeError('clientSecretJwt: the function "clientSecret" returned no secret');
    }
    return new SignJWT(claims)
      .setProtectedHeader({ typ: assertionTyp, alg: 'HS256' })
      .sign(new TextEncoder().encode(secret));
  };
}

const assertionTyp = 'client-authentication+jwt';

function headerOf({ keyId, algorithm }: KeyName) {
  return { typ: assertionTyp, alg: algorithm, kid: keyId };
}
