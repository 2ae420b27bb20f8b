import { type IntrospectionClient, isAuthorizationError, isIntrospectionError } from '@acme/introspect-core';
import { curl, type User } from './curl.js';

/** One thing that the tour shows. */
export interface Stop {
  title: string;
  /** The equal request, for the reader's own terminal. */
  curl: string;
  /** What the code did, in one line. */
  code: string;
  /** What it returned, or threw. */
  outcome: Outcome;
}

export type Outcome = { returned: unknown } | { threw: Error };

/** The server that is asked, and what the tour needs of it. */
export interface Sight {
  issuer: string;
  introspectionEndpoint: string;
  api: User;
  /** A client for this server; another secret makes it a wrong one, another address a server that is down. */
  clientOf(changes?: { clientSecret?: string; introspectionEndpoint?: string }): IntrospectionClient;
  /** Where nothing listens. */
  downEndpoint: string;
}

/** Asks `client` about `token`; only the errors that a question may end in are outcomes. */
async function ask(client: IntrospectionClient, token: string): Promise<Outcome> {
  try {
    return { returned: await client.introspect(token) };
  } catch (error) {
    if (isIntrospectionError(error) || isAuthorizationError(error)) return { threw: error };
    throw error;
  }
}

/**
 * Asks the server where it answers.
 *
 * @throws Error when it does not say so: there is nothing to see then
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

/** What the server said. */
export async function discovery({ issuer, introspectionEndpoint }: Sight): Promise<Stop> {
  return {
    title: 'The server says where to ask',
    curl: curl(metadataUrl(issuer)),
    code: '(the client does this by itself, at its first question: it is given the issuer alone)',
    outcome: { returned: { introspection_endpoint: introspectionEndpoint } },
  };
}

/** A question about a token. */
export async function question(title: string, { clientOf, ...sight }: Sight, token: string): Promise<Stop> {
  return {
    title,
    curl: curl(sight.introspectionEndpoint, { user: sight.api, form: { token } }),
    code: 'await client.introspect(token)',
    outcome: await ask(clientOf(), token),
  };
}

export async function wrongSecret({ clientOf, ...sight }: Sight, token: string): Promise<Stop> {
  const secret = 'not the secret';
  return {
    title: "A wrong secret: the API's own fault, so nobody's token is blamed",
    curl: curl(sight.introspectionEndpoint, { user: { ...sight.api, secret }, form: { token } }),
    code: 'await clientWithAWrongSecret.introspect(token)',
    outcome: await ask(clientOf({ clientSecret: secret }), token),
  };
}

export async function serverDown({ clientOf, downEndpoint, api }: Sight, token: string): Promise<Stop> {
  return {
    title: 'A server that is down: not a 401, since the token may be good',
    curl: curl(downEndpoint, { user: api, form: { token } }),
    code: 'await client.introspect(token)',
    outcome: await ask(clientOf({ introspectionEndpoint: downEndpoint }), token),
  };
}
