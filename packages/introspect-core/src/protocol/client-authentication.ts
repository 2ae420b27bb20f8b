import { checkedOptions, credential, credentialProblem, optionsObject } from '../options.js';

/** How this client proves itself to the introspection endpoint (RFC 7662 §2.1). Exactly one is used for a request. */
export interface ClientAuthentication {
  readonly clientId: string;
  /** `true`: a client without `issuer` is refused at construction. */
  readonly needsIssuer?: boolean;
  /** Adds the credentials to a request's header fields (lower-case names) or form. */
  apply(request: AuthenticatedRequest, context: ClientAuthenticationContext): void | Promise<void>;
}

/** The part of a request that a {@link ClientAuthentication} may add to. */
export interface AuthenticatedRequest {
  headers: Record<string, string>;
  body: URLSearchParams;
}

export interface ClientAuthenticationContext {
  issuer?: string;
  /** The URL that is asked. */
  endpoint: string;
  /** `true` when the server has just refused these credentials and the request is made once more. */
  afterRefusal: boolean;
}

/**
 * A fixed secret, or a function that returns the current secret. The function is called for each request that needs the
 * secret. If it returns `''`, `"undefined"` or anything but a string, that request fails with an UnavailableError.
 */
export type ClientSecret = string | (() => string | Promise<string>);

export interface ClientSecretOptions {
  /** May be read from the environment: `undefined`, `''` or `"undefined"` throws a TypeError. */
  clientId: string | undefined;
  /** May be read from the environment: `undefined`, `''` or `"undefined"` throws a TypeError. */
  clientSecret: ClientSecret | undefined;
}

/**
 * `client_secret_basic`: id and secret in the `Authorization` field (RFC 6749 §2.3.1).
 *
 * @throws TypeError naming the option, when id or secret is empty, undefined, `"undefined"` or has a lone surrogate, or
 * when there is an unknown option
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
  const authorization = basicCredentials(clientId, clientSecret);
  const authentication: ClientAuthentication = Object.freeze({
    clientId,
    apply({ headers }: AuthenticatedRequest) {
      headers.authorization = authorization;
    },
  });
  fixedAuthorizations.set(authentication, authorization);
  return authentication;
}

const fixedAuthorizations = new WeakMap<ClientAuthentication, string>();

/** The `Authorization` field of credentials that are the same for every request: nothing need be awaited for it. */
export function fixedAuthorization(authentication: ClientAuthentication): string | undefined {
  return fixedAuthorizations.get(authentication);
}

/**
 * `client_secret_post`: id and secret in the form (RFC 6749 §2.3.1). For servers that do not take Basic.
 *
 * @throws TypeError naming the option, when id or secret is empty, undefined, `"undefined"` or has a lone surrogate, or
 * when there is an unknown option
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

/**
 * The value of an `Authorization` field: `"Basic " + base64(formEncode(id) + ":" + formEncode(secret))`
 * (RFC 6749 §2.3.1). The encoding is `application/x-www-form-urlencoded` of the UTF-8 bytes; nothing is trimmed
 * or normalised. An empty secret is allowed.
 *
 * @throws TypeError when the id is empty or either has a lone surrogate
 */
export function basicCredentials(clientId: string, clientSecret: string): string {
  refuse('clientId', clientIdProblem(clientId));
  refuse('clientSecret', secretProblem(clientSecret));
  return `Basic ${btoa(`${formEncode(clientId)}:${formEncode(clientSecret)}`)}`;
}

/** As `application/x-www-form-urlencoded` has it. */
export function formEncode(value: string): string {
  return /^[\w.*-]*$/.test(value) ? value : new URLSearchParams([['', value]]).toString().slice(1);
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
  refuse('clientSecret', credentialProblem(secret) ?? secretProblem(secret));
  return secret;
}

function clientIdProblem(given: unknown): string | undefined {
  if (typeof given === 'string' && given !== '') return encodingProblem(given);
  return 'must be a string that is not empty: copy it from the authorization server';
}

function secretProblem(given: unknown): string | undefined {
  return typeof given === 'string' ? encodingProblem(given) : 'must be a string, or a function that returns one';
}

/** A lone surrogate has no UTF-8: form encoding would silently send another secret. */
function encodingProblem(given: string): string | undefined {
  return given.isWellFormed() ? undefined : 'has a lone surrogate: it is no valid text, copy it again';
}

function refuse(name: string, problem: string | undefined): void {
  if (problem !== undefined) throw new TypeError(`"${name}" ${problem}`);
}
