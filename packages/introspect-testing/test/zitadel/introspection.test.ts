import { describe, expect, it } from 'vitest';
import {
  api,
  badRequest,
  basic,
  claimsOf,
  inactive,
  introspect,
  manage,
  send,
  serviceUser,
  tokenOf,
  zitadel,
} from './real-zitadel.js';

const noCredentials = badRequest('invalid_request', 'client_id or client_assertion must be provided');
const noSecret = badRequest('invalid_client', 'client must be authenticated');
const tokenMissing = badRequest('invalid_request', 'token missing');
const unauthorizedClient = badRequest('unauthorized_client');

const formType = 'application/x-www-form-urlencoded';

describe('introspection by a scripted ZITADEL', () => {
  const withForm = (form: Record<string, string>, headers: Record<string, string> = {}): RequestInit => ({
    headers,
    body: new URLSearchParams(form),
  });
  const good = () => basic(api.id, api.secret);
  const post = () => ({ client_id: api.id, client_secret: api.secret });
  const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

  it.each<[string, () => RequestInit, object]>([
    ['an unknown token', () => withForm({ token: 'x' }, good()), inactive],
    ['a token of 100 kB', () => withForm({ token: 'x'.repeat(100_000) }, good()), inactive],
    ['the secret in the form', () => withForm({ token: 'x', ...post() }), inactive],
    ['the secret in the form and in Basic', () => withForm({ token: 'x', ...post() }, good()), inactive],
    ['Basic and a client id', () => withForm({ token: 'x', client_id: api.id }, good()), inactive],
    ['no token', () => withForm({}, good()), tokenMissing],
    ['an empty token', () => withForm({ token: '' }, good()), tokenMissing],
    ['no token and a wrong secret', () => withForm({}, basic(api.id, 'wrong')), tokenMissing],
    ['no credentials', () => withForm({ token: 'x' }), noCredentials],
    ['a bearer token as credentials', () => withForm({ token: 'x' }, { authorization: 'Bearer x' }), noCredentials],
    ['Basic without a colon', () => withForm({ token: 'x' }, { authorization: `Basic ${btoa('x')}` }), noCredentials],
    ['Basic that is not base64', () => withForm({ token: 'x' }, { authorization: 'Basic %%%' }), noCredentials],
    [
      'Basic with a bad percent-encoding',
      () => withForm({ token: 'x' }, basic(api.id, '%zz')),
      badRequest('invalid_client', 'invalid basic auth header'),
    ],
    ['Basic with an empty secret', () => withForm({ token: 'x' }, basic(api.id, '')), noSecret],
    ['a client id without a secret', () => withForm({ token: 'x', client_id: api.id }), noSecret],
    ['a wrong secret', () => withForm({ token: 'x' }, basic(api.id, 'wrong')), unauthorizedClient],
    ['an unknown client', () => withForm({ token: 'x' }, basic('unknown', 'x')), unauthorizedClient],
    [
      'an assertion of another type',
      () => withForm({ token: 'x', client_assertion: 'a', client_assertion_type: 'foo' }),
      badRequest('invalid_request', 'invalid client_assertion_type foo'),
    ],
    [
      'an assertion without a type',
      () => withForm({ token: 'x', client_assertion: 'a' }),
      badRequest('invalid_request', 'invalid client_assertion_type '),
    ],
    [
      'an assertion that is not a JWT',
      () => withForm({ token: 'x', client_assertion: 'a', client_assertion_type: assertionType }),
      inactive,
    ],
    [
      'a JSON body',
      () => ({ headers: { ...good(), 'content-type': 'application/json' }, body: '{"token":"x"}' }),
      tokenMissing,
    ],
    ['no content type', () => ({ headers: good(), body: new TextEncoder().encode('token=x') }), tokenMissing],
    [
      'a form that cannot be parsed',
      () => ({ headers: { ...good(), 'content-type': formType }, body: 'token=%zz' }),
      badRequest('invalid_request', 'error parsing form'),
    ],
  ])('responds to %s as a real server', async (_, init, expected) => {
    const { status, body } = await send('/oauth/v2/introspect', { method: 'POST', ...init() });
    expect({ status, body }).toEqual(expected);
  });

  it.each([
    ['GET', inactive],
    ['PUT', inactive],
    ['DELETE', inactive],
  ])('reads the token from the query of %s', async (method, expected) => {
    const { status, body } = await send('/oauth/v2/introspect?token=x', { method, headers: good() });
    expect({ status, body }).toEqual(expected);
  });

  it('does not read the body of DELETE', async () => {
    const init = { method: 'DELETE', ...withForm({ token: 'x' }, good()) };
    expect(await send('/oauth/v2/introspect', init)).toMatchObject(tokenMissing);
  });

  it('responds to its other paths and hosts as a real server', async () => {
    expect(await send('/oauth/v2/nothing', {})).toMatchObject({ status: 404, body: '404 page not found\n' });
    const { status, body, headers } = await send('/oauth/v2/introspect', { headers: { 'x-forwarded-host': 'other' } });
    expect([status, headers.get('content-type')]).toEqual([404, 'text/plain; charset=utf-8']);
    expect(body).toBe(
      'unable to set instance using origin &{other  http} (ExternalDomain is localhost): ID=QUERY-1kIjX ' +
        'Message=Instance not found. Make sure you got the domain right. ' +
        'Check out https://zitadel.com/docs/apis/introduction#domains',
    );
    const metadata = await send('/.well-known/oauth-authorization-server', {});
    expect([metadata.status, JSON.parse(metadata.body)]).toEqual([404, { code: 5, message: 'Not Found' }]);
  });

  it('sets a cookie and forbids caching with each response of its OIDC endpoints', async () => {
    for (const path of ['/oauth/v2/introspect', '/oauth/v2/token', '/.well-known/openid-configuration']) {
      const { headers } = await send(path, { method: 'POST' });
      expect(headers.get('set-cookie')).toMatch(/^zitadel\.useragent=\w+; .*Max-Age=31536000/);
      expect([headers.get('cache-control'), headers.get('pragma')]).toEqual(['no-store', 'no-cache']);
      expect(headers.has('www-authenticate')).toBe(false);
    }
    expect((await send('/oauth/v2/keys', {})).headers.get('cache-control')).toBe('max-age=300, must-revalidate');
  });

  it('reports a good token as inactive while it cannot read tokens, and rejects a wrong secret', async () => {
    const token = await tokenOf(await serviceUser());
    zitadel.failInternally('tokens');
    expect(await introspect(token)).toEqual(inactive);
    expect(await introspect(token, basic(api.id, 'wrong'))).toEqual(unauthorizedClient);
    zitadel.failInternally(undefined);
    expect(await claimsOf(token)).toMatchObject({ active: true });
  });

  it('responds with inactive to a wrong secret too while it cannot read clients', async () => {
    zitadel.failInternally('clients');
    expect(await introspect('x')).toEqual(inactive);
    expect(await introspect('x', basic(api.id, 'wrong'))).toEqual(inactive);
  });

  it('rejects the credentials of an inactive app, and shows its state in searches', async () => {
    const path = `/projects/${api.pid}/apps`;
    const states = async () => (await manage('POST', `${path}/_search`, {})).result;
    expect(await states()).toMatchObject([{ state: 'APP_STATE_ACTIVE' }]);
    await manage('POST', `${path}/${api.appId}/_deactivate`, {});
    expect(await introspect('x')).toEqual(unauthorizedClient);
    expect(await states()).toMatchObject([{ state: 'APP_STATE_INACTIVE' }]);
    expect(await manage('POST', `${path}/${api.appId}/_deactivate`, {})).toMatchObject({ status: 400, code: 9 });
    await manage('POST', `${path}/${api.appId}/_reactivate`, {});
    expect(await introspect('x')).toEqual(inactive);
    expect(await manage('POST', `${path}/${api.appId}/_reactivate`, {})).toMatchObject({ status: 400, code: 9 });
  });
});
