import { afterEach, beforeEach } from 'vitest';
import { type ScriptedZitadel, type ScriptedZitadelOptions, startScriptedZitadel } from '../../src/zitadel/index.js';

/** A response with status 400, as a real ZITADEL sends it. */
export const badRequest = (error: string, description?: string) => ({
  status: 400,
  body: JSON.stringify({ error, ...(description !== undefined && { error_description: description }) }),
});
export const inactive = { status: 200, body: '{"active":false}' };
export const roleScope = 'urn:zitadel:iam:org:project:role:';

export let zitadel: ScriptedZitadel;
export let api: { pid: string; appId: string; id: string; secret: string };
beforeEach(() => start());
afterEach(() => zitadel.close());

/** Starts a server with an API of a project with two roles. Each test has one without options. */
export async function start(options: ScriptedZitadelOptions = {}): Promise<void> {
  zitadel = await startScriptedZitadel(options);
  const { id: pid } = await manage('POST', '/projects', { name: 'shop' });
  for (const key of ['reader', 'admin'])
    await manage('POST', `/projects/${pid}/roles`, { roleKey: key, displayName: key });
  const app = await manage('POST', `/projects/${pid}/apps/api`, { name: 'api' });
  api = {
    pid: String(pid),
    appId: String(app.appId),
    id: String(app.clientId),
    secret: String(app.clientSecret),
  };
}

interface Called {
  status: number;
  [member: string]: unknown;
}

/** Calls the management API, and returns the body and the status of the response. */
export async function manage(method: string, path: string, body?: object, pat = 'admin-pat') {
  const url = `${zitadel.origin}/management/v1${path}`;
  const headers = { authorization: `Bearer ${pat}` };
  const response = await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  const called: Called = { ...(await response.json()), status: response.status };
  return called;
}

export async function send(path: string, init: RequestInit) {
  const response = await fetch(`${zitadel.origin}${path}`, init);
  return { status: response.status, body: await response.text(), headers: response.headers };
}

export const basic = (id: string, secret: string) => ({ authorization: `Basic ${btoa(`${id}:${secret}`)}` });

export async function introspect(token: string, headers: Record<string, string> = basic(api.id, api.secret)) {
  const { status, body } = await send('/oauth/v2/introspect', {
    method: 'POST',
    headers,
    body: new URLSearchParams({ token }),
  });
  return { status, body };
}

export async function claimsOf(token: string, headers: Record<string, string> = {}) {
  return JSON.parse((await introspect(token, { ...basic(api.id, api.secret), ...headers })).body);
}

/** Creates a service user with a secret and the role reader. */
export async function serviceUser(accessTokenType = 'ACCESS_TOKEN_TYPE_BEARER') {
  const { userId } = await manage('POST', '/users/machine', { userName: 'robot', name: 'Robot', accessTokenType });
  const { clientSecret } = await manage('PUT', `/users/${userId}/secret`, {});
  await manage('POST', `/users/${userId}/grants`, { projectId: api.pid, roleKeys: ['reader'] });
  return { userId: String(userId), clientSecret: String(clientSecret) };
}

export function requestToken(name: string, secret: string, scope = `openid profile ${audienceScope()}`) {
  const form = new URLSearchParams({ grant_type: 'client_credentials', scope });
  return send('/oauth/v2/token', { method: 'POST', headers: basic(name, secret), body: form });
}

export const audienceScope = () => `urn:zitadel:iam:org:project:id:${api.pid}:aud`;

export async function tokenOf(user: { clientSecret: string }, scope?: string): Promise<string> {
  return JSON.parse((await requestToken('robot', user.clientSecret, scope)).body).access_token;
}

/** Creates a personal access token of a user. */
export async function patOf({ userId }: { userId: string }): Promise<string> {
  return String((await manage('POST', `/users/${userId}/pats`, {})).token);
}
