import * as v from 'valibot';
import { checkedOptions, optionsObject, textWithout } from '../options.js';
import { type ClientAuthentication, clientIdProblem } from '../protocol/client-authentication.js';

/** The options of {@link noClientAuthentication}. */
export interface NoClientAuthenticationOptions {
  /**
   * A name for this API. It is not sent: the cache separates responses by it.
   *
   * @default "anonymous"
   */
  clientId?: string;
}

/**
 * Returns a client authentication that sends no credentials, for servers that require none, such as Ory Hydra's admin API
 * and Dex. Use it only if nobody else can reach that endpoint: RFC 7662 §2.1 requires authorization.
 *
 * @throws TypeError that names the option
 */
export function noClientAuthentication(options: NoClientAuthenticationOptions = {}): ClientAuthentication {
  const { clientId } = checkedOptions('noClientAuthentication', schema, options);
  return Object.freeze({ clientId, apply() {} });
}

const schema = optionsObject({ clientId: v.optional(textWithout(clientIdProblem), 'anonymous') });
