import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basicCredentials } from './basic-credentials.js';
import { defaultConfiguration, type LocalIssuerConfiguration, type ServiceUser } from './configuration.js';
import { createProvider, paths } from './provider.js';
import { standardScopes } from './zitadel-claims.js';

export { basicCredentials } from './basic-credentials.js';

export interface LocalIssuer {
  /** `http://127.0.0.1:<port>`, without a trailing slash. */
  readonly issuer: string;
  readonly introspectionEndpoint: string;
  readonly tokenEndpoint: string;
  readonly revocationEndpoint: string;
  readonly configuration: LocalIssuerConfiguration;
  /** Returns a new token. The defaults are the first service user and all its scopes. */
  getAccessToken(serviceUser?: ServiceUser, scopes?: readonly string[]): Promise<string>;
  /** Returns all scopes that a service user can get. The default is the first service user. */
  scopesOf(serviceUser?: ServiceUser): readonly string[];
  /** Revokes a token of this service user. The default is the first one. A token of another user is rejected, and so is each token in strict mode. */
  revoke(token: string, serviceUser?: ServiceUser): Promise<void>;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
  /** Listens again on the same port, after `close`. Tokens stay valid. */
  reopen(): Promise<void>;
}

export interface LocalIssuerOptions {
  /** @default a free port */
  port?: number;
  configuration?: LocalIssuerConfiguration;
  /**
   * Whether the issuer behaves like a real ZITADEL in these points too: it drops unknown scopes, issues opaque tokens as JWEs,
   * sends no `scope` with a token, and `auth_time` for service users, and lets no service user revoke a token.
   *
   * @default false: the issuer also grants scopes of an API, as other servers do
   */
  strict?: boolean;
}

/** Starts an authorization server on the loopback interface. */
export async function startLocalIssuer(options: LocalIssuerOptions = {}): Promise<LocalIssuer> {
  const { port = 0, configuration = defaultConfiguration, strict = false } = options;
  const server = createServer();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');

  // The provider needs its own address, so the server listens first.
  const { port: ownPort } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${ownPort}`;
  try {
    server.on('request', createProvider(issuer, configuration, { isStrict: strict }).callback());
  } catch (error) {
    await close(server);
    throw error;
  }

  const tokenEndpoint = issuer + paths.token;
  const revocationEndpoint = issuer + paths.revocation;
  const [firstServiceUser] = configuration.serviceUsers;
  const scopesOf = ({ scopes } = firstServiceUser) => [
    ...standardScopes(configuration.projectId),
    ...(strict ? [] : scopes),
  ];

  return {
    issuer,
    introspectionEndpoint: issuer + paths.introspection,
    tokenEndpoint,
    revocationEndpoint,
    configuration,

    scopesOf,

    async getAccessToken(serviceUser = firstServiceUser, scopes = scopesOf(serviceUser)) {
      const form = { grant_type: 'client_credentials', scope: scopes.join(' ') };
      const response = await post(tokenEndpoint, serviceUser, form);
      return ((await response.json()) as { access_token: string }).access_token;
    },

    async revoke(token, serviceUser = firstServiceUser) {
      await post(revocationEndpoint, serviceUser, { token });
    },

    close: () => close(server),

    async reopen() {
      server.listen(ownPort, '127.0.0.1');
      await once(server, 'listening');
    },
  };
}

async function post(endpoint: string, serviceUser: ServiceUser, form: Record<string, string>): Promise<Response> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(basicCredentials(serviceUser.username, serviceUser.clientSecret))}` },
    body: new URLSearchParams(form),
  });
  if (!response.ok) {
    const { error } = (await response.json()) as { error: string };
    throw new Error(`${endpoint} responded to ${serviceUser.username} with ${response.status} ${error}`);
  }
  return response;
}

async function close(server: Server): Promise<void> {
  const done = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await done;
}
