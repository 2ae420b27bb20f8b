import {
  type ClientAuthentication,
  type IntrospectionClient,
  isAuthorizationError,
  isIntrospectionError,
} from '@acme/introspect-core';
import { curl, urlOf } from './curl.js';

/** One step of the tour. */
export interface Step {
  title: string;
  /** The request, for the reader's own terminal. */
  curl: string;
  /** What the server sent, as status and body. */
  response: string;
  /** What the SDK does with the same request. Absent if an API does not send such a request. */
  sdk?: { code: string; outcome: Outcome };
  /** Says who sends the request, if it is not an API. */
  note?: string;
}

export type Outcome = { returned: unknown } | { threw: Error };

/** An authorization server, and how this API authenticates there. */
export interface TourServer {
  issuer: string;
  introspectionEndpoint: string;
  /** An endpoint where no server listens. */
  downEndpoint: string;
  credentials: Credentials;
  wrongCredentials: Credentials;
}

/** One way to authenticate, for the client and for curl. */
export interface Credentials {
  authentication: ClientAuthentication;
  /** Options of curl. */
  curl: readonly string[];
}

/** The clients of the tour are made by this function, so that each step shows one. */
export type ClientOf = (authentication: ClientAuthentication, introspectionEndpoint?: string) => IntrospectionClient;

/**
 * Reads the server's metadata.
 *
 * @throws Error if it names no introspection endpoint. The tour has nothing to show then
 */
export async function introspectionEndpointOf(issuer: string): Promise<string> {
  const url = metadataUrl(issuer);
  const metadata = await fetch(url, { signal: AbortSignal.timeout(5000), redirect: 'manual' })
    .then((response): Promise<{ introspection_endpoint?: string }> => response.json())
    .catch(() => ({}) as { introspection_endpoint?: string });
  if (metadata.introspection_endpoint) return metadata.introspection_endpoint;
  throw new Error(`${url} names no introspection_endpoint: is the issuer right, and reachable from here?`);
}

const metadataUrl = (issuer: string) => `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;

/** Shows where the server says that its introspection endpoint is. */
export async function discovery({ issuer, introspectionEndpoint }: TourServer): Promise<Step> {
  return {
    title: 'The server publishes the address of its introspection endpoint',
    curl: curl(urlOf(metadataUrl(issuer), issuer)),
    response: await responseText(metadataUrl(issuer)),
    sdk: {
      code: 'new IntrospectionClient({ issuer, … })   // its first request reads this document',
      outcome: { returned: { introspection_endpoint: introspectionEndpoint } },
    },
  };
}

/** Introspects a token. `value` is what curl sends: the token, or a shell variable that contains it. */
export async function introspection(
  title: string,
  { issuer, introspectionEndpoint, credentials }: TourServer,
  clientOf: ClientOf,
  [token, value]: readonly [token: string, value: string],
): Promise<Step> {
  return {
    title,
    curl: introspectionCurl(urlOf(introspectionEndpoint, issuer), credentials, value),
    response: await introspectionResponse(issuer, introspectionEndpoint, credentials, token),
    sdk: {
      code: 'await client.introspect(token)',
      outcome: await outcomeOf(clientOf(credentials.authentication), token),
    },
  };
}

/** Introspects a token with wrong credentials of the API. */
export async function wrongCredentials(server: TourServer, clientOf: ClientOf, token: string): Promise<Step> {
  const { issuer, introspectionEndpoint, wrongCredentials: credentials } = server;
  return {
    title: "The API's own credentials are wrong: its callers get 503, because their tokens may be good",
    curl: introspectionCurl(urlOf(introspectionEndpoint, issuer), credentials, '$TOKEN'),
    response: await introspectionResponse(issuer, introspectionEndpoint, credentials, token),
    sdk: {
      code: 'await clientWithWrongCredentials.introspect(token)',
      outcome: await outcomeOf(clientOf(credentials.authentication), token),
    },
  };
}

/** Introspects a token at an endpoint where no server listens. */
export async function serverDown(server: TourServer, clientOf: ClientOf, token: string): Promise<Step> {
  const { issuer, downEndpoint, credentials } = server;
  return {
    title: 'The server is down: 503 and not 401, because the token may be good',
    curl: introspectionCurl(urlOf(downEndpoint, issuer), credentials, '$TOKEN'),
    response: await introspectionResponse(issuer, downEndpoint, credentials, token),
    sdk: {
      code: 'await client.introspect(token)',
      outcome: await outcomeOf(clientOf(credentials.authentication, downEndpoint), token),
    },
  };
}

/** Sends a request and returns status and body as text. */
export async function responseText(url: string, init: RequestInit = {}): Promise<string> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(5000), redirect: 'manual' });
    return `${response.status} ${(await response.text()) || '(empty body)'}`;
  } catch {
    return '(no response)';
  }
}

function introspectionCurl(url: string, credentials: Credentials, value: string): string {
  return curl(url, [...credentials.curl, `--data-urlencode "token=${value}"`]);
}

async function introspectionResponse(
  issuer: string,
  endpoint: string,
  { authentication }: Credentials,
  token: string,
): Promise<string> {
  const request = { headers: {} as Record<string, string>, body: new URLSearchParams({ token }) };
  await authentication.apply(request, { issuer, endpoint, afterRejection: false });
  return responseText(endpoint, { method: 'POST', ...request });
}

/** Introspects the token. Returns errors of the SDK, and throws all others. */
async function outcomeOf(client: IntrospectionClient, token: string): Promise<Outcome> {
  try {
    return { returned: await client.introspect(token) };
  } catch (error) {
    if (isIntrospectionError(error) || isAuthorizationError(error)) return { threw: error };
    throw error;
  }
}
