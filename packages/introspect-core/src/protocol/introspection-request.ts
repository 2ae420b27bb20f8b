import { isIntrospectionError, UnavailableError } from '../errors/errors.js';
import {
  type ClientAuthentication,
  type ClientAuthenticationContext,
  fixedAuthorization,
  formEncode,
} from './client-authentication.js';

/** Everything that an answer depends on, besides the token. */
export interface ResponseInputs {
  issuer?: string | undefined;
  endpoint?: string | undefined;
  clientId: string;
  parameters: Readonly<Record<string, string>>;
  headers: Readonly<Record<string, string>>;
  tokenTypeHint: string | null;
}

/** What every request of a client has in common. */
export interface IntrospectionRequestSettings {
  issuer?: string | undefined;
  clientAuthentication: ClientAuthentication;
  /** `null` sends none. */
  tokenTypeHint: string | null;
  parameters: Readonly<Record<string, string>>;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
}

/** An introspection request, ready to be sent. */
export interface IntrospectionRequest {
  url: string;
  method: 'POST';
  headers: Readonly<Record<string, string>>;
  body: string;
}

/** Makes the introspection request (RFC 7662 §2.1) about a token; at once where the credentials are fixed. */
export type IntrospectionRequests = (
  token: string,
  context: { endpoint: string; afterRejection: boolean },
) => IntrospectionRequest | Promise<IntrospectionRequest>;

/**
 * Prepares what the requests of a client have in common.
 *
 * What it gives throws an UnavailableError when the credentials cannot be had.
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

/** Whether two requests about one token prove this API in the same way. */
export function hasSameCredentials(one: IntrospectionRequest, other: IntrospectionRequest): boolean {
  return one.headers.authorization === other.headers.authorization && one.body === other.body;
}

/** Where a secret is fetched, its source may fail too. What it threw may hold the secret, so it is not kept. */
async function authenticate(
  clientAuthentication: ClientAuthentication,
  request: { headers: Record<string, string>; body: URLSearchParams },
  context: ClientAuthenticationContext,
): Promise<void> {
  try {
    await clientAuthentication.apply(request, context);
  } catch (fault) {
    if (isIntrospectionError(fault)) throw fault;
    throw new UnavailableError(
      `This API's own credentials could not be had, so ${new URL(context.endpoint).origin} was not asked: ` +
        'the "clientSecret" function or "clientAuthentication" failed, or gave no secret',
    );
  }
}
