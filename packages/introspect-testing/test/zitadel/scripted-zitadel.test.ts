import { generateKeyPairSync } from 'node:crypto';
import { IntrospectionClient } from '@acme/introspect-core';
import { privateKeyJwt } from '@acme/introspect-core/private-key-jwt';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type ScriptedZitadel, startScriptedZitadel } from '../../src/zitadel/index.js';

let zitadel: ScriptedZitadel;
beforeEach(async () => {
  zitadel = await startScriptedZitadel();
});
afterEach(() => zitadel.close());

interface Called {
  status: number;
  [member: string]: unknown;
}

/** Calls the management API, and returns the body and the status of the response. */
async function call(
  method: string,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<Called> {
  const response = await fetch(`${zitadel.origin}/management/v1${path}`, {
    method,
    headers: { authorization: 'Bearer admin-pat', ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { ...(await response.json()), status: response.status };
}

async function apiApp(type = 'BASIC') {
  const { id: pid } = await call('POST', '/projects', { name: 'shop' });
  const authMethodType = `API_AUTH_METHOD_TYPE_${type}`;
  const { appId, clientId, clientSecret } = await call('POST', `/projects/${pid}/apps/api`, {
    name: 'api',
    authMethodType,
  });
  return { pid, appId, clientId: String(clientId), clientSecret: String(clientSecret) };
}

describe('a scripted ZITADEL', () => {
  it.each([
    ['an unknown project', 404, 5, 'DELETE', '/projects/1', undefined],
    ['an unknown path', 404, 5, 'POST', '/nothing', {}],
    ['a name that is taken', 409, 6, 'POST', '/projects', { name: 'shop' }],
    ['an empty name', 400, 3, 'POST', '/projects', { name: '' }],
    ['an unknown query', 400, 3, 'POST', '/projects/_search', { queries: [{ idQuery: {} }] }],
  ])('rejects a request like the gateway: %s', async (_, status, code, method, path, body) => {
    await call('POST', '/projects', { name: 'shop' });
    expect(await call(method, path, body)).toMatchObject({ status, code, message: expect.any(String) });
  });

  it.each([
    ['another token', 401, 16, { authorization: 'Bearer other' }],
    ['another organisation', 403, 7, { 'x-zitadel-orgid': 'other' }],
  ])('rejects a request like the gateway: %s', async (_, status, code, headers) => {
    expect(await call('POST', '/projects/_search', {}, headers)).toMatchObject({ status, code, details: [{}] });
  });

  it('leaves members with their default value out of its responses', async () => {
    const { pid } = await apiApp();
    expect(await call('POST', `/projects/${pid}/roles/_search`, {})).not.toHaveProperty('result');
    const { result } = await call('POST', `/projects/${pid}/apps/_search`, {});
    expect(result).toEqual([expect.objectContaining({ apiConfig: { clientId: expect.any(String) } })]);
  });

  it('returns pages of 100', async () => {
    for (let i = 0; i < 101; i++) await call('POST', '/projects', { name: `p${i}` });
    const first = await call('POST', '/projects/_search', {});
    expect(first.result).toHaveLength(100);
    expect(first.details).toMatchObject({ totalResult: '101' });
    const next = await call('POST', '/projects/_search', { query: { offset: '100' } });
    expect(next.result).toMatchObject([{ name: 'p100' }]);
  });

  it('reports personal access tokens as active for every API, until their user is deactivated', async () => {
    const { clientId, clientSecret } = await apiApp();
    const { userId } = await call('POST', '/users/machine', { userName: 'robot', name: 'Robot' });
    const { token } = await call('POST', `/users/${userId}/pats`, {});
    const client = new IntrospectionClient({ issuer: zitadel.origin, clientId, clientSecret });
    expect(await client.introspect(String(token))).toMatchObject({ active: true, sub: userId, exp: 253_402_300_799 });
    expect((await call('POST', `/users/${userId}/_deactivate`, {})).status).toBe(200);
    expect(await client.introspect(String(token))).toEqual({ active: false });
    expect(await call('POST', `/users/${userId}/_deactivate`, {})).toMatchObject({ status: 400, code: 9 });
    expect((await call('POST', `/users/${userId}/_reactivate`, {})).status).toBe(200);
    expect(await client.introspect(String(token))).toEqual({ active: false });
  });

  it('reports a token as inactive if its scope does not contain the project', async () => {
    const { clientId, clientSecret } = await apiApp();
    const { userId } = await call('POST', '/users/machine', { userName: 'robot', name: 'Robot' });
    const { clientSecret: secret } = await call('PUT', `/users/${userId}/secret`, {});
    const response = await fetch(`${zitadel.origin}/oauth/v2/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`robot:${secret}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'openid profile' }),
    });
    const { access_token: token } = (await response.json()) as { access_token: string };
    const client = new IntrospectionClient({ issuer: zitadel.origin, clientId, clientSecret });
    expect(await client.introspect(token)).toEqual({ active: false });
  });

  it('distinguishes people from service users, gives both a secret, and issues tokens only for service users', async () => {
    const { userId: machineId } = await call('POST', '/users/machine', { userName: 'robot', name: 'Robot' });
    const profile = { firstName: 'Mickey', lastName: 'Mouse' };
    const email = { email: 'mickey@example.com' };
    const { userId: humanId } = await call('POST', '/users/human', { userName: 'mickey', profile, email });
    const human = { profile: { ...profile, displayName: 'Mickey Mouse' }, email };
    const robot = { id: machineId, userName: 'robot', machine: { name: 'Robot' } };
    const mickey = { id: humanId, userName: 'mickey', human };
    const { result } = await call('POST', '/users/_search', {});
    expect(result).toEqual([expect.objectContaining(robot), expect.objectContaining(mickey)]);
    expect(await call('GET', `/users/${humanId}`)).toMatchObject({ user: mickey });
    expect(await call('GET', '/users/1')).toMatchObject({ status: 404, code: 5 });
    const refused = await call('POST', '/users/human', { userName: 'donald', profile: { firstName: 'Donald' }, email });
    expect(refused).toMatchObject({ status: 400, code: 3 });
    for (const [id, name, status] of [
      [machineId, 'robot', 200],
      [humanId, 'mickey', 400],
    ] as const) {
      const { clientSecret } = await call('PUT', `/users/${id}/secret`, {});
      const response = await fetch(`${zitadel.origin}/oauth/v2/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(`${name}:${clientSecret}`)}` },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      });
      expect(response.status).toBe(status);
    }
  });

  it('finds its instance by the instance host or else by Host, and names the issuer of the request', async () => {
    const own = await startScriptedZitadel({ domain: 'auth.example.com' });
    onTestFinished(() => own.close());
    const discovery = (origin: string, host?: string) =>
      fetch(`${origin}/.well-known/openid-configuration`, {
        headers: host === undefined ? {} : { 'x-zitadel-instance-host': host },
      });
    for (const host of [undefined, 'other.example.com']) {
      const response = await discovery(own.origin, host);
      expect([response.status, response.headers.get('content-type')]).toEqual([404, 'text/plain; charset=utf-8']);
    }
    for (const host of ['auth.example.com', 'auth.example.com:8080']) {
      expect(await (await discovery(own.origin, host)).json()).toMatchObject({
        issuer: `http://${host}`,
        introspection_endpoint: `http://${host}/oauth/v2/introspect`,
      });
    }
    expect(await (await discovery(zitadel.origin)).json()).toMatchObject({ issuer: zitadel.origin });
    expect((await discovery(zitadel.origin, 'auth.example.com')).status).toBe(404);
    const management = await fetch(`${own.origin}/management/v1/projects/_search`, { method: 'POST' });
    expect(management.status).toBe(404);
  });

  it('accepts only an assertion by a key that it created', async () => {
    const { pid, appId } = await apiApp('PRIVATE_KEY_JWT');
    const { keyDetails } = await call('POST', `/projects/${pid}/apps/${appId}/keys`, { type: 'KEY_TYPE_JSON' });
    const keyFile = JSON.parse(Buffer.from(String(keyDetails), 'base64').toString());
    const introspect = (file: object) =>
      new IntrospectionClient({
        issuer: zitadel.origin,
        clientAuthentication: privateKeyJwt({ keyJson: JSON.stringify(file) }),
      }).introspect('unknown');
    expect(await introspect(keyFile)).toEqual({ active: false });
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = privateKey.export({ type: 'pkcs1', format: 'pem' });
    await expect(introspect({ ...keyFile, key })).rejects.toMatchObject({ code: 'invalid_client' });
    await expect(introspect({ ...keyFile, keyId: 'other' })).rejects.toMatchObject({ code: 'invalid_client' });
  });
});
