import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

const scopes = ['items:read', 'items:write'];

/** A running oidc-provider that issues opaque tokens to clients, by client credentials (RFC 6749 §4.4). */
export interface OidcProvider {
  issuer: string;
  /** The client of the API, which may introspect. Form encoding changes both values. */
  api: { clientId: string; clientSecret: string };
  /** Requests a token of the client that has the role `admin`, or of one that has no role. */
  getToken(request: { client: 'admin' | 'reader'; scope?: string }): Promise<string>;
  /** Makes the refresh token of a user who logged in with a client. */
  getRefreshToken(): Promise<string>;
  revoke(token: string): Promise<void>;
  /** Closes each connection without a response, until `recover` is called. */
  fail(): void;
  recover(): void;
  close(): Promise<void>;
}

/** Starts an unmodified oidc-provider on a free loopback port. */
export async function startOidcProvider(): Promise<OidcProvider> {
  const http = createServer();
  await once(http.listen(0, '127.0.0.1'), 'listening');
  const issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const api = { clientId: 'shop api', clientSecret: 'p@ss+w%rd: &=' };
  const secret = 'secret';
  const common = { client_secret: secret, redirect_uris: [], response_types: [], scope: scopes.join(' ') };
  const provider = new Provider(issuer, {
    clients: [
      { ...common, client_id: api.clientId, client_secret: api.clientSecret, grant_types: [] },
      { ...common, client_id: 'admin', grant_types: ['client_credentials'] },
      { ...common, client_id: 'reader', grant_types: ['client_credentials'] },
    ],
    jwks: { keys: [generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })] },
    scopes: ['openid', 'offline_access', ...scopes],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: (_, client) => client.clientId === api.clientId },
      revocation: { enabled: true, allowedPolicy: (_, client, token) => client.clientId === token.clientId },
    },
    extraTokenClaims: (_, token) => (token.clientId === 'admin' ? { roles: ['admin'] } : {}),
  });
  const respond = provider.callback();
  let isFailing = false;
  http.on('request', (request, response) => {
    if (isFailing) request.socket.destroy();
    else respond(request, response);
  });

  async function post(path: string, client: string, form: Record<string, string>): Promise<Response> {
    const headers = { authorization: `Basic ${btoa(`${client}:${secret}`)}` };
    const response = await fetch(`${issuer}${path}`, { method: 'POST', headers, body: new URLSearchParams(form) });
    if (!response.ok) throw new Error(`oidc-provider responded with ${response.status} at ${path}`);
    return response;
  }
  /** The client that each token belongs to. Only this client can revoke it. */
  const clients = new Map<string, string>();
  return {
    issuer,
    api,
    async getToken({ client, scope }) {
      const form = { grant_type: 'client_credentials', ...(scope !== undefined && { scope }) };
      const response = await post('/token', client, form);
      const { access_token: token } = (await response.json()) as { access_token: string };
      clients.set(token, client);
      return token;
    },
    async getRefreshToken() {
      const client = await provider.Client.find('reader');
      if (client === undefined) throw new Error('the client does not exist');
      const scope = 'openid offline_access';
      const grant = new provider.Grant({ accountId: 'alice', clientId: client.clientId });
      grant.addOIDCScope(scope);
      const refreshToken = { accountId: 'alice', client, grantId: await grant.save(), scope };
      return new provider.RefreshToken(refreshToken as never).save();
    },
    async revoke(token) {
      await post('/token/revocation', clients.get(token) ?? '', { token });
    },
    fail() {
      isFailing = true;
    },
    recover() {
      isFailing = false;
    },
    async close() {
      const closed = once(http, 'close');
      http.close();
      http.closeAllConnections();
      await closed;
    },
  };
}
