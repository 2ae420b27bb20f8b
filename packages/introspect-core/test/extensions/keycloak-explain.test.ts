import { active, inactive, json, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ExplainInactiveOptions, explainInactive } from '../../src/extensions/keycloak/explain.js';
import { keycloak } from '../../src/extensions/keycloak/keycloak.js';
import { Authorizer, type IntrospectEvent } from '../../src/index.js';
import { Clocks } from '../support/clocks.js';
import { type IssuerKey, issuerKey, keyFetches, publish } from '../support/issuer.js';

let server: ScriptedServer;
let clocks: Clocks;
let key: IssuerKey;
beforeEach(async () => {
  server = await startScriptedServer();
  clocks = new Clocks();
  const claims = { iss: server.origin, aud: ['api', 'account'], typ: 'Bearer', exp: clocks.in(3600) };
  key = await issuerKey('key-1', claims, 'RS256');
  publish(server, [key]);
});
afterEach(() => server.close());

const explain = (token: string, options: Partial<ExplainInactiveOptions> = {}) =>
  explainInactive(token, { issuer: server.origin, clientId: 'api', now: clocks.now, ...options });

describe('explainInactive for Keycloak', () => {
  it('says that the audience lacks the client, and which mapper adds it', async () => {
    expect(await explain(await key.sign({ aud: 'account' }))).toEqual({
      cause: 'audience_mismatch',
      message:
        'Its audience ["account"] lacks this API\'s client id "api". Current versions of Keycloak call such a token inactive.',
      advice:
        'Add a mapper of the type "Audience", with the included client audience "api", ' +
        'to the client that requests tokens or to one of its client scopes. Then get a new token.',
    });
    expect(await explain(await key.sign({ aud: undefined }))).toMatchObject({
      cause: 'audience_mismatch',
      message: expect.stringContaining('It has no audience, so it lacks this API\'s client id "api".'),
    });
    expect(await explain(await key.sign({ aud: 'my-api' }))).toMatchObject({ cause: 'audience_mismatch' });
  });

  it.each([['api'], [['account', 'api']]])('says for the audience %j that the session has ended', async (aud) => {
    expect(await explain(await key.sign({ aud }))).toEqual({
      cause: 'revoked',
      message:
        'It reads as good. So its session has ended (by a logout, or by the idle or maximum time of a session), or it was revoked, or its user or client is disabled or gone.',
      advice: 'Log in again, and send the new access token.',
    });
  });

  it('says that it expired', async () => {
    expect(await explain(await key.sign({ exp: clocks.in(-180) }))).toMatchObject({
      cause: 'expired',
      message: expect.stringContaining('It expired 3 min ago'),
    });
  });

  it('says that another host name made another issuer', async () => {
    const iss = 'http://localhost:18080/realms/demo';
    expect(await explain(await key.sign({ iss }))).toEqual({
      cause: 'issuer_mismatch',
      message: `It was issued by "${iss}", and this API trusts "${server.origin}".`,
      advice:
        'Get a token from the realm of this API. If only the host differs: the option hostname of Keycloak (KC_HOSTNAME) gives all tokens one issuer, and "metadataUrl" lets this API use an internal address.',
    });
    expect(server.requests).toEqual([]);
  });

  it.each([
    ['Refresh', 'a refresh token'],
    ['Offline', 'a refresh token'],
    ['ID', 'an ID token'],
    ['Logout', 'a logout token'],
  ])('recognises the "typ" %s, although only Keycloak can verify such a signature', async (typ, kind) => {
    const secret = new TextEncoder().encode('x'.repeat(64));
    const token = await new SignJWT({ iss: server.origin, typ }).setProtectedHeader({ alg: 'HS512' }).sign(secret);
    expect(await explain(token)).toEqual({
      cause: 'not_an_access_token',
      message: `It is ${kind}. Its signature was not checked: it is signed with a secret that only the server has.`,
      advice: 'Send the access token.',
    });
    expect(server.requests).toEqual([]);
  });

  it('recognises an ID token that has no "typ"', async () => {
    expect(await explain(await key.sign({ typ: undefined, nonce: 'n' }))).toMatchObject({
      cause: 'not_an_access_token',
      message: 'It is an ID token.',
    });
  });

  it.each([
    ['typ of another type', { typ: { toString: 'Refresh' } }],
    ['inherited name', { typ: 'constructor' }],
  ])('ignores a %s', async (_, claims) =>
    expect(await explain(await key.sign(claims))).toMatchObject({ cause: 'revoked' }),
  );

  it('says that an opaque token is not one of Keycloak, and how a token was damaged', async () => {
    expect(await explain('opaque')).toEqual({
      cause: 'opaque',
      message: 'It is not a JWT, so nothing can be read from it. The access tokens of Keycloak are JWTs.',
      advice: 'Look at where it comes from: it may be an authorization code, or a token of another server.',
    });
    expect(await explain(`Bearer ${await key.sign()}`)).toMatchObject({ cause: 'malformed' });
  });

  it('says that a signature is wrong, with keys that "metadataUrl" leads to', async () => {
    const issuer = 'https://public.example/realms/demo';
    const [outside, stranger] = [await issuerKey('k', { iss: issuer }), await issuerKey('k', { iss: issuer })];
    server.at('/inside', json({ issuer, jwks_uri: `${server.origin}/inside/keys` }));
    server.at('/inside/keys', json({ keys: [outside.jwk] }));
    const options = { issuer, metadataUrl: `${server.origin}/inside` };
    expect(await explain(await stranger.sign(), options)).toMatchObject({ cause: 'bad_signature' });
    expect(await explain(await outside.sign({ aud: 'api' }), options)).toMatchObject({ cause: 'revoked' });
  });

  it('never prints the token, and names an option that is missing', async () => {
    const token = await key.sign({ aud: 'account' });
    expect(JSON.stringify(await explain(token))).not.toContain(token.split('.')[2]);
    await expect(explain(token, { clientId: undefined as never })).rejects.toThrow(
      'explainInactive: "clientId" must be a string',
    );
  });

  it('explains inactive tokens for an authorizer, with the keys that its client fetches', async () => {
    server.always(inactive());
    const events: IntrospectEvent[] = [];
    const authorizer = new Authorizer(
      keycloak({
        issuer: server.origin,
        clientId: 'api',
        clientSecret: 's',
        now: clocks.now,
        onEvent: (event) => void events.push(event),
        explainInactive: (token, context) => explainInactive(token, { ...context, clientId: 'api' }),
      }),
    );
    const work: Promise<unknown>[] = [];
    const authorization = `Bearer ${await key.sign({ aud: 'account' })}`;
    const request = { authorization, waitUntil: (promise: Promise<unknown>) => void work.push(promise) };
    await expect(authorizer.authorize(request)).rejects.toMatchObject({ reason: 'inactive' });
    await Promise.all(work);
    await expect
      .poll(() => events.filter(({ type }) => type === 'inactive_explained'), { timeout: 60_000 })
      .toMatchObject([{ cause: 'audience_mismatch' }]);
    expect(keyFetches(server)).toBe(1);
    server.always(active());
  });
});
