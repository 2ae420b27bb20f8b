/** Signs client assertions, with a key in this process or with a function. */
import { base64url, importPKCS8, SignJWT } from 'jose';
import { pkcs8Of } from './pem.js';

/** The algorithms of assertions (RFC 7518 §3.1, RFC 8037 §3.1). */
export type KeyAlgorithm = 'RS256' | 'PS256' | 'ES256' | 'EdDSA';

type Claims = Readonly<Record<string, string | number>>;

/** Returns a signed JWT with these claims. */
export type SignClaims = (claims: Claims) => Promise<string>;

/** How the header names the key (RFC 7515 §4.1). */
interface KeyName {
  readonly keyId: string;
  readonly algorithm: KeyAlgorithm;
}

/**
 * Returns a signer with a key in PEM, which it imports once, at first use. Whether the key fits its algorithm is not
 * checked before that.
 *
 * @param option the option that holds the key, for error messages
 * @throws TypeError naming the option
 */
export function signerByKey(pem: string, { keyId, algorithm, option }: KeyName & { option: string }): SignClaims {
  const pkcs8 = pkcs8Of(pem, option);
  // Not a promise: on workerd, requests cannot share one.
  let key: CryptoKey | undefined;
  return async (claims) => {
    key ??= await importPKCS8(pkcs8, algorithm);
    return new SignJWT(claims).setProtectedHeader(headerOf({ keyId, algorithm })).sign(key);
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

function headerOf({ keyId, algorithm }: KeyName) {
  return { typ: 'client-authentication+jwt', alg: algorithm, kid: keyId };
}
