import { isIntrospectionError, UnavailableError } from '../errors/errors.js';
import { formEncode } from './basic-credentials.js';
import {
  type ClientAuthentication,
  type ClientAuthenticationContext,
  fixedAuthorization,
} from './client-authentication.js';

/** Everything that a response depends on, except the token. A shared cache must not mix responses with different inputs. */
export interface ResponseInputs {
  issuer?: string | undefined;
  endpoint?: string | undefined;
  clientId: string;
  parameters: Readonly<Record<string, string>>;
  headers: Readonly<Record<string, string>>;
  tokenTypeHint: string | null;
}

/** What all requests of a client have in common. */
export interface IntrospectionRequestSettings {
  issuer?: string | undefined;
  clientAuthentication: ClientAuthentication;
  /** `null` sends no hint. */
  tokenTypeHint: string | null;
  parameters: Readonly<Record<string, string>>;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
}

/** An introspection request, ready to be sent. */
export interface IntrospectionRequest {
  url: string;
  method: 'POST';
  headers: Readonly<Record<string, string>>;
  body: string;
}

/** Returns the introspection request (RFC 7662 §2.1) for a token: synchronously if the credentials are fixed. */
export type IntrospectionRequests = (
  token: string,
  context: { endpoint: string; afterRejection: boolean },
) => IntrospectionRequest | Promise<IntrospectionRequest>;

/**
 * Returns a function that makes the requests of a client. The parts that all requests share are made only once.
 *
 * The returned function rejects with an UnavailableError if the credentials cannot be fetched.
 */
export function introspectionRequests(settings: IntrospectionRequestSettings): IntrospectionRequests {
  const { issuer, clientAuthentication, tokenTypeHint, parameters } = settings;
  const hint: [string, string][] = tokenTypeHint === null ? [] : [['token_type_hint', tokenTypeHint]];
  const form = [...hint, ...Object.entries(parameters)];
  const common = {
    ...settings.headers,
    accept: 'application/json',
    'content-type': 'application/x-www-form-urlencoded', // a URLSearchParams body would add a charset
  };
  const authorization = fixedAuthorization(clientAuthentication);
  if (authorization !== undefined) {
    const headers = Object.freeze({ ...common, authorization });
    const afterToken = form.map(([name, value]) => `&${formEncode(name)}=${formEncode(value)}`).join('');
    return (token, { endpoint: url }) => ({
      url,
      method: 'POST',
      headers,
      body: `token=${formEncode(token)}${afterToken}`,
    });
  }
  return async (token, { endpoint, afterRejection }) => {
    const headers = { ...common };
    const body = new URLSearchParams([['token', token], ...form]);
    const context = { ...(issuer !== undefined && { issuer }), endpoint, afterRejection };
    await authenticate(clientAuthentication, { headers, body }, context);
    return { url: endpoint, method: 'POST', headers, body: body.toString() };
  };
}

/** Returns whether two requests for one token have the same credentials. */
export function hasSameCredentials(one: IntrospectionRequest, other: IntrospectionRequest): boolean {
  return one.headers.authorization === other.headers.authorization && one.body === other.body;
}

/** Adds the credentials. The error of their source may hold the secret, so it is not passed on. */
async function authenticate(
  clientAuthentication: ClientAuthentication,
  request: { headers: Record<string, string>; body: URLSearchParams },
  context: ClientAuthenticationContext,
): Promise<void> {
  try {
    await clientAuthentication.apply(request, context);
  } catch (error) {
    if (isIntrospectionError(error)) throw error;
    throw new UnavailableError(
      `Could not get this API's own credentials, so no request was sent to ${new URL(context.endpoint).origin}: ` +
        'the "clientSecret" function or "clientAuthentication" failed, or returned no secret',
    );
  }
}
