import { checkedOptions, credential, credentialProblem, optionsObject } from '../options.js';
import {
  type ClientAuthentication,
  clientIdProblem,
  fixedAuthentication,
  rejectSecret,
} from '../protocol/client-authentication.js';

/** The options of {@link bearerAuthentication}. */
export interface BearerAuthenticationOptions {
  /**
   * The client id of this API. It is not sent: the cache separates responses by it. `undefined`, `''` or
   * `"undefined"` throws a TypeError.
   */
  clientId: string | undefined;
  /**
   * The token that authorizes introspection, or a function that returns it. The function is called for each request, so
   * the token can be renewed. If it throws or returns an invalid token, that request fails with an UnavailableError.
   */
  token: string | (() => string | Promise<string>) | undefined;
}

/**
 * Returns a client authentication that sends a bearer token of this API (RFC 7662 §2.1): an access token with the right to
 * introspect, or an API key. Does not get or renew the token.
 *
 * @example
 * ```ts
 * const clientAuthentication = bearerAuthentication({ clientId: 'api', token: process.env.API_KEY });
 * const authorizer = new Authorizer({ introspectionEndpoint, clientAuthentication });
 * ```
 * @throws TypeError that names the option
 */
export function bearerAuthentication(options: BearerAuthenticationOptions): ClientAuthentication {
  const { clientId, token } = checkedOptions('bearerAuthentication', schema, options ?? {});
  if (clientId === undefined) throw new TypeError(`bearerAuthentication: "clientId" ${clientIdProblem(clientId)}`);
  if (token === undefined) throw new TypeError(`bearerAuthentication: "token" ${tokenProblem(token)}`);
  if (typeof token === 'string') return fixedAuthentication(clientId, `Bearer ${token}`);
  return {
    clientId,
    async apply({ headers }) {
      const current = await token();
      rejectSecret('token', tokenProblem(current));
      headers.authorization = `Bearer ${current}`;
    },
  };
}

const schema = optionsObject({
  clientId: credential<string>(clientIdProblem),
  token: credential<string | (() => string | Promise<string>)>((given) =>
    typeof given === 'function' ? undefined : tokenProblem(given),
  ),
});

function tokenProblem(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'must be a string, or a function that returns one';
  const unset = credentialProblem(value);
  if (unset !== undefined || /^[\w.~+/-]+=*$/.test(value)) return unset;
  return 'must be a bearer token (RFC 6750 §2.1), without the word "Bearer" and without white space';
}
