/** The options of `privateKeyJwt`. */
import * as v from 'valibot';
import { checkedOptions, optionsObject } from '../../options.js';
import { type AssertionOptions, assertionEntries, text } from './assertion-options.js';
import type { AssertionSettings } from './client-assertion.js';
import { type KeyJson, readKeyJson } from './key-json.js';
import type { KeyAlgorithm } from './key-problem.js';
import { optionError } from './option-error.js';
import { signerByFunction, signerByKey } from './signer.js';

/** The options of `privateKeyJwt` for the key file of an application, as ZITADEL creates it. */
export interface KeyJsonOptions extends AssertionOptions {
  /** The content of the key file: the object, or its JSON. `undefined`, `''` or `"undefined"` throws a TypeError. */
  keyJson: KeyJson | string | undefined;
}

/** The options of `privateKeyJwt` for a private key. */
export interface PrivateKeyOptions extends AssertionOptions {
  /**
   * The client id of this API. May be read from the environment: `undefined`, `''` or `"undefined"` throws a TypeError.
   */
  clientId: string | undefined;
  /** The id of the key at the server, sent as `kid` (RFC 7515 §4.1.4). */
  keyId: string;
  /** The algorithm of the signature. It must fit the key. */
  algorithm: KeyAlgorithm;
  /** The private key as PEM: PKCS#8, or PKCS#1 for RSA. */
  privateKey: string;
}

/** The options of `privateKeyJwt` for a function that signs, such as with a key that does not leave a KMS. */
export interface SignerOptions extends AssertionOptions {
  /**
   * The client id of this API. May be read from the environment: `undefined`, `''` or `"undefined"` throws a TypeError.
   */
  clientId: string | undefined;
  /** The id of the key at the server, sent as `kid` (RFC 7515 §4.1.4). */
  keyId: string;
  /** The algorithm of the signature. It must fit the key. */
  algorithm: KeyAlgorithm;
  /** Returns the JWS signature (RFC 7518 §3) of these bytes. */
  sign: (input: Uint8Array) => Promise<Uint8Array>;
}

const owner = 'privateKeyJwt';
const algorithms: readonly KeyAlgorithm[] = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const keyJsonReuseSeconds = 180;

const algorithmMessage = `must be one of ${algorithms.join(', ')}`;
const isFunction = (value: unknown) => typeof value === 'function';

const keyEntries = {
  clientId: text,
  keyId: text,
  algorithm: v.optional(v.pipe(v.string(algorithmMessage), v.picklist(algorithms, algorithmMessage)), ''),
};
const keyJsonOptions = optionsObject({ keyJson: v.unknown(), ...assertionEntries(keyJsonReuseSeconds) });
const privateKeyOptions = optionsObject({ ...keyEntries, privateKey: text, ...assertionEntries(0) });
const signerOptions = optionsObject({
  ...keyEntries,
  sign: v.custom<SignerOptions['sign']>(isFunction, 'must be a function'),
  ...assertionEntries(0),
});

/**
 * Checks the options, and creates the signer that they describe.
 *
 * @throws TypeError naming the option, never with a part of the key
 */
export function privateKeySettings(options: unknown): AssertionSettings {
  const sources = ['keyJson', 'sign', 'privateKey'].filter((name) => name in Object(options));
  if (sources.length > 1) throw optionError(`use either "${sources[0]}" or "${sources[1]}", not both`);
  if (sources[0] === 'keyJson') {
    const { keyJson, ...rest } = checkedOptions(owner, keyJsonOptions, options);
    const { clientId, keyId, key } = readKeyJson(keyJson);
    return { clientId, sign: signerByKey(key, { keyId, algorithm: 'RS256', option: 'keyJson' }), ...rest };
  }
  if (sources[0] === 'sign') {
    const { keyId, algorithm, sign, ...rest } = checkedOptions(owner, signerOptions, options);
    return { sign: signerByFunction(sign, { keyId, algorithm }), ...rest };
  }
  const { keyId, algorithm, privateKey, ...rest } = checkedOptions(owner, privateKeyOptions, options);
  return { sign: signerByKey(privateKey, { keyId, algorithm, option: 'privateKey' }), ...rest };
}
