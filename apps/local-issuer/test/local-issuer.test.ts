import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { defaultConfiguration, demoService, readOnlyService } from '../src/configuration.js';
import { type LocalIssuer, startLocalIssuer } from '../src/local-issuer.js';

const basic = (credentials: string) => `Basic ${btoa(credentials)}`;
// Literals, because the test checks the encoding.
const API = basic('300000000000000001:api+secret%3A+50%25+%2B+more');
const DEMO_SERVICE = basic('demo-service:demo+secret%3A+100%25+%2B+more');
const PROJECT = '400000000000000001';
const AUDIENCE = `urn:zitadel:iam:org:project:id:${PROJECT}:aud`;
const INACTIVE = { status: 200, type: 'application/json', body: '{"active":false}' };
const JWT_SHAPED = `${btoa('{"alg":"RS256","kid":"1"}')}.${btoa('{"sub":"1"}')}.c2lnbmF0dXJl`;

let local: LocalIssuer;

beforeAll(async () => {
  local = await startLocalIssuer();
});
afterAll(() => local.close());
afterEach(() => {
  vi.useRealTimers();
});

async function post(url: string, authorization: string | undefined, form: Record<string, string>) {
  const response = await fetch(url, {
    method: 'POST',
    headers: authorization ? { authorization } : {},
    body: new URLSearchParams(form),
  });
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
}

const introspect = (token: string, authorization: string | undefined = API, issuer = local) =>
  post(issuer.introspectionEndpoint, authorization, { token });

/** Introspects a token as the API, and returns its claims. */
async function claimsOf(token: string, issuer = local): Promise<Record<string, unknown>> {
  const response = await introspect(token, API, issuer);
  expect(response).toMatchObject({ status: 200, type: 'application/json' });
  const claims = JSON.parse(response.body) as Record<string, unknown>;
  expect(claims.active).toBe(true);
  return claims;
}

describe('the metadata', () => {
  it("advertises ZITADEL's paths under the issuer", async () => {
    expect(local.issuer).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const response = await fetch(`${local.issuer}/.well-known/openid-configuration`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      issuer: local.issuer,
      token_endpoint: `${local.issuer}/oauth/v2/token`,
      introspection_endpoint: `${local.issuer}/oauth/v2/introspect`,
      revocation_endpoint: `${local.issuer}/oauth/v2/revoke`,
      introspection_endpoint_auth_methods_supported: ['client_secret_basic'],
      grant_types_supported: ['client_credentials'],
    });
  });

  it('names the same endpoints on the issuer that it returns', async () => {
    const metadata = (await (await fetch(`${local.issuer}/.well-known/openid-configuration`)).json()) as object;
    expect(metadata).toMatchObject({
      token_endpoint: local.tokenEndpoint,
      introspection_endpoint: local.introspectionEndpoint,
      revocation_endpoint: local.revocationEndpoint,
    });
  });

  it('advertises no endpoint or algorithm that the issuer does not support', async () => {
    const metadata = (await (await fetch(`${local.issuer}/.well-known/openid-configuration`)).json()) as object;
    const endpoints = Object.keys(metadata).filter((member) => member.endsWith('_endpoint'));
    // OpenID Connect Discovery requires the first one. It rejects every request.
    expect(endpoints.sort()).toEqual([
      'authorization_endpoint',
      'introspection_endpoint',
      'revocation_endpoint',
      'token_endpoint',
    ]);
    expect(metadata).not.toHaveProperty('dpop_signing_alg_values_supported');
  });

  it('is not an RFC 8414 document: like ZITADEL, the issuer has none', async () => {
    expect((await fetch(`${local.issuer}/.well-known/oauth-authorization-server`)).status).toBe(404);
  });
});

describe('the token endpoint', () => {
  it('gives a service user an opaque token for 12 hours', async () => {
    const form = { grant_type: 'client_credentials', scope: `openid items:read ${AUDIENCE}` };
    const response = await post(local.tokenEndpoint, DEMO_SERVICE, form);
    expect(response.status).toBe(200);
    expect(JSON.parse(response.body)).toEqual({
      access_token: expect.stringMatching(/^[\w-]{43}$/),
      token_type: 'Bearer',
      expires_in: 43200,
      scope: `openid items:read ${AUDIENCE}`,
    });
  });

  it('gives the first service user a token with all its scopes by default', async () => {
    const claims = await claimsOf(await local.getAccessToken());
    expect(claims.client_id).toBe('demo-service');
    expect(String(claims.scope).split(' ')).toEqual(expect.arrayContaining(['items:read', 'items:write', AUDIENCE]));
  });

  it('rejects a scope that the service user does not have', async () => {
    await expect(local.getAccessToken(readOnlyService, ['items:read', AUDIENCE])).resolves.toEqual(expect.any(String));
    await expect(local.getAccessToken(readOnlyService, ['items:write', AUDIENCE])).rejects.toThrow('400 invalid_scope');
  });

  it('rejects a wrong secret', async () => {
    await expect(local.getAccessToken({ ...demoService, clientSecret: 'wrong' })).rejects.toThrow('401 invalid_client');
  });

  it('gives the API no token', async () => {
    const response = await post(local.tokenEndpoint, API, { grant_type: 'client_credentials', scope: AUDIENCE });
    expect(response.status).toBe(400);
  });
});

describe('an active response', () => {
  it("has ZITADEL's claims", async () => {
    const before = Math.floor(Date.now() / 1000);
    const token = await local.getAccessToken();
    const claims = await claimsOf(token);

    const { exp, iat, nbf, jti, scope, ...rest } = claims;
    expect(rest).toEqual({
      active: true,
      client_id: 'demo-service',
      token_type: 'Bearer',
      sub: '200000000000000001',
      aud: [PROJECT],
      iss: local.issuer,
      username: 'demo-service',
      preferred_username: 'demo-service',
      name: 'Demo service',
      'urn:zitadel:iam:org:project:roles': { admin: { '100000000000000001': 'acme.localhost' } },
      [`urn:zitadel:iam:org:project:${PROJECT}:roles`]: { admin: { '100000000000000001': 'acme.localhost' } },
      'urn:zitadel:iam:user:resourceowner:id': '100000000000000001',
      'urn:zitadel:iam:user:resourceowner:name': 'ACME',
      'urn:zitadel:iam:user:resourceowner:primary_domain': 'acme.localhost',
      'urn:zitadel:iam:user:metadata': { team: 'S8O2bG4', 'cost-center': 'NDI' },
    });
    expect(scope).toBe(
      `openid profile urn:zitadel:iam:user:resourceowner urn:zitadel:iam:user:metadata ${AUDIENCE} items:read items:write`,
    );
    expect(iat).toBeGreaterThanOrEqual(before);
    expect(iat).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000));
    expect(nbf).toBe(iat);
    expect(exp).toBe(Number(iat) + 43200);
    expect(jti).toMatch(/^V2_\d+-at_\d+$/);
  });

  it('has the same jti for the same token, and another one for each other token', async () => {
    const [one, other] = [await local.getAccessToken(), await local.getAccessToken()];
    const { jti } = await claimsOf(one);
    expect((await claimsOf(one)).jti).toBe(jti);
    expect((await claimsOf(other)).jti).not.toBe(jti);
  });

  it('has profile, organisation and metadata only with their scopes, and roles always', async () => {
    const claims = await claimsOf(await local.getAccessToken(demoService, [AUDIENCE]));
    expect(Object.keys(claims).sort().join(' ')).toBe(
      'active aud client_id exp iat iss jti nbf scope sub token_type ' +
        `urn:zitadel:iam:org:project:${PROJECT}:roles urn:zitadel:iam:org:project:roles`,
    );
    const withProfile = await claimsOf(await local.getAccessToken(demoService, [AUDIENCE, 'profile']));
    expect(withProfile.username).toBe('demo-service');
  });

  it('contains the claims of the service user that has the token', async () => {
    expect(await claimsOf(await local.getAccessToken(readOnlyService))).toMatchObject({
      client_id: 'read-only-service',
      sub: '200000000000000002',
      scope: expect.stringMatching(/ items:read$/),
      'urn:zitadel:iam:org:project:roles': { reader: { '100000000000000001': 'acme.localhost' } },
    });
  });

  it('contains the values of the configuration, and metadata as base64url', async () => {
    const other = await startLocalIssuer({
      configuration: {
        ...defaultConfiguration,
        projectId: 'P2',
        organization: { id: 'ORG2', name: 'Beta', primaryDomain: 'beta.localhost' },
        serviceUsers: [{ ...demoService, roles: [], metadata: { sign: 'ÿ?>' } }],
        accessTokenLifetimeSeconds: 60,
      },
    });
    try {
      const claims = await claimsOf(await other.getAccessToken(), other);
      expect(claims).toMatchObject({
        aud: ['P2'],
        'urn:zitadel:iam:user:resourceowner:name': 'Beta',
        'urn:zitadel:iam:user:metadata': { sign: 'w78_Pg' },
      });
      expect(Number(claims.exp) - Number(claims.iat)).toBe(60);
      expect(Object.keys(claims).filter((claim) => claim.endsWith('roles'))).toEqual([]);
    } finally {
      await other.close();
    }
  });
});

describe('an inactive response', () => {
  it.each([
    ['an unknown token', 'a'.repeat(43)],
    ['garbage', '%00 \u{1F642}"<'],
    ['a name from a prototype', '__proto__'],
    ['something shaped like a JWT', JWT_SHAPED],
  ])('is sent for %s', async (_name, token) => {
    expect(await introspect(token)).toEqual(INACTIVE);
  });

  it.each([
    ['without any scope', []],
    ["without the project's audience", ['openid', 'items:read']],
    ["with another project's audience", ['items:read', 'urn:zitadel:iam:org:project:id:4:aud']],
  ])('is sent for a token requested %s', async (_name, scopes) => {
    const token = await local.getAccessToken(demoService, scopes);
    expect(await introspect(token)).toEqual(INACTIVE);
  });

  it('is sent for an expired token, from the second of its exp', async () => {
    const token = await local.getAccessToken();
    const { exp } = (await claimsOf(token)) as { exp: number };
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime((exp - 1) * 1000);
    await claimsOf(token);
    vi.setSystemTime(exp * 1000);
    expect(await introspect(token)).toEqual(INACTIVE);
  });

  it('is sent for a revoked token, and not for another one', async () => {
    const [revoked, other] = [await local.getAccessToken(), await local.getAccessToken()];
    await claimsOf(revoked);
    await local.revoke(revoked);
    expect(await introspect(revoked)).toEqual(INACTIVE);
    await claimsOf(other);
  });

  it('is sent to a service user, who may not introspect', async () => {
    expect(await introspect(await local.getAccessToken(), DEMO_SERVICE)).toEqual(INACTIVE);
  });
});

describe('revocation', () => {
  it('accepts only the service user that has the token', async () => {
    const token = await local.getAccessToken(demoService);
    await expect(local.revoke(token, readOnlyService)).rejects.toThrow('400 invalid_request');
    await claimsOf(token);
    await local.revoke(token, demoService);
    expect(await introspect(token)).toEqual(INACTIVE);
  });

  it('accepts an unknown token', async () => {
    await expect(local.revoke('unknown')).resolves.toBeUndefined();
  });
});

describe('client authentication of introspection', () => {
  it.each([
    ['a wrong secret', basic('300000000000000001:wrong'), 401, 'invalid_client'],
    ['an unknown client', basic('300000000000000009:wrong'), 401, 'invalid_client'],
    ['a raw secret', basic('300000000000000001:api secret: 50% + more'), 400, 'invalid_request'],
    ['no credentials', undefined, 400, 'invalid_request'],
    ['another scheme', 'Bearer abc', 400, 'invalid_request'],
  ])('rejects %s for each token', async (_name, authorization, status, error) => {
    for (const token of [await local.getAccessToken(), 'unknown', JWT_SHAPED]) {
      const response = await post(local.introspectionEndpoint, authorization, { token });
      expect(response.status).toBe(status);
      expect(JSON.parse(response.body)).toEqual({ error, error_description: expect.any(String) });
    }
  });

  it('accepts the secret in the body as well, but not in both places', async () => {
    const { clientId, clientSecret } = defaultConfiguration.apiApp;
    const form = { token: await local.getAccessToken(), client_id: clientId, client_secret: clientSecret };
    expect((await post(local.introspectionEndpoint, undefined, form)).body).toContain('"active":true');
    expect((await post(local.introspectionEndpoint, API, form)).status).toBe(400);
  });

  it('rejects a request without a token', async () => {
    const response = await post(local.introspectionEndpoint, API, {});
    expect(response.status).toBe(400);
    expect(JSON.parse(response.body)).toMatchObject({ error: 'invalid_request' });
  });

  it('ignores a token_type_hint', async () => {
    const token = await local.getAccessToken();
    const response = await post(local.introspectionEndpoint, API, { token, token_type_hint: 'refresh_token' });
    expect(response.body).toContain('"active":true');
  });
});

describe('an issuer in strict mode', () => {
  let strict: LocalIssuer;
  beforeAll(async () => {
    strict = await startLocalIssuer({ strict: true });
  });
  afterAll(() => strict.close());

  const roleScope = 'urn:zitadel:iam:org:project:role:';

  it('issues a token without the scopes that ZITADEL does not know, and sends no scope with it', async () => {
    const scope = `openid items:read foo ${AUDIENCE}`;
    const response = await post(strict.tokenEndpoint, DEMO_SERVICE, { grant_type: 'client_credentials', scope });
    const { access_token: token, ...others } = JSON.parse(response.body);
    expect(others).toEqual({ token_type: 'Bearer', expires_in: 43200 });
    expect(await claimsOf(token, strict)).toMatchObject({ scope: `openid ${AUDIENCE}` });
  });

  it('issues opaque tokens as JWEs of 288 characters', async () => {
    const token = await strict.getAccessToken();
    expect([token.length, token.split('.').length]).toEqual([288, 5]);
    expect(JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())).toEqual({
      alg: 'A256GCMKW',
      enc: 'A256GCM',
      iv: expect.any(String),
      tag: expect.any(String),
    });
    expect(await introspect(token.slice(0, -1), API, strict)).toEqual(INACTIVE);
  });

  it('sends auth_time for a service user, and a role scope that was not granted', async () => {
    const token = await strict.getAccessToken(readOnlyService, [AUDIENCE, `${roleScope}admin`]);
    const claims = await claimsOf(token, strict);
    expect(claims).toMatchObject({ auth_time: claims.iat, amr: ['pwd'], scope: `${AUDIENCE} ${roleScope}admin` });
    expect(Object.keys(claims['urn:zitadel:iam:org:project:roles'] as object)).toEqual(['reader']);
  });

  it('responds to a wrong secret of an API with 400, and lets no service user revoke a token', async () => {
    const token = await strict.getAccessToken();
    const response = await introspect(token, basic('300000000000000001:wrong'), strict);
    expect(response).toMatchObject({ status: 400, body: '{"error":"unauthorized_client"}' });
    await expect(strict.revoke(token)).rejects.toThrow('400 invalid_client');
    await claimsOf(token, strict);
  });
});

describe('two issuers', () => {
  it('do not know the tokens of each other', async () => {
    const other = await startLocalIssuer();
    try {
      expect(other.issuer).not.toBe(local.issuer);
      const [here, there] = [await local.getAccessToken(), await other.getAccessToken()];
      expect((await claimsOf(there, other)).iss).toBe(other.issuer);
      expect(await introspect(there)).toEqual(INACTIVE);
      expect(await introspect(here, API, other)).toEqual(INACTIVE);

      await other.revoke(here);
      await claimsOf(here);
    } finally {
      await other.close();
    }
    await claimsOf(await local.getAccessToken());
  });
});

describe('starting and stopping', () => {
  const portOf = (issuer: LocalIssuer) => Number(new URL(issuer.issuer).port);

  it('listens on the given port, and frees it on close', async () => {
    const first = await startLocalIssuer();
    const port = portOf(first);
    await first.close();
    const second = await startLocalIssuer({ port });
    expect(portOf(second)).toBe(port);
    await second.close();
  });

  it('rejects a port that is in use', async () => {
    await expect(startLocalIssuer({ port: portOf(local) })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('rejects a configuration that names a client twice, and frees the port', async () => {
    const free = await startLocalIssuer();
    const port = portOf(free);
    await free.close();
    const configuration = { ...defaultConfiguration, serviceUsers: [demoService, demoService] as const };
    await expect(startLocalIssuer({ port, configuration })).rejects.toMatchObject({ error: 'invalid_client_metadata' });
    await (await startLocalIssuer({ port })).close();
  });

  it('ends idle connections and unfinished requests on close', async () => {
    const issuer = await startLocalIssuer();
    // The server lets the second one continue (100 Continue), but the request never does.
    const requests = [
      'GET /oauth/v2/keys HTTP/1.1\r\nhost: localhost\r\n\r\n',
      'POST /oauth/v2/introspect HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\nexpect: 100-continue\r\n' +
        'content-type: application/x-www-form-urlencoded\r\n\r\n',
    ];
    const sockets = requests.map((request) => {
      const socket = connect(portOf(issuer), '127.0.0.1').on('error', () => {});
      socket.write(request);
      return socket;
    });
    await Promise.all(sockets.map((socket) => once(socket, 'data')));

    const cut = sockets.map((socket) => new Promise((resolve) => socket.resume().on('close', resolve)));
    await issuer.close();
    await Promise.all(cut);
    await expect(fetch(issuer.issuer)).rejects.toThrow();
  });

  it('can be closed twice', async () => {
    const issuer = await startLocalIssuer();
    await Promise.all([issuer.close(), issuer.close()]);
    await issuer.close();
  });

  it('listens again on the same port after reopen, with the same tokens', async () => {
    const issuer = await startLocalIssuer();
    const [token, revoked] = [await issuer.getAccessToken(), await issuer.getAccessToken()];
    await issuer.revoke(revoked);
    await issuer.close();
    await expect(fetch(issuer.issuer)).rejects.toThrow();
    await issuer.reopen();
    await claimsOf(token, issuer);
    expect(await introspect(revoked, API, issuer)).toEqual(INACTIVE);
    await issuer.close();
  });
});
