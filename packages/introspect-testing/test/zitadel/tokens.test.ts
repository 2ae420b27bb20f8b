import { describe, expect, it } from 'vitest';
import {
  api,
  audienceScope,
  badRequest,
  claimsOf,
  inactive,
  introspect,
  manage,
  patOf,
  requestToken,
  roleScope,
  send,
  serviceUser,
  tokenOf,
  zitadel,
} from './real-zitadel.js';

describe('tokens of a scripted ZITADEL', () => {
  it('are issued without a scope in the response, and without the scopes that the server does not know', async () => {
    const user = await serviceUser();
    const scope = `openid profile ${audienceScope()} items:read foo ${roleScope}admin`;
    const response = JSON.parse((await requestToken('robot', user.clientSecret, scope)).body);
    expect(Object.keys(response)).toEqual(['access_token', 'token_type', 'expires_in']);
    expect(await claimsOf(response.access_token)).toMatchObject({
      scope: `openid profile ${audienceScope()} ${roleScope}admin`, // the role was never granted
      'urn:zitadel:iam:org:project:roles': { reader: expect.anything() },
    });
  });

  it('of a service user have the members of a real response, in their order', async () => {
    const claims = await claimsOf(await tokenOf(await serviceUser()));
    expect(Object.keys(claims).join(' ')).toBe(
      'active scope client_id token_type exp iat nbf auth_time sub aud amr iss jti ' +
        'username name preferred_username updated_at ' +
        `urn:zitadel:iam:org:project:roles urn:zitadel:iam:org:project:${api.pid}:roles`,
    );
    expect(claims).toMatchObject({ auth_time: claims.iat, amr: ['pwd'], aud: [api.pid], client_id: 'robot' });
    expect(claims.jti).toMatch(/^V2_\d{18}-at_\d{18}$/);
  });

  it('are JWEs if they are opaque', async () => {
    const user = await serviceUser();
    const pat = await patOf(user);
    const opaque = await tokenOf(user);
    const headerOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());
    const header = { alg: 'A256GCMKW', enc: 'A256GCM', iv: expect.any(String), tag: expect.any(String) };
    expect(headerOf(opaque)).toEqual(header);
    expect(headerOf(pat)).toEqual({ ...header, kid: 'oidcKey' });
    expect([opaque.length, opaque.split('.').length, pat.split('.').length]).toEqual([288, 5, 5]);
  });

  it('are active only under the origin that issued them if they are JWTs, and under each origin if opaque', async () => {
    const user = await serviceUser('ACCESS_TOKEN_TYPE_JWT');
    const jwt = await tokenOf(user);
    expect(JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString())).toMatchObject({
      alg: 'RS256',
      typ: 'JWT',
    });
    const opaque = await patOf(user);
    const https = { 'x-forwarded-proto': 'https' };
    const { host } = new URL(zitadel.origin);
    expect(await claimsOf(jwt)).toMatchObject({ active: true, iss: zitadel.origin });
    expect(await claimsOf(jwt, https)).toEqual({ active: false });
    expect(await claimsOf(jwt, { 'x-zitadel-instance-host': '127.0.0.1' })).toEqual({ active: false });
    expect(await claimsOf(jwt, { 'x-zitadel-instance-host': host })).toMatchObject({ active: true });
    expect(await claimsOf(opaque, https)).toMatchObject({ active: true, iss: `https://${host}` });
  });

  it('are signed with the key that the server publishes if they are JWTs', async () => {
    const { jwks_uri: uri } = JSON.parse((await send('/.well-known/openid-configuration', {})).body);
    const { keys } = (await (await fetch(uri)).json()) as { keys: JsonWebKey[] };
    const jwt = await tokenOf(await serviceUser('ACCESS_TOKEN_TYPE_JWT'));
    const [header = '', payload = '', signature = ''] = jwt.split('.');
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    const key = await crypto.subtle.importKey('jwk', keys[0] ?? {}, algorithm, false, ['verify']);
    const data = new TextEncoder().encode(`${header}.${payload}`);
    expect(await crypto.subtle.verify(algorithm, key, Buffer.from(signature, 'base64url'), data)).toBe(true);
    expect(JSON.parse(Buffer.from(header, 'base64url').toString()).kid).toBe(Reflect.get(keys[0] ?? {}, 'kid'));
  });

  it('have a scope for each role of the project if they are personal, and no client_id, auth_time or amr', async () => {
    const user = await serviceUser();
    const token = await patOf(user);
    const claims = await claimsOf(token);
    expect(claims).toMatchObject({ active: true, sub: user.userId, aud: [api.id, api.pid], username: 'robot' });
    expect(claims.scope).toBe(
      `openid profile urn:zitadel:iam:user:metadata urn:zitadel:iam:user:resourceowner ${roleScope}reader ${roleScope}admin`,
    );
    for (const absent of ['client_id', 'auth_time', 'amr']) expect(claims).not.toHaveProperty(absent);
    expect(claims['urn:zitadel:iam:org:project:roles']).toEqual({ reader: expect.anything() });
  });

  it("include the administrator's, which has ten members and no profile", async () => {
    const claims = await claimsOf('admin-pat');
    expect(Object.keys(claims).join(' ')).toBe('active scope token_type exp iat nbf sub aud iss jti');
    expect(claims).toMatchObject({ aud: [api.id, api.pid], scope: `${roleScope}reader ${roleScope}admin` });
  });

  it('have a userinfo if they are live, also without the audience of an API', async () => {
    const token = await tokenOf(await serviceUser(), 'openid profile');
    expect(await introspect(token)).toEqual(inactive);
    const userinfo = (bearer: string) => send('/oidc/v1/userinfo', { headers: { authorization: `Bearer ${bearer}` } });
    expect(await userinfo(token)).toMatchObject({ status: 200, body: expect.stringContaining('"name":"Robot"') });
    expect(await userinfo('dead')).toMatchObject({
      status: 401,
      body: '{"error":"access_denied","error_description":"access token invalid"}',
    });
  });

  it('are refused with the reason of a real server', async () => {
    const refused = async (name: string, secret: string) => {
      const { status, body } = await requestToken(name, secret);
      return { status, body };
    };
    const { userId, clientSecret } = await serviceUser();
    await manage('POST', '/users/machine', { userName: 'bare', name: 'Bare' });
    expect(await refused('unknown', 'x')).toEqual(badRequest('invalid_client', 'client not found'));
    const secretProblem = (problem: string) => badRequest('invalid_request', `Errors.User.Machine.Secret.${problem}`);
    expect(await refused('robot', 'wrong')).toEqual(secretProblem('Invalid'));
    expect(await refused('bare', 'x')).toEqual(secretProblem('NotExisting'));
    await manage('POST', `/users/${userId}/_deactivate`, {});
    expect(await refused('robot', clientSecret)).toEqual(badRequest('invalid_request', 'Errors.User.NotActive'));
  });
});
