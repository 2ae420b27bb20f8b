import { generateKeyPairSync } from 'node:crypto';
import { IntrospectionClient } from '@acme/introspect-core';
import { json, startScriptedServer } from '@acme/introspect-testing';
import type { ScriptedZitadelOptions } from '@acme/introspect-testing/zitadel';
import { exportJWK, SignJWT } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { introspect } from './support/introspect.js';
import { adminToken, held, nothing, type ZitadelProject, zitadelProject } from './support/zitadel-project.js';

// The public host is reserved (RFC 2606), so a request to it would fail.
const host = 'auth.example.com';
const publicIssuer = `https://${host}`;
const discovery = '/.well-known/openid-configuration';
const register = ['register', '--project', 'shop', '--role', 'reader', '--service-user'];

/** A ZITADEL that can be reached only at its internal address. It responds 404 to requests without the public host. */
const internalZitadel = (options: ScriptedZitadelOptions = {}) =>
  zitadelProject({ domain: host, secure: true, ...options });

/** Runs a command with the internal address as issuer. */
const overAddress = ({ folder, zitadel }: ZitadelProject, ...args: string[]) =>
  introspect([...args, '--issuer', zitadel.origin, '--instance-host', host], {
    cwd: folder,
    env: { ZITADEL_ADMIN_PAT: adminToken },
  });

/** Runs a command with only the env file and the secrets. */
const byEnvFile = ({ folder }: ZitadelProject, ...args: string[]) =>
  introspect([...args, '--env', '.env'], { cwd: folder, env: { ZITADEL_ADMIN_PAT: adminToken } });

/** Gets a token with these variables, checks that it is active, and returns its claims. */
async function claimsOf(env: Record<string, string | undefined>): Promise<Record<string, unknown>> {
  const issued = await introspect(['get-token'], { env });
  expect([issued.code, issued.stderr]).toEqual([0, '']);
  const { code, stdout } = await introspect(['token', '--json'], { env, stdin: issued.stdout });
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

describe.each(['basic', 'key'])('an internal address with --instance-host, for an API by %s', (auth) => {
  it('lets register write an env file with which every command works', async () => {
    const project = await internalZitadel({ credentialsLag: 2 });
    const { code, stdout } = await overAddress(project, ...register, '--auth', auth, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout).issuer).toBe(publicIssuer);
    expect(project.variables()).toMatchObject({
      ZITADEL_ISSUER: publicIssuer,
      ZITADEL_INSTANCE_HOST: host,
      INTROSPECTION_ENDPOINT: `${project.zitadel.origin}/oauth/v2/introspect`,
    });
    expect(await claimsOf(project.variables())).toMatchObject({ active: true, iss: publicIssuer });
    const doctor = await byEnvFile(project, 'doctor', '--timeout-ms', '20000', '--json');
    expect(JSON.parse(doctor.stdout)).toMatchObject({ ok: true, errors: 0, warnings: 0 });
    const again = await byEnvFile(project, ...register);
    expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('unchanged')]);
    expect((await byEnvFile(project, 'register', '--undo')).code).toBe(0);
    expect(held(project)).toEqual(nothing);
    expect(project.files()).toEqual([]);
    for (const request of project.zitadel.requests) expect(request.field('x-zitadel-instance-host')).toEqual([host]);
  });

  it('works with every command that gets the internal address as an option', async () => {
    const project = await internalZitadel();
    await overAddress(project, ...register, '--auth', auth);
    const env = { ...project.variables(), ZITADEL_ISSUER: project.zitadel.origin, INTROSPECTION_ENDPOINT: undefined };
    expect(await claimsOf(env)).toMatchObject({ active: true, iss: publicIssuer });
    const doctor = await introspect(['doctor', '--timeout-ms', '20000', '--json'], { cwd: project.folder, env });
    expect(JSON.parse(doctor.stdout)).toMatchObject({ ok: true, errors: 0, warnings: 0 });
    expect(await overAddress(project, ...register)).toMatchObject({ code: 0 });
    expect(await overAddress(project, 'register', '--undo')).toMatchObject({ code: 0 });
    expect(held(project)).toEqual(nothing);
  });
});

describe('an internal address with --instance-host', () => {
  it('is where an IntrospectionClient with the written variables sends requests', async () => {
    const project = await internalZitadel();
    await overAddress(project, ...register);
    const { stdout: token } = await byEnvFile(project, 'get-token');
    const variables = project.variables();
    const client = new IntrospectionClient({
      issuer: String(variables.ZITADEL_ISSUER),
      introspectionEndpoint: String(variables.INTROSPECTION_ENDPOINT),
      clientId: String(variables.ZITADEL_CLIENT_ID),
      clientSecret: String(variables.ZITADEL_CLIENT_SECRET),
      headers: { 'x-zitadel-instance-host': String(variables.ZITADEL_INSTANCE_HOST) },
    });
    expect(await client.introspect(token.trim())).toMatchObject({ active: true, iss: publicIssuer });
  });

  it('may have the same port and scheme as the public issuer', async () => {
    const project = await zitadelProject({ domain: 'localhost' });
    const { host: address } = new URL(project.zitadel.origin);
    const localHost = address.replace('127.0.0.1', 'localhost');
    const { code } = await project.run(...register, '--instance-host', localHost);
    expect(code).toBe(0);
    expect(project.variables().ZITADEL_ISSUER).toBe(`http://${localHost}`);
  });

  it('provides the keys with which token explains a JWT of the public issuer', async () => {
    const project = await internalZitadel();
    await overAddress(project, ...register);
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    project.zitadel.at('/oauth/v2/keys', json({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256' }] }));
    const ZITADEL_TOKEN = await new SignJWT({ iss: publicIssuer, aud: ['x'], exp: 1 })
      .setProtectedHeader({ alg: 'RS256', kid: 'k' })
      .sign(privateKey);
    const env = { ...project.variables(), ZITADEL_TOKEN };
    const { code, stdout } = await introspect(['token', '--json'], { env });
    expect(code).toBe(1);
    expect(JSON.parse(stdout).explanation).toMatchObject({
      cause: 'expired',
      message: expect.not.stringContaining('not checked'),
    });
  });

  it('is the address in the output of token --curl', async () => {
    const project = await internalZitadel();
    await overAddress(project, ...register);
    const { stdout } = await byEnvFile(project, 'token', '--curl');
    expect(stdout).toContain(`--url '${project.zitadel.origin}/oauth/v2/introspect'`);
    expect(stdout).toContain(`--header 'x-zitadel-instance-host: ${host}'`);
  });

  it('is removed from the env file when register writes a server without an instance host there', async () => {
    const internal = await internalZitadel();
    await overAddress(internal, ...register);
    const project = await zitadelProject();
    project.write('.env', `${internal.file('.env')}OTHER=1\n`);
    expect((await project.run('register', '--project', 'shop', '--force')).code).toBe(0);
    expect(project.variables()).toMatchObject({ ZITADEL_ISSUER: project.zitadel.origin, OTHER: '1' });
    expect(project.variables()).not.toHaveProperty('ZITADEL_INSTANCE_HOST');
    expect(project.variables()).not.toHaveProperty('INTROSPECTION_ENDPOINT');
  });
});

describe('a server at an internal address', () => {
  /** Everything that a command needs to send credentials. */
  const credentials = {
    ZITADEL_PROJECT_ID: '1',
    ZITADEL_CLIENT_ID: 'api',
    ZITADEL_CLIENT_SECRET: 'canary-secret',
    ZITADEL_SERVICE_USER: 'robot',
    ZITADEL_SERVICE_USER_SECRET: 'canary-secret',
    ZITADEL_TOKEN: 'canary-token',
    ZITADEL_ADMIN_PAT: 'canary-pat',
  };
  const commands = [['get-token'], ['token'], ['token', '--curl'], ['doctor'], ['register', '--project', 'shop']];

  it.each([
    ['another host', 'https://other.example.com'],
    ['another port', `https://${host}:8443`],
    ['a host that begins with the instance host', `https://${host}.other.example`],
    ['a host that ends with the instance host', `https://other-${host}`],
    ['a path', `https://${host}/other`],
    ['a slash', `https://${host}/`],
    ['a user name', `https://${host}@other.example`],
    ['another scheme', `ftp://${host}`],
    ['nothing', undefined],
  ])('that names an issuer with %s is sent no credentials', async (_, issuer) => {
    const project = await internalZitadel();
    const { origin } = project.zitadel;
    project.zitadel.at(
      discovery,
      json({ issuer, token_endpoint: `${origin}/t`, introspection_endpoint: `${origin}/oauth/v2/introspect` }),
    );
    for (const command of commands) {
      const args = [...command, '--issuer', origin, '--instance-host', host];
      const { code, stdout, stderr } = await introspect(args, { cwd: project.folder, env: credentials });
      expect([command, code]).toEqual([command, command[0] === 'doctor' ? 1 : 3]);
      expect(stdout + stderr).not.toContain('canary');
    }
    const urls = new Set(project.zitadel.requests.map(({ url }) => url));
    expect(urls).toEqual(new Set([discovery]));
    expect(project.files()).toEqual([]);
  });

  it('that names a plain http issuer at a public host is sent no credentials', async () => {
    const project = await internalZitadel({ secure: false });
    for (const command of commands) {
      const args = [...command, '--issuer', project.zitadel.origin, '--instance-host', host];
      const { code, stderr } = await introspect(args, { cwd: project.folder, env: credentials });
      expect([command, code]).toEqual([command, command[0] === 'doctor' ? 1 : 2]);
      if (command[0] !== 'doctor') expect(stderr).toMatch(/^The issuer that the server names must be https/);
    }
    expect(new Set(project.zitadel.requests.map(({ url }) => url))).toEqual(new Set([discovery]));
  });

  it('that knows no such instance makes each command fail with an error that names the instance host', async () => {
    const project = await internalZitadel();
    const wrong = 'wrong.example.com';
    for (const command of commands) {
      const args = [...command, '--issuer', project.zitadel.origin, '--instance-host', wrong];
      const { code, stdout, stderr } = await introspect(args, { cwd: project.folder, env: credentials });
      expect([command, code]).toEqual([command, command[0] === 'doctor' ? 1 : 3]);
      expect(stdout + stderr).toContain(`no instance of the host ${wrong}`);
      expect(stdout + stderr).not.toContain('For an internal address');
    }
  });

  it('that names another issuer is reported by doctor with both names', async () => {
    const project = await internalZitadel();
    project.zitadel.at(discovery, json({ issuer: 'https://other.example.com' }));
    const args = ['doctor', '--issuer', project.zitadel.origin, '--instance-host', host];
    const { stdout } = await introspect(args, { env: credentials });
    expect(stdout).toContain(
      `The server names the issuer https://other.example.com, and --instance-host (ZITADEL_INSTANCE_HOST) is ${host} (issuer_mismatch_host)`,
    );
  });

  it('that only a file names is sent nothing, when the issuer comes from elsewhere', async () => {
    const project = await zitadelProject({ domain: 'localhost' });
    const evil = await startScriptedServer();
    onTestFinished(() => evil.close());
    const issuer = project.zitadel.origin.replace('127.0.0.1', 'localhost');
    const { introspectionEndpoint, origin } = evil;
    evil.at(discovery, json({ issuer, introspection_endpoint: introspectionEndpoint, token_endpoint: origin }));
    const { host: instanceHost } = new URL(issuer);
    const variables = `ZITADEL_INSTANCE_HOST=${instanceHost}\nINTROSPECTION_ENDPOINT=${introspectionEndpoint}`;
    project.write('evil.env', variables);
    for (const command of commands) {
      const byEnvironment = { ...credentials, ZITADEL_ISSUER: issuer };
      await introspect([...command, '--env', 'evil.env'], { cwd: project.folder, env: byEnvironment });
      await introspect([...command, '--env', 'evil.env', '--issuer', issuer], {
        cwd: project.folder,
        env: credentials,
      });
    }
    expect(evil.requests).toEqual([]);
    expect(project.zitadel.requests.length).toBeGreaterThan(0);
  });

  it.each([
    [{ ZITADEL_INSTANCE_HOST: publicIssuer }, '--instance-host (ZITADEL_INSTANCE_HOST) is not a host'],
    [{ ZITADEL_INSTANCE_HOST: `u:canary@${host}` }, '--instance-host (ZITADEL_INSTANCE_HOST) is not a host'],
    [{ ZITADEL_INSTANCE_HOST: host, INTROSPECTION_ENDPOINT: 'canary' }, 'INTROSPECTION_ENDPOINT is not a URL'],
    [
      { ZITADEL_INSTANCE_HOST: host, INTROSPECTION_ENDPOINT: 'http://internal.example/i' },
      'INTROSPECTION_ENDPOINT must be https, except on this machine',
    ],
  ])('that the environment names in an invalid way is sent nothing: %j', async (changed, message) => {
    for (const command of commands) {
      const env = { ...credentials, ZITADEL_ISSUER: publicIssuer, ...changed };
      const { code, stdout, stderr } = await introspect(command, { env });
      expect([command, code, stdout]).toEqual([command, 2, '']);
      expect(stderr).toContain(message);
      expect(stderr).not.toContain('canary');
    }
  });
});
