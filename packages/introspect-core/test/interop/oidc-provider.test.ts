import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import Provider from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { clientSecretJwt } from '../../src/extensions/private-key-jwt/client-secret-jwt.js';
import { privateKeyJwt } from '../../src/extensions/private-key-jwt/private-key-jwt.js';
import {
  Authorizer,
  clientSecretBasic,
  clientSecretPost,
  type IntrospectEvent,
  IntrospectionClient,
} from '../../src/index.js';
import { listen } from '../support/network.js';

const resourceServer = { clientId: 'resource@server', clientSecret: 'p@ss+w%rd: &=' };
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const keyJson = {
  type: 'application',
  keyId: 'key',
  key: rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
  clientId: 'keyed@server',
} as const;
const signing = { clientId: 'signing@server', clientSecret: 'a secret of at least 32 bytes, for HS256' };
const tokenClient = { clientId: 'service', clientSecret: 'secret' };

/** The client against an unmodified oidc-provider in this process. */
describe('oidc-provider', () => {
  let http: Server;
  let issuer: string;
  let provider: Provider;
  let post: (path: string, form: Record<string, string>) => Promise<Response>;

  beforeAll(async () => {
    // It prints warnings about settings that matter in production.
    for (const level of ['info', 'warn'] as const) vi.spyOn(console, level).mockReturnValue();
    http = createServer();
    issuer = `http://127.0.0.1:${await listen(http)}`;
    const common = { redirect_uris: [], response_types: [] };
    provider = new Provider(issuer, {
      clients: [
        { ...common, client_id: resourceServer.clientId, client_secret: resourceServer.clientSecret, grant_types: [] },
        {
          ...common,
          client_id: keyJson.clientId,
          token_endpoint_auth_method: 'private_key_jwt',
          jwks: { keys: [{ ...rsa.publicKey.export({ format: 'jwk' }), kid: keyJson.keyId, use: 'sig' }] },
          grant_types: [],
        },
        {
          ...common,
          client_id: signing.clientId,
          client_secret: signing.clientSecret,
          token_endpoint_auth_method: 'client_secret_jwt',
          grant_types: [],
        },
        {
          ...common,
          client_id: tokenClient.clientId,
          client_secret: tokenClient.clientSecret,
          grant_types: ['client_credentials'],
        },
      ],
      clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt'],
      features: {
        clientCredentials: { enabled: true },
        introspection: { enabled: true, allowedPolicy: () => true },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: () => ({ scope: '', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }),
        },
        revocation: { enabled: true, allowedPolicy: () => true },
      },
    });
    http.on('request', provider.callback());
    const authorization = `Basic ${btoa(`${tokenClient.clientId}:${tokenClient.clientSecret}`)}`;
    post = (path, form) =>
      fetch(`${issuer}${path}`, { method: 'POST', headers: { authorization }, body: new URLSearchParams(form) });
  });
  afterAll(() => {
    http.close();
    http.closeAllConnections();
  });

  /** Gets a JWT if there is a `resource` (RFC 8707), else an opaque token. */
  async function mint(resource?: string): Promise<string> {
    const response = await post('/token', { grant_type: 'client_credentials', ...(resource && { resource }) });
    const { access_token } = (await response.json()) as { access_token: string };
    return access_token;
  }

  it.each([
    ['client_secret_basic', resourceServer],
    ['client_secret_post', { clientAuthentication: clientSecretPost(resourceServer) }],
    ['client_secret_jwt', { clientAuthentication: clientSecretJwt(signing) }],
    ['private_key_jwt', { clientAuthentication: privateKeyJwt({ keyJson, reuseSeconds: 0 }) }],
  ])('oidc-provider introspects a token with %s as active, until the token is revoked', async (_, credentials) => {
    const client = new IntrospectionClient({ issuer, ...credentials });
    const token = await mint();
    await expect(client.introspect(token)).resolves.toMatchObject({
      active: true,
      client_id: 'service',
      iss: issuer,
      token_type: 'Bearer',
      exp: expect.any(Number),
    });
    await post('/token/revocation', { token });
    await expect(client.introspect(token)).resolves.toEqual({ active: false });
  });

  it('oidc-provider responds with inactive to garbage', async () => {
    await expect(new IntrospectionClient({ issuer, ...resourceServer }).introspect('garbage')).resolves.toEqual({
      active: false,
    });
  });

  it('oidc-provider rejects a wrong secret with 401', async () => {
    const client = new IntrospectionClient({ issuer, ...resourceServer, clientSecret: 'wrong' });
    await expect(client.introspect(await mint())).rejects.toMatchObject({
      code: 'invalid_client',
      message: expect.stringContaining('(401)'),
    });
  });

  it('oidc-provider responds with 400 to credentials that are not form-encoded, and the message names the encoding', async () => {
    const clientAuthentication = clientSecretBasic({ ...resourceServer, encoding: 'raw' });
    await expect(new IntrospectionClient({ issuer, clientAuthentication }).introspect('garbage')).rejects.toMatchObject(
      {
        code: 'invalid_response',
        message: expect.stringMatching(/\b400 and "invalid_request", so the URL is right: .*\{ encoding: 'form' \}/),
      },
    );
  });

  it('oidc-provider rejects an assertion that it has seen, and then the client sends a new one', async () => {
    const clientAuthentication = privateKeyJwt({ keyJson });
    const client = new IntrospectionClient({ issuer, clientAuthentication });
    for (let i = 0; i < 3; i++) await expect(client.introspect(await mint())).resolves.toMatchObject({ active: true });
    expect(client.stats().requests).toMatchObject({ active: 3, invalid_client: 2 });
  });

  /** Makes the tokens of a user who logged in with a client, as its code exchange does. */
  async function refreshToken(): Promise<string> {
    const client = await provider.Client.find(tokenClient.clientId);
    if (client === undefined) throw new Error('the client does not exist');
    const grant = new provider.Grant({ accountId: 'alice', clientId: client.clientId });
    grant.addOIDCScope('openid offline_access');
    const scope = 'openid offline_access';
    const token = new provider.RefreshToken({
      accountId: 'alice',
      client,
      grantId: await grant.save(),
      scope,
    } as never);
    return token.save();
  }

  it('oidc-provider reports refresh tokens as active without a token_type: tokenTypes rejects them, and accepts access tokens', async () => {
    const token = await refreshToken();
    const lenient = new Authorizer({ issuer, ...resourceServer });
    await expect(lenient.authorize(`Bearer ${token}`)).resolves.toMatchObject({ active: true, sub: 'alice' });
    const strict = new Authorizer({ issuer, ...resourceServer, tokenTypes: ['bearer'] });
    await expect(strict.authorize(`Bearer ${token}`)).rejects.toMatchObject({
      reason: 'not_an_access_token',
      status: 401,
    });
    await expect(strict.authorize(`Bearer ${await mint()}`)).resolves.toMatchObject({ token_type: 'Bearer' });
  });

  it('oidc-provider does not introspect JWTs: good and forged ones get 401 unsupported_token_type, never 503', async () => {
    const events: IntrospectEvent[] = [];
    const onEvent = (event: IntrospectEvent) => void events.push(event);
    const authorizer = new Authorizer({ issuer, ...resourceServer, onEvent, cache: { maxAgeSeconds: 60 } });
    const good = await mint('https://api.example');
    expect(good.split('.')).toHaveLength(3);
    const forged = [{ alg: 'none' }, { sub: 'x' }].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    );
    for (const token of [good, good, `${forged.join('.')}.`]) {
      await expect(authorizer.authorize(`Bearer ${token}`)).rejects.toMatchObject({
        code: 'invalid_token',
        reason: 'unsupported_token_type',
        status: 401,
      });
    }
    expect(events.filter(({ type }) => type === 'unsupported_token_type')).toEqual([
      { type: 'unsupported_token_type', origin: issuer },
    ]);
    expect(authorizer.stats()).toMatchObject({ requests: { unsupported_token_type: 3 }, circuitBreaker: 'closed' });
    await expect(authorizer.authorize(`Bearer ${await mint()}`)).resolves.toMatchObject({ active: true });
  });
});
