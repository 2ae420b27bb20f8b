import { checkedOptions, credential, credentialProblem, optionsObject } from '../options.js';
import {
  basicCredentials,
  type ClientAuthentication,
  clientIdProblem,
  fixedAuthentication,
  rejectSecret,
  secretProblem,
} from '../protocol/client-authentication.js';

/**
 * A fixed secret, or a function that returns the current secret. The function is called for each request. If it throws
 * or returns `''`, `"undefined"` or anything but a string, that request fails with an UnavailableError.
 */
export type ClientSecret = string | (() => string | Promise<string>);

/** The options of {@link clientSecretBasic} and {@link clientSecretPost}. */
export interface ClientSecretOptions {
  /**
   * The client id of this API. May be read from the environment: `undefined`, `''` or `"undefined"` throws a TypeError.
   */
  clientId: string | undefined;
  /**
   * The client secret, or a function that returns it. May be read from the environment: `undefined`, `''` or
   * `"undefined"` throws a TypeError.
   */
  clientSecret: ClientSecret | undefined;
}

/**
 * Authenticates with `client_secret_basic`: id and secret in the `Authorization` field (RFC 6749 §2.3.1).
 *
 * @throws TypeError that names the option: id or secret is empty, undefined, `"undefined"` or has a lone surrogate, or
 * an option is unknown
 */
export function clientSecretBasic(options: ClientSecretOptions): ClientAuthentication {
  const { clientId, clientSecret } = checkedSecretOptions('clientSecretBasic', options);
  if (typeof clientSecret === 'function') {
    return {
      clientId,
      async apply({ headers }) {
        headers.authorization = basicCredentials(clientId, await currentSecret(clientSecret));
      },
    };
  }
  return fixedAuthentication(clientId, basicCredentials(clientId, clientSecret));
}

/**
 * Authenticates with `client_secret_post`: id and secret in the form (RFC 6749 §2.3.1). For servers that do not accept
 * Basic.
 *
 * @example
 * ```ts
 * const clientAuthentication = clientSecretPost({ clientId: 'api', clientSecret: process.env.CLIENT_SECRET });
 * const authorizer = new Authorizer({ issuer, clientAuthentication });
 * ```
 * @throws TypeError that names the option: id or secret is empty, undefined, `"undefined"` or has a lone surrogate, or
 * an option is unknown
 */
export function clientSecretPost(options: ClientSecretOptions): ClientAuthentication {
  const { clientId, clientSecret } = checkedSecretOptions('clientSecretPost', options);
  return {
    clientId,
    async apply({ body }) {
      const secret = await currentSecret(clientSecret);
      body.append('client_id', clientId);
      body.append('client_secret', secret);
    },
  };
}

const secretOptions = optionsObject({
  clientId: credential<string>(clientIdProblem),
  clientSecret: credential<ClientSecret>((given) => (typeof given === 'function' ? undefined : secretProblem(given))),
});

function checkedSecretOptions(owner: string, options: ClientSecretOptions) {
  const { clientId, clientSecret } = checkedOptions(owner, secretOptions, options ?? {});
  if (clientId === undefined) throw new TypeError(`${owner}: "clientId" ${clientIdProblem(clientId)}`);
  if (clientSecret === undefined) throw new TypeError(`${owner}: "clientSecret" ${secretProblem(clientSecret)}`);
  return { clientId, clientSecret };
}

/** Returns the current secret. An invalid secret from a function fails only the request that needed it. */
async function currentSecret(clientSecret: ClientSecret): Promise<string> {
  if (typeof clientSecret === 'string') return clientSecret;
  const secret = await clientSecret();
  rejectSecret('clientSecret', credentialProblem(secret) ?? secretProblem(secret));
  return secret;
}
