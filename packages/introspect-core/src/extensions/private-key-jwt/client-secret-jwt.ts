/** `client_secret_jwt` (OpenID Connect Core §9): an API authenticates with an assertion that its secret has signed. */
import type { ClientAuthentication } from '@acme/introspect-core';
import * as v from 'valibot';
import { checkedOptions, optionsObject } from '../../options.js';
import { type AssertionOptions, assertionEntries, text } from './assertion-options.js';
import { clientAssertion } from './client-assertion.js';
import { type SecretSource, signerBySecret } from './signer.js';

export type { AssertionOptions } from './assertion-options.js';

/** The options of {@link clientSecretJwt}. */
export interface ClientSecretJwtOptions extends AssertionOptions {
  /**
   * The client id of this API. May be read from the environment: `undefined`, `''` or `"undefined"` throws a TypeError.
   */
  clientId: string | undefined;
  /**
   * The client secret, or a function that returns it. The function is called for each assertion, so the secret can
   * rotate. A fixed secret may be read from the environment: `undefined`, `''` or `"undefined"` throws a TypeError.
   */
  clientSecret: SecretSource | undefined;
}

const owner = 'clientSecretJwt';
const schema = optionsObject({
  clientId: text,
  clientSecret: v.lazy((given) =>
    typeof given === 'function' ? v.custom<SecretSource>(() => true) : (text as v.GenericSchema<unknown, SecretSource>),
  ),
  ...assertionEntries(0),
});

/**
 * Returns a client authentication that sends an assertion signed with the client secret by HS256, whose audience is the
 * issuer. So the client needs the option `issuer`. The secret itself is not sent.
 *
 * It does not check the length of the secret. HS256 requires at least 32 bytes (RFC 7518 §3.2), and many servers reject
 * a shorter one.
 *
 * @example
 * ```ts
 * const clientAuthentication = clientSecretJwt({ clientId: 'api', clientSecret: process.env.CLIENT_SECRET });
 * const authorizer = new Authorizer({ issuer, clientAuthentication });
 * ```
 * @throws TypeError naming the option, never with a part of the secret
 */
export function clientSecretJwt(options: ClientSecretJwtOptions): ClientAuthentication {
  const { clientId, clientSecret, ...settings } = checkedOptions(owner, schema, options);
  return clientAssertion({ clientId, sign: signerBySecret(clientSecret), ...settings });
}
