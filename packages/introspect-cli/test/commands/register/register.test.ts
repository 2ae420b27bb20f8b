import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { IntrospectionClient } from '@acme/introspect-core';
import { privateKeyJwt } from '@acme/introspect-core/private-key-jwt';
import { inactive, zitadelResponses } from '@acme/introspect-testing';
import { describe, expect, it } from 'vitest';
import { adminToken, all, everything, held, nothing, zitadelProject } from '../../support/zitadel-project.js';

describe('introspect register', () => {
  it.each([
    ['Größe & <Söhne>', 'grosse-sohne-api'],
    ['店', 'api'],
  ])('names the service user of a project without accents and empty parts: %s', async (name, userName) => {
    const project = await zitadelProject();
    expect((await project.run('register', '--project', name, '--service-user')).code).toBe(0);
    expect(held(project).users).toEqual([userName]);
  });

  it('creates project, roles, API and service user with the calls that ZITADEL documents', async () => {
    const project = await zitadelProject();
    const { code, stderr } = await project.run('register', ...everything);
    expect([code, stderr]).toEqual([0, '']);
    expect(held(project)).toEqual(all);
    const [shop] = project.zitadel.objects.projects.values();
    const [user] = project.zitadel.objects.users.values();
    expect(shop?.projectRoleAssertion).toBe(true);
    expect(project.zitadel.writes().map(({ method, url, body }) => [method, url, JSON.parse(body)])).toEqual([
      ['POST', '/management/v1/projects', { name: 'shop', projectRoleAssertion: true }],
      ['POST', `/management/v1/projects/${shop?.id}/roles`, { roleKey: 'reader', displayName: 'reader' }],
      ['POST', `/management/v1/projects/${shop?.id}/roles`, { roleKey: 'writer', displayName: 'May write' }],
      [
        'POST',
        `/management/v1/projects/${shop?.id}/apps/api`,
        { name: 'api', authMethodType: 'API_AUTH_METHOD_TYPE_BASIC' },
      ],
      [
        'POST',
        '/management/v1/users/machine',
        { userName: 'shop-api', name: 'shop-api', accessTokenType: 'ACCESS_TOKEN_TYPE_BEARER' },
      ],
      ['POST', `/management/v1/users/${user?.id}/grants`, { projectId: shop?.id, roleKeys: ['reader', 'writer'] }],
      ['PUT', `/management/v1/users/${user?.id}/secret`, {}],
    ]);
    for (const request of project.zitadel.requests.filter(({ url }) => url.startsWith('/management/'))) {
      expect(request.field('authorization')).toEqual([`Bearer ${adminToken}`]);
      expect(request.field('content-type')).toEqual(['application/json']);
      expect(request.field('x-zitadel-orgid')).toEqual([]);
    }
  });

  it('writes an env file that only its owner can read, and with which an API can introspect', async () => {
    const project = await zitadelProject();
    await project.run('register', '--project', 'shop');
    const [shop] = project.zitadel.objects.projects.values();
    const [app] = shop?.apps.values() ?? [];
    const { ZITADEL_ISSUER: issuer = '', ZITADEL_CLIENT_ID: clientId = '', ...rest } = project.variables();
    const { ZITADEL_CLIENT_SECRET: clientSecret = '' } = rest;
    expect(issuer).toBe(project.zitadel.origin);
    expect(clientId).toBe(app?.clientId);
    expect(rest).toEqual({ ZITADEL_PROJECT_ID: shop?.id, ZITADEL_CLIENT_SECRET: clientSecret });
    expect(project.mode('.env')).toBe('600');
    expect(project.mode('.env.introspect.json')).toBe('600');
    expect(project.files()).toEqual(['.env', '.env.introspect.json']);
    expect(project.file('.env.introspect.json')).not.toContain(clientSecret);
    const client = new IntrospectionClient({ issuer, clientId, clientSecret });
    expect(await client.introspect('unknown')).toEqual({ active: false });
  });

  it('writes an env file that a shell can source', async () => {
    const project = await zitadelProject();
    await project.run('register', ...everything);
    const script = 'set -a; . ./.env; env | grep ^ZITADEL_ | sort';
    const sourced = execFileSync('sh', ['-c', script], { cwd: project.folder, encoding: 'utf8', env: {} });
    const expected = Object.entries(project.variables()).map(([name, value]) => `${name}=${value}`);
    expect(sourced.trim().split('\n')).toEqual(expected.sort());
    expect(expected).toHaveLength(6);
  });

  it('writes the key file unchanged, and an API can introspect with it', async () => {
    const project = await zitadelProject();
    const { code } = await project.run('register', '--project', 'shop', '--auth', 'key');
    expect(code).toBe(0);
    const { ZITADEL_KEY_FILE: path = '', ZITADEL_CLIENT_SECRET: secret } = project.variables();
    expect(path).toBe(join(project.folder, 'zitadel-key.json'));
    expect(secret).toBeUndefined();
    expect(project.mode('zitadel-key.json')).toBe('600');
    const keyFile = readFileSync(path, 'utf8');
    expect(JSON.parse(keyFile)).toMatchObject({ type: 'application', key: expect.stringContaining('BEGIN RSA') });
    const clientAuthentication = privateKeyJwt({ keyJson: keyFile });
    const client = new IntrospectionClient({ issuer: project.zitadel.origin, clientAuthentication });
    expect(await client.introspect('unknown')).toEqual({ active: false });
    const [, added] = project.zitadel.writes().filter(({ url }) => url.includes('/apps/'));
    const { type, expirationDate } = JSON.parse(added?.body ?? '');
    expect(type).toBe('KEY_TYPE_JSON');
    expect(Date.parse(expirationDate) / 86_400_000).toBeCloseTo(Date.now() / 86_400_000 + 365, 1);
  });

  it('writes the key file to --out, and .env beside it', async () => {
    const project = await zitadelProject();
    mkdirSync(join(project.folder, 'secrets'));
    await project.run('register', '--project', 'shop', '--auth', 'key', '--out', 'secrets/shop.json');
    expect(project.variables('secrets/.env').ZITADEL_KEY_FILE).toBe(join(project.folder, 'secrets/shop.json'));
    expect(project.mode('secrets/shop.json')).toBe('600');
    expect(project.files()).toEqual(['secrets']);
  });

  it.each([[], ['--json'], ['--auth', 'key'], ['--dry-run']])('shows no secret with %j', async (...flags) => {
    const project = await zitadelProject({ credentialsLag: 1 });
    const { stdout, stderr } = await project.run('register', ...everything, ...flags);
    expect(stdout).not.toBe('');
    for (const secret of project.secrets()) {
      expect(stdout + stderr).not.toContain(secret);
      expect(stdout + stderr).not.toContain(secret.slice(0, 8));
    }
  });

  it('prints with --json what exists, what was created and what was written', async () => {
    const project = await zitadelProject();
    const { stdout } = await project.run('register', ...everything, '--json');
    const [shop] = project.zitadel.objects.projects.values();
    const [app] = shop?.apps.values() ?? [];
    const [user] = project.zitadel.objects.users.values();
    expect(JSON.parse(stdout)).toEqual({
      issuer: project.zitadel.origin,
      project: { id: shop?.id, name: 'shop', made: true },
      roles: [
        { key: 'reader', made: true },
        { key: 'writer', made: true },
      ],
      app: { id: app?.id, name: 'api', clientId: app?.clientId, method: 'basic', made: true, credentials: 'new' },
      serviceUser: { id: user?.id, name: 'shop-api', made: true, credentials: 'new' },
      files: [join(project.folder, '.env')],
    });
  });

  it('does everything in the organisation of --org', async () => {
    const project = await zitadelProject({ otherOrganizations: ['200000000000000002'] });
    await project.run('register', ...everything, '--org', '200000000000000002');
    const { projects, users, grants } = project.zitadel.objects;
    for (const { organization } of [...projects.values(), ...users.values(), ...grants.values()]) {
      expect(organization).toBe('200000000000000002');
    }
    await project.run('register', '--undo');
    expect(held(project)).toEqual(nothing);
  });
});

describe('introspect register waits until the server accepts the credentials', () => {
  it.each(['basic', 'key'])('of an API and of its service user: %s', async (method) => {
    const project = await zitadelProject({ credentialsLag: 2 });
    const { code } = await project.run('register', ...everything, '--auth', method);
    expect(code).toBe(0);
    expect(project.zitadel.introspections).toHaveLength(5);
    expect(project.zitadel.requests.filter(({ url }) => url === '/oauth/v2/token')).toHaveLength(3);
  });

  it('three times in a row', async () => {
    const project = await zitadelProject();
    const { unauthorizedClient } = zitadelResponses;
    project.zitadel.next(inactive(), inactive(), unauthorizedClient(), inactive());
    await project.run('register', '--project', 'shop');
    expect(project.zitadel.introspections).toHaveLength(6);
  });
});

describe('introspect register overwrites nothing', () => {
  it.each(['.env', 'zitadel-key.json'])('without --force, and sends no request: %s', async (name) => {
    const project = await zitadelProject();
    writeFileSync(join(project.folder, name), 'MINE=1');
    const { code, stderr } = await project.run('register', '--project', 'shop', '--auth', 'key');
    expect(code).toBe(2);
    expect(stderr).toContain(`${name} already exists`);
    expect(stderr).toContain('--force');
    expect(project.file(name)).toBe('MINE=1');
    expect(project.zitadel.requests).toEqual([]);
  });

  it('with --force except its own variables, and makes the file unreadable for others', async () => {
    const project = await zitadelProject();
    writeFileSync(
      join(project.folder, '.env'),
      '# mine\nPORT=3000\nZITADEL_CLIENT_ID=old\nZITADEL_KEY_FILE=old.json\n',
    );
    chmodSync(join(project.folder, '.env'), 0o644);
    expect((await project.run('register', '--project', 'shop', '--force')).code).toBe(0);
    expect(project.file('.env')).toMatch(/^# mine\nPORT=3000\nZITADEL_CLIENT_ID=\d+\n/);
    expect(project.variables().ZITADEL_KEY_FILE).toBeUndefined();
    expect(project.mode('.env')).toBe('600');
  });

  it('of others with --force, even a variable with the name of an inherited member', async () => {
    const project = await zitadelProject();
    project.write('.env', 'toString=1\nA=2\n');
    expect((await project.run('register', '--project', 'shop', '--force')).code).toBe(0);
    expect(project.file('.env')).toMatch(/^toString=1\nA=2\n/);
  });

  it('through a link without --force, and leaves the link with --force', async () => {
    const project = await zitadelProject();
    mkdirSync(join(project.folder, 'secrets'));
    symlinkSync('secrets/first', join(project.folder, '.env'));
    symlinkSync('shop.env', join(project.folder, 'secrets/first'));
    const { code, stderr } = await project.run('register', '--project', 'shop');
    expect([code, stderr]).toEqual([2, expect.stringContaining('.env already exists')]);
    expect((await project.run('register', '--project', 'shop', '--force')).code).toBe(0);
    expect(readlinkSync(join(project.folder, '.env'))).toBe('secrets/first');
    expect(project.variables('secrets/shop.env').ZITADEL_CLIENT_SECRET).toMatch(/.{20}/);
    expect(project.mode('secrets/shop.env')).toBe('600');
  });

  it('and creates nothing if links form a circle', async () => {
    const project = await zitadelProject();
    symlinkSync('.env', join(project.folder, '.env'));
    const { code, stderr } = await project.run('register', '--project', 'shop', '--force');
    expect([code, stderr]).toEqual([2, expect.stringContaining('ELOOP')]);
    expect(project.zitadel.writes()).toEqual([]);
  });

  it('and creates nothing on the server if the file cannot be written', async () => {
    const project = await zitadelProject();
    for (const out of ['missing/.env', '.']) {
      const { code, stderr } = await project.run('register', '--project', 'shop', '--out', out, '--force');
      expect(code).toBe(2);
      expect(stderr).toMatch(/Cannot create a file|EISDIR/);
    }
    expect(project.zitadel.writes()).toEqual([]);
    expect(project.files()).toEqual([]);
  });
});
