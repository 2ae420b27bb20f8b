import { IntrospectionClient } from '@acme/introspect-core';
import { zitadelRoles } from '@acme/introspect-core/zitadel';
import { active, json } from '@acme/introspect-testing';
import { describe, expect, it } from 'vitest';
import { introspect, introspectAtTerminal } from '../../support/introspect.js';
import { type ZitadelProject, zitadelProject } from '../../support/zitadel-project.js';

const register = ['register', '--project', 'shop', '--role', 'reader', '--service-user'];
const getToken = ['get-token', '--env', '.env'];

/** Registers an API, and returns the variables of its env file as an environment. */
async function registered(project: ZitadelProject): Promise<Record<string, string>> {
  await project.run(...register);
  return Object.fromEntries(Object.entries(project.variables()).map(([name, value]) => [name, value ?? '']));
}

describe('introspect get-token', () => {
  it.each(['basic', 'key'])('gets a token that is active for the registered API: %s', async (method) => {
    const project = await zitadelProject({ credentialsLag: 2 });
    expect((await project.run(...register, '--auth', method)).code).toBe(0);
    const { code, stdout, stderr } = await introspect(getToken, { cwd: project.folder });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^\S{40,}\n$/);
    const token = await introspect(['token', '--env', '.env', '--json'], { cwd: project.folder, stdin: stdout });
    expect(token.code).toBe(0);
    const [shop] = project.zitadel.objects.projects.values();
    const response = JSON.parse(token.stdout);
    expect(response).toMatchObject({ active: true, client_id: 'shop-api', username: 'shop-api', aud: [shop?.id] });
    expect([...zitadelRoles()(response)]).toEqual(['reader']);
    await project.run('register', '--undo');
    expect((await introspect(getToken, { cwd: project.folder })).code).not.toBe(0);
    expect(project.zitadel.objects.users.size + project.zitadel.objects.projects.size).toBe(0);
  });

  it('sends the request that ZITADEL documents', async () => {
    const project = await zitadelProject();
    const env = await registered(project);
    await introspect(['get-token', '--scope', 'email', '--scope', 'urn:zitadel:iam:user:metadata'], { env });
    const request = project.zitadel.requests.findLast(({ url }) => url === '/oauth/v2/token');
    expect(request?.method).toBe('POST');
    const credentials = Buffer.from(`shop-api:${env.ZITADEL_SERVICE_USER_SECRET}`).toString('base64');
    expect(request?.field('authorization')).toEqual([`Basic ${credentials}`]);
    expect(Object.fromEntries(request?.form ?? [])).toEqual({
      grant_type: 'client_credentials',
      scope: `openid profile urn:zitadel:iam:org:project:id:${env.ZITADEL_PROJECT_ID}:aud email urn:zitadel:iam:user:metadata`,
    });
  });

  it('finds the token endpoint in metadata at the path of RFC 8414', async () => {
    const project = await zitadelProject();
    const env = await registered(project);
    const { origin } = project.zitadel;
    project.zitadel.at('/.well-known/openid-configuration', json({}, { status: 404 }));
    project.zitadel.at(
      '/.well-known/oauth-authorization-server',
      json({ issuer: origin, token_endpoint: `${origin}/oauth/v2/token` }),
    );
    expect((await introspect(['get-token'], { env })).code).toBe(0);
  });

  it('reads the metadata at the path of RFC 8414 if the first document names no introspection endpoint', async () => {
    const project = await zitadelProject();
    const env = await registered(project);
    const { origin } = project.zitadel;
    project.zitadel.at('/.well-known/openid-configuration', json({ issuer: origin }));
    project.zitadel.at(
      '/.well-known/oauth-authorization-server',
      json({
        issuer: origin,
        token_endpoint: `${origin}/oauth/v2/token`,
        introspection_endpoint: `${origin}/oauth/v2/introspect`,
      }),
    );
    const { code, stdout } = await introspect(['get-token', '--json'], { env });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ scope: expect.stringContaining('openid profile') });
  });

  it('prints the token response with --json', async () => {
    const project = await zitadelProject();
    const env = await registered(project);
    const { stdout } = await introspect(['get-token', '--json'], { env });
    expect(JSON.parse(stdout)).toEqual({
      access_token: expect.stringMatching(/^\S{40,}$/),
      token_type: 'Bearer',
      expires_in: 43_199,
      scope: `openid profile urn:zitadel:iam:org:project:id:${env.ZITADEL_PROJECT_ID}:aud`,
    });
  });

  it('shows the type, the expiry and the scope at a terminal', async () => {
    const project = await zitadelProject();
    const env = await registered(project);
    const { shown } = await introspectAtTerminal(['get-token'], { cwd: project.folder, env, inputs: [] });
    expect(shown).toMatch(/Bearer token, until .+, scope openid profile urn:/);
  });

  it('shows no expiry if no date can represent it', async () => {
    const project = await zitadelProject();
    const { ZITADEL_CLIENT_SECRET, ...env } = await registered(project);
    project.zitadel.at('/oauth/v2/token', json({ access_token: 'a'.repeat(40), expires_in: 1e300 }));
    const { code, shown } = await introspectAtTerminal(['get-token'], { cwd: project.folder, env, inputs: [] });
    expect([code, shown]).toEqual([0, expect.stringMatching(/Bearer token, requested scope openid /)]);
  });

  it('uses the service user of --service-user, with its secret from stdin', async () => {
    const project = await zitadelProject();
    const { ZITADEL_SERVICE_USER, ZITADEL_SERVICE_USER_SECRET, ...env } = await registered(project);
    const stdin = `${ZITADEL_SERVICE_USER_SECRET}\n`;
    const { code } = await introspect(['get-token', '--service-user', String(ZITADEL_SERVICE_USER)], { env, stdin });
    expect(code).toBe(0);
  });

  it('explains why the project is required', async () => {
    const project = await zitadelProject();
    const { ZITADEL_PROJECT_ID, ...env } = await registered(project);
    const requests = project.zitadel.requests.length;
    const { code, stdout, stderr } = await introspect(['get-token'], { env });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('inactive for every API');
    expect(stderr).toContain('--project-id');
    expect(project.zitadel.requests).toHaveLength(requests);
    const again = await introspect(['get-token', '--project-id', String(ZITADEL_PROJECT_ID)], { env });
    expect(again.code).toBe(0);
  });

  it('reports credentials that the server rejects, without showing them', async () => {
    const project = await zitadelProject();
    const unknown = { ZITADEL_SERVICE_USER: 'unknown', ZITADEL_SERVICE_USER_SECRET: 'canary-secret' };
    const env = { ...(await registered(project)), ...unknown };
    const { code, stdout, stderr } = await introspect(['get-token', '--json'], { env });
    expect(code).toBe(3);
    expect(JSON.parse(stdout).error.code).toBe('invalid_client');
    expect(stdout + stderr).not.toContain('canary');
  });

  it.each([
    ['Errors.User.Machine.Secret.Invalid', 'The client secret of the service user is wrong\n'],
    ['Errors.User.Machine.Secret.NotExisting', 'The service user has no client secret\n'],
    ['Errors.User.NotActive', 'The service user is deactivated or locked\n'],
    ['Errors.User.Canary', 'The server does not accept the credentials of the service user\n'],
  ])('explains the 400 invalid_request of ZITADEL for credentials: %s', async (error_description, message) => {
    const project = await zitadelProject();
    const env = await registered(project);
    project.zitadel.at('/oauth/v2/token', json({ error: 'invalid_request', error_description }, { status: 400 }));
    const { code, stdout, stderr } = await introspect(['get-token'], { env });
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/Canary|without a token/);
    const asJson = await introspect(['get-token', '--json'], { env });
    expect(JSON.parse(asJson.stdout).error.code).toBe('invalid_client');
  });

  it.each([
    ['invalid_scope', json({ error: 'invalid_scope' }, { status: 400 })],
    ['unexpected_response', json({ access_token: 'two\nlines' })],
    ['unexpected_response', json({}, { status: 500 })],
  ])('reports another error of the server: %s', async (expected, response) => {
    const project = await zitadelProject();
    const env = await registered(project);
    project.zitadel.at('/oauth/v2/token', response);
    const { code, stdout } = await introspect(['get-token', '--json'], { env });
    expect(code).toBe(3);
    expect(JSON.parse(stdout).error.code).toBe(expected);
  });

  it('gets a token that is active for an IntrospectionClient with the written variables', async () => {
    const project = await zitadelProject();
    const env = await registered(project);
    const { stdout: token } = await introspect(['get-token'], { env });
    const { ZITADEL_ISSUER: issuer = '', ZITADEL_CLIENT_ID: clientId = '' } = env;
    const client = new IntrospectionClient({ issuer, clientId, clientSecret: env.ZITADEL_CLIENT_SECRET ?? '' });
    expect(await client.introspect(token.trim())).toMatchObject({ active: true, sub: expect.any(String) });
  });
});

describe('the scopes that introspect get-token reports', () => {
  /** Lets introspection respond like ZITADEL, which drops scopes that it does not know. */
  function dropUnknownScopes({ zitadel }: ZitadelProject, scope: string): void {
    zitadel.always(active({ scope, token_type: 'Bearer' }));
  }

  it('are those that the server granted, and it names those that were dropped', async () => {
    const project = await zitadelProject();
    const env = await registered(project);
    const granted = `openid profile urn:zitadel:iam:org:project:id:${env.ZITADEL_PROJECT_ID}:aud`;
    dropUnknownScopes(project, granted);
    const args = ['get-token', '--scope', 'items:read', '--scope', 'foo'];
    const text = await introspect(args, { env });
    expect([text.code, text.stdout]).toEqual([0, expect.stringMatching(/^\S+\n$/)]);
    expect(text.stderr).toMatch(
      /^The server did not grant: items:read foo\nZITADEL grants no scopes of your own: .*\n$/,
    );
    const { stdout, stderr } = await introspect([...args, '--json'], { env });
    expect(JSON.parse(stdout)).toMatchObject({ scope: granted, dropped_scope: 'items:read foo' });
    expect(stderr).toBe('');
  });

  it.each([
    ['credentials are missing', { ZITADEL_CLIENT_SECRET: '' }],
    ['secret is wrong', { ZITADEL_CLIENT_SECRET: 'canary-wrong' }],
  ])("are called requested if the API's %s", async (_, changed) => {
    const project = await zitadelProject();
    const env = { ...(await registered(project)), ...changed };
    const { code, stdout, stderr } = await introspect(['get-token', '--json'], { env });
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 43_199,
      requested_scope: expect.stringMatching(/^openid profile urn:/),
    });
    const { shown } = await introspectAtTerminal(['get-token'], { env });
    expect(shown).toMatch(/requested scope openid .*\nThe granted scopes are unknown: /);
    expect(shown).not.toContain('canary');
  });

  it('are not checked by an API of another project', async () => {
    const project = await zitadelProject();
    const env = await registered(project);
    const requests = project.zitadel.introspections.length;
    const { code, stdout } = await introspect(['get-token', '--project-id', '999', '--json'], { env });
    expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ requested_scope: expect.any(String) })]);
    expect(project.zitadel.introspections).toHaveLength(requests);
  });
});

describe('introspect get-token with a project id', () => {
  it.each(['a b', 'a:b', 'a"b', 'ä'])('that cannot be part of a scope sends no request: %j', async (id) => {
    const project = await zitadelProject();
    const env = await registered(project);
    const requests = project.zitadel.requests.length;
    const { code, stderr } = await introspect(['get-token', '--project-id', id], { env });
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^The project id \(--project-id, ZITADEL_PROJECT_ID\)/)]);
    expect(project.zitadel.requests).toHaveLength(requests);
  });

  it("that is not the API's reports that the token is inactive for the API", async () => {
    const project = await zitadelProject();
    const env = { ...(await registered(project)), ZITADEL_PROJECT_ID: '999' };
    const { code, stdout, stderr } = await introspect(['get-token'], { env });
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^\S+\n$/)]);
    expect(stderr).toMatch(/inactive for the API of ZITADEL_CLIENT_ID\nCheck the project id 999: /);
    const asJson = await introspect(['get-token', '--json'], { env });
    expect([asJson.code, JSON.parse(asJson.stdout).active]).toEqual([1, false]);
  });
});
