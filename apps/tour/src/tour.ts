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

/** Where the server says that it answers. */
export async function discovery({ issuer, introspectionEndpoint }: Sight): Promise<Stop> {
  return {
    title: 'The server says where to ask (the client finds this out by itself)',
    curl: curl(`${issuer}/.well-known/openid-configuration`),
    code: 'new IntrospectionClient({ issuer, clientId, clientSecret })',
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
