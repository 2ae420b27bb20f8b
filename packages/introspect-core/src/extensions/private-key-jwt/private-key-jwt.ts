/** `private_key_jwt` (OpenID Connect Core §9, RFC 7523 §2.2): an API authenticates with a key instead of a secret. */
import type { ClientAuthentication } from '@acme/introspect-core';
import { clientAssertion } from './client-assertion.js';
import {
  type KeyJsonOptions,
  type PrivateKeyOptions,
  privateKeySettings,
  type SignerOptions,
} from './private-key-options.js';

export type { AssertionOptions } from './assertion-options.js';
export type { KeyJson } from './key-json.js';
export type { KeyAlgorithm } from './key-problem.js';
export type { KeyJsonOptions, PrivateKeyOptions, SignerOptions } from './private-key-options.js';

/**
 * Returns a client authentication that sends a signed assertion (RFC 7523 §2.2), whose audience is the issuer. So the
 * client needs the option `issuer`. The form also has the `client_id`, because some servers require it.
 *
 * A key of another kind than its algorithm needs, or an RSA key of less than 2048 bits, throws a TypeError. The key is
 * imported when it is first used. If this runtime cannot use it, each request fails with an UnavailableError that says
 * so.
 *
 * @example
 * ```ts
 * const clientAuthentication = privateKeyJwt({ keyJson: process.env.KEY_JSON });
 * const authorizer = new Authorizer({ issuer, clientAuthentication });
 * ```
 * @throws TypeError naming the option, never with a part of the key
 */
export function privateKeyJwt(options: KeyJsonOptions | PrivateKeyOptions | SignerOptions): ClientAuthentication {
  return clientAssertion(privateKeySettings(options));
}
