import * as v from 'valibot';
import { checkedOptions, credential, credentialProblem, optionsObject } from '../options.js';
import {
  type BasicEncoding,
  basicCredentials,
  rawBasicCredentials,
  withBasicEncoding,
} from '../protocol/basic-credentials.js';
import {
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

/** The options of {@link clientSecretPost}. */
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

/** The options of {@link clientSecretBasic}. */
export interface ClientSecretBasicOptions extends ClientSecretOptions {
  /**
   * How id and secret are encoded before base64. `'form'` is what RFC 6749 §2.3.1 requires. `'raw'` sends them as they
   * are, for servers that do not form-decode, such as glewlwyd, Authlib and canaille. The id must not have a colon then.
   *
   * Both send the same if id and secret have only letters, digits and `.`, `_`, `*`, `-`.
   *
   * @default "form"
   */
  encoding?: BasicEncoding;
}

/**
 * Returns a client authentication that sends id and secret in the `Authorization` field: `client_secret_basic`
 * (RFC 6749 §2.3.1). `clientId` and `clientSecret` of a client do the same, with the encoding `form`.
 *
 * @throws TypeError that names the option: id or secret is empty, undefined, `"undefined"` or has a lone surrogate, or
 * an option is unknown
 */
export function clientSecretBasic(options: ClientSecretBasicOptions): ClientAuthentication {
  const owner = 'clientSecretBasic';
  const { encoding, ...credentials } = checkedOptions(owner, basicOptions, options ?? {});
  const { clientId, clientSecret } = requiredSecretOptions(owner, credentials);
  if (encoding === 'raw' && clientId.includes(':')) {
    throw new TypeError(`${owner}: "clientId" must not have a colon with "encoding": "raw" (RFC 7617 §2)`);
  }
  const credentialsOf = encoding === 'raw' ? rawBasicCredentials : basicCredentials;
  if (typeof clientSecret === 'string') {
    return withBasicEncoding(fixedAuthentication(clientId, credentialsOf(clientId, clientSecret)), encoding);
  }
  const authentication: ClientAuthentication = {
    clientId,
    async apply({ headers }) {
      headers.authorization = credentialsOf(clientId, await currentSecret(clientSecret));
    },
  };
  return withBasicEncoding(authentication, encoding);
}

/**
 * Returns a client authentication that sends id and secret in the form: `client_secret_post` (RFC 6749 §2.3.1). Use it
 * for servers that do not accept Basic.
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
  const owner = 'clientSecretPost';
  const { clientId, clientSecret } = requiredSecretOptions(owner, checkedOptions(owner, postOptions, options ?? {}));
  return {
    clientId,
    async apply({ body }) {
      const secret = await currentSecret(clientSecret);
      body.append('client_id', clientId);
      body.append('client_secret', secret);
    },
  };
}

const secretEntries = {
  clientId: credential<string>(clientIdProblem),
  clientSecret: credential<ClientSecret>((given) => (typeof given === 'function' ? undefined : secretProblem(given))),
};
const postOptions = optionsObject(secretEntries);
const basicOptions = optionsObject({
  ...secretEntries,
  encoding: v.optional(v.picklist(['form', 'raw'], 'must be "form" or "raw"'), 'form'),
});

function requiredSecretOptions(
  owner: string,
  { clientId, clientSecret }: { clientId?: string; clientSecret?: ClientSecret },
) {
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
