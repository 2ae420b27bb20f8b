import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { defaultConfiguration, demoService, readOnlyService } from '../src/configuration.js';
import { type LocalIssuer, startLocalIssuer } from '../src/local-issuer.js';

const basic = (credentials: string) => `Basic ${btoa(credentials)}`;
// Written out, so that the encoding under test is not checked against itself.
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

/** What the API learns from an active token. */
async function claimsOf(token: string, issuer = local): Promise<Record<string, unknown>> {
  const answer = await introspect(token, API, issuer);
  expect(answer).toMatchObject({ status: 200, type: 'application/json' });
  const claims = JSON.parse(answer.body) as Record<string, unknown>;
  expect(claims.active).toBe(true);
  return claims;
}

describe('discovery', () => {
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

  it('advertises nothing that it cannot do', async () => {
    const metadata = (await (await fetch(`${local.issuer}/.well-known/openid-configuration`)).json()) as object;
    const endpoints = Object.keys(metadata).filter((member) => member.endsWith('_endpoint'));
    // OpenID Connect Discovery demands the first one, which refuses every request.
    expect(endpoints.sort()).toEqual([
      'authorization_endpoint',
      'introspection_endpoint',
      'revocation_endpoint',
      'token_endpoint',
    ]);
    expect(metadata).not.toHaveProperty('dpop_signing_alg_values_supported');
  });

  it('has no RFC 8414 document, as ZITADEL has none', async () => {
    expect((await fetch(`${local.issuer}/.well-known/oauth-authorization-server`)).status).toBe(404);
  });
});

describe('minting', () => {
  it('gives a service user an opaque token for 12 hours', async () => {
    const form = { grant_type: 'client_credentials', scope: `openid items:read ${AUDIENCE}` };
    const answer = await post(local.tokenEndpoint, DEMO_SERVICE, form);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toEqual({
      access_token: expect.stringMatching(/^[\w-]{43}$/),
      token_type: 'Bearer',
      expires_in: 43200,
      scope: `openid items:read ${AUDIENCE}`,
    });
  });

  it('asks for everything as the first service user unless told otherwise', async () => {
    const claims = await claimsOf(await local.mintAccessToken());
    expect(claims.client_id).toBe('demo-service');
    expect(String(claims.scope).split(' ')).toEqual(expect.arrayContaining(['items:read', 'items:write', AUDIENCE]));
  });

  it('refuses a scope that the service user was not granted', async () => {
    await expect(local.mintAccessToken(readOnlyService, ['items:read', AUDIENCE])).resolves.toEqual(expect.any(String));
    await expect(local.mintAccessToken(readOnlyService, ['items:write', AUDIENCE])).rejects.toThrow(
      '400 invalid_scope',
    );
  });

  it('refuses a wrong secret', async () => {
    await expect(local.mintAccessToken({ ...demoService, clientSecret: 'wrong' })).rejects.toThrow(
      '401 invalid_client',
    );
  });

  it('gives the API app nothing', async () => {
    const answer = await post(local.tokenEndpoint, API, { grant_type: 'client_credentials', scope: AUDIENCE });
    expect(answer.status).toBe(400);
  });
});

describe('an active answer', () => {
  it("has ZITADEL's claims", async () => {
    const before = Math.floor(Date.now() / 1000);
    const token = await local.mintAccessToken();
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

  it('has a jti that stays with the token, and that no other token has', async () => {
    const [one, other] = [await local.mintAccessToken(), await local.mintAccessToken()];
    const { jti } = await claimsOf(one);
    expect((await claimsOf(one)).jti).toBe(jti);
    expect((await claimsOf(other)).jti).not.toBe(jti);
  });

  it('has profile, organisation and metadata only by scope, but roles always', async () => {
    const claims = await claimsOf(await local.mintAccessToken(demoService, [AUDIENCE]));
    expect(Object.keys(claims).sort().join(' ')).toBe(
      'active aud client_id exp iat iss jti nbf scope sub token_type ' +
        `urn:zitadel:iam:org:project:${PROJECT}:roles urn:zitadel:iam:org:project:roles`,
    );
    const withProfile = await claimsOf(await local.mintAccessToken(demoService, [AUDIENCE, 'profile']));
    expect(withProfile.username).toBe('demo-service');
  });

  it('tells the service users apart', async () => {
    expect(await claimsOf(await local.mintAccessToken(readOnlyService))).toMatchObject({
      client_id: 'read-only-service',
      sub: '200000000000000002',
      scope: expect.stringMatching(/ items:read$/),
      'urn:zitadel:iam:org:project:roles': { reader: { '100000000000000001': 'acme.localhost' } },
    });
  });

  it('says what the configuration says, metadata as base64url', async () => {
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
      const claims = await claimsOf(await other.mintAccessToken(), other);
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

describe('an inactive answer', () => {
  it.each([
    ['an unknown token', 'a'.repeat(43)],
    ['garbage', '%00 \u{1F642}"<'],
    ['a name from a prototype', '__proto__'],
    ['something shaped like a JWT', JWT_SHAPED],
  ])('is what %s gets', async (_name, token) => {
    expect(await introspect(token)).toEqual(INACTIVE);
  });

  it.each([
    ['without any scope', []],
    ["without the project's audience", ['openid', 'items:read']],
    ["with another project's audience", ['items:read', 'urn:zitadel:iam:org:project:id:4:aud']],
  ])('is what a token minted %s gets', async (_name, scopes) => {
    const token = await local.mintAccessToken(demoService, scopes);
    expect(await introspect(token)).toEqual(INACTIVE);
  });

  it('is what an expired token gets, from the very second', async () => {
    const token = await local.mintAccessToken();
    const { exp } = (await claimsOf(token)) as { exp: number };
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime((exp - 1) * 1000);
    await claimsOf(token);
    vi.setSystemTime(exp * 1000);
    expect(await introspect(token)).toEqual(INACTIVE);
  });

  it('is what a revoked token gets, and no other', async () => {
    const [revoked, kept] = [await local.mintAccessToken(), await local.mintAccessToken()];
    await claimsOf(revoked);
    await local.revoke(revoked);
    expect(await introspect(revoked)).toEqual(INACTIVE);
    await claimsOf(kept);
  });

  it("is what a service user gets, who cannot introspect in the API's place", async () => {
    expect(await introspect(await local.mintAccessToken(), DEMO_SERVICE)).toEqual(INACTIVE);
  });
});

describe('revocation', () => {
  it('needs the service user that the token was minted for', async () => {
    const token = await local.mintAccessToken(demoService);
    await expect(local.revoke(token, readOnlyService)).rejects.toThrow('400 invalid_request');
    await claimsOf(token);
    await local.revoke(token, demoService);
    expect(await introspect(token)).toEqual(INACTIVE);
  });

  it('of an unknown token is no error', async () => {
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
  ])('refuses %s, whatever the token', async (_name, authorization, status, error) => {
    for (const token of [await local.mintAccessToken(), 'unknown', JWT_SHAPED]) {
      const answer = await post(local.introspectionEndpoint, authorization, { token });
      expect(answer.status).toBe(status);
      expect(JSON.parse(answer.body)).toEqual({ error, error_description: expect.any(String) });
    }
  });

  it('takes the secret in the body as well, but not in both places', async () => {
    const { clientId, clientSecret } = defaultConfiguration.apiApp;
    const form = { token: await local.mintAccessToken(), client_id: clientId, client_secret: clientSecret };
    expect((await post(local.introspectionEndpoint, undefined, form)).body).toContain('"active":true');
    expect((await post(local.introspectionEndpoint, API, form)).status).toBe(400);
  });

  it('refuses a question without a token', async () => {
    const answer = await post(local.introspectionEndpoint, API, {});
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'invalid_request' });
  });

  it('ignores a token_type_hint', async () => {
    const token = await local.mintAccessToken();
    const answer = await post(local.introspectionEndpoint, API, { token, token_type_hint: 'refresh_token' });
    expect(answer.body).toContain('"active":true');
  });
});

describe('several issuers at once', () => {
  it('know nothing of each other', async () => {
    const other = await startLocalIssuer();
    try {
      expect(other.issuer).not.toBe(local.issuer);
      const [here, there] = [await local.mintAccessToken(), await other.mintAccessToken()];
      expect((await claimsOf(there, other)).iss).toBe(other.issuer);
      expect(await introspect(there)).toEqual(INACTIVE);
      expect(await introspect(here, API, other)).toEqual(INACTIVE);

      await other.revoke(here);
      await claimsOf(here);
    } finally {
      await other.close();
    }
    await claimsOf(await local.mintAccessToken());
  });
});

describe('starting and stopping', () => {
  const portOf = (issuer: LocalIssuer) => Number(new URL(issuer.issuer).port);

  it('listens on the port that it is given, and gives it back', async () => {
    const first = await startLocalIssuer();
    const port = portOf(first);
    await first.close();
    const second = await startLocalIssuer({ port });
    expect(portOf(second)).toBe(port);
    await second.close();
  });

  it('rejects when the port is taken', async () => {
    await expect(startLocalIssuer({ port: portOf(local) })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('rejects a configuration that names a client twice, and gives the port back', async () => {
    const free = await startLocalIssuer();
    const port = portOf(free);
    await free.close();
    const configuration = { ...defaultConfiguration, serviceUsers: [demoService, demoService] as const };
    await expect(startLocalIssuer({ port, configuration })).rejects.toMatchObject({ error: 'invalid_client_metadata' });
    await (await startLocalIssuer({ port })).close();
  });

  it('cuts idle connections and unfinished requests on close', async () => {
    const issuer = await startLocalIssuer();
    // The second one is told to go on (100 Continue), and never does.
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

  it('may be closed twice', async () => {
    const issuer = await startLocalIssuer();
    await Promise.all([issuer.close(), issuer.close()]);
    await issuer.close();
  });
});
