import { IntrospectionClient } from '@acme/introspect-core';
import { privateKeyJwt } from '@acme/introspect-core/private-key-jwt';
import { describe, expect, it } from 'vitest';
import { all, everything, held, zitadelProject } from '../../support/zitadel-project.js';

describe('introspect register, run twice,', () => {
  it('creates nothing twice', async () => {
    const project = await zitadelProject();
    await project.run('register', ...everything);
    const writes = project.zitadel.writes().length;
    const written = project.files().map((name) => [project.file(name), project.inode(name)]);
    const { code, stdout } = await project.run('register', ...everything, '--json');
    expect(code).toBe(0);
    expect(project.zitadel.writes()).toHaveLength(writes);
    expect(project.files().map((name) => [project.file(name), project.inode(name)])).toEqual(written);
    expect(JSON.parse(stdout)).toMatchObject({
      project: { made: false },
      roles: [{ made: false }, { made: false }],
      app: { made: false, credentials: 'unchanged' },
      serviceUser: { made: false, credentials: 'unchanged' },
    });
  });

  it('reports that the file is unchanged', async () => {
    const project = await zitadelProject();
    await project.run('register', ...everything);
    const { stdout } = await project.run('register', ...everything);
    expect(stdout).toMatch(/^unchanged {5}\S+\/\.env\s*$/m);
    expect(stdout).not.toContain('written');
  });

  it.each(['basic', 'key'])('needs no --force for its own files: %s', async (method) => {
    const project = await zitadelProject();
    const args = [...everything, '--auth', method];
    await project.run('register', ...args);
    expect(await project.run('register', ...args, '--dry-run')).toMatchObject({
      code: 0,
      stdout: 'There is nothing to do.\n',
    });
    const before = project.variables();
    const { code } = await project.run('register', ...args, '--role', 'admin', '--rotate');
    expect(code).toBe(0);
    expect(project.variables().ZITADEL_SERVICE_USER_SECRET).not.toBe(before.ZITADEL_SERVICE_USER_SECRET);
    expect(held(project).projects).toEqual([{ name: 'shop', roles: ['reader', 'writer', 'admin'], apps: ['api'] }]);
  });

  it('finds the service user by the login name that the server assigned', async () => {
    const project = await zitadelProject({ loginDomain: 'shop.example' });
    await project.run('register', ...everything);
    expect(project.variables().ZITADEL_SERVICE_USER).toBe('shop-api@shop.example');
    const writes = project.zitadel.writes().length;
    expect((await project.run('register', ...everything)).code).toBe(0);
    expect(project.zitadel.writes()).toHaveLength(writes);
  });

  it('adds new roles, and grants them', async () => {
    const project = await zitadelProject();
    await project.run('register', ...everything);
    await project.run('register', ...everything, '--role', 'admin', '--force');
    expect(held(project)).toEqual({
      projects: [{ name: 'shop', roles: ['reader', 'writer', 'admin'], apps: ['api'] }],
      users: ['shop-api'],
      grants: [['reader', 'writer', 'admin']],
    });
  });

  it('requires --rotate if the env file does not contain the secret, and changes nothing', async () => {
    const project = await zitadelProject();
    const first = await project.run('register', '--project', 'shop');
    expect([first.code, first.stderr]).toEqual([0, '']);
    const writes = project.zitadel.writes().length;
    const { code, stderr } = await project.run('register', '--project', 'shop', '--role', 'new', '--out', 'b.env');
    expect([code, stderr]).toEqual([2, expect.stringContaining('--rotate')]);
    expect(project.zitadel.writes()).toHaveLength(writes);
    expect(project.has('b.env')).toBe(false);
  });

  it('creates a new secret with --rotate, which replaces the old one', async () => {
    const project = await zitadelProject({ credentialsLag: 1 });
    await project.run('register', ...everything);
    const before = project.variables();
    const { code } = await project.run('register', ...everything, '--force', '--rotate');
    expect(code).toBe(0);
    const after = project.variables();
    expect(held(project)).toEqual(all);
    expect(after.ZITADEL_CLIENT_ID).toBe(before.ZITADEL_CLIENT_ID);
    expect(after.ZITADEL_CLIENT_SECRET).not.toBe(before.ZITADEL_CLIENT_SECRET);
    expect(after.ZITADEL_SERVICE_USER_SECRET).not.toBe(before.ZITADEL_SERVICE_USER_SECRET);
  });

  it('creates another key with --rotate, and the old one stays valid', async () => {
    const project = await zitadelProject();
    const key = ['--project', 'shop', '--out', 'key.json', '--auth', 'key'];
    await project.run('register', ...key);
    const old = privateKeyJwt({ keyJson: project.file('key.json') });
    expect((await project.run('register', ...key, '--force', '--rotate')).code).toBe(0);
    const client = new IntrospectionClient({ issuer: project.zitadel.origin, clientAuthentication: old });
    expect(await client.introspect('unknown')).toEqual({ active: false });
    const [app] = [...project.zitadel.objects.projects.values()][0]?.apps.values() ?? [];
    expect(app?.credentials.size).toBe(2);
    expect(app?.credentials.has(JSON.parse(project.file('key.json')).keyId)).toBe(true);
  });

  it('finds what does not appear in searches yet', async () => {
    const project = await zitadelProject({ searchLag: 3 });
    await project.run('register', '--project', 'shop', '--app', 'a', '--role', 'reader', '--out', 'a.env');
    const { code } = await project.run(
      'register',
      '--project',
      'shop',
      '--app',
      'b',
      '--role',
      'reader',
      '--out',
      'b.env',
    );
    expect(code).toBe(0);
    expect(held(project).projects).toEqual([{ name: 'shop', roles: ['reader'], apps: ['a', 'b'] }]);
  });

  it('finds a project, a user and a role among several pages of others', async () => {
    const project = await zitadelProject();
    const { projects, users } = project.zitadel.objects;
    const organization = '100000000000000001';
    for (let i = 0; i < 150; i++) {
      const other = { id: `${i}`, name: `other ${i}`, organization, missesLeft: 0 };
      projects.set(other.id, { ...other, projectRoleAssertion: true, roles: new Map(), apps: new Map() });
      users.set(other.id, { ...other, userName: other.name, loginName: other.name, hasJwts: false, active: true });
    }
    await project.run('register', ...everything);
    const shop = [...projects.values()].find(({ name }) => name === 'shop');
    for (let i = 0; i < 150; i++) shop?.roles.set(`role-${i}`, { key: `role-${i}`, displayName: 'one', missesLeft: 0 });
    const writes = project.zitadel.writes().length;
    const { code } = await project.run('register', ...everything, '--force');
    expect(code).toBe(0);
    await project.run('register', '--project', 'shop', '--role', 'role-149', '--force');
    expect(project.zitadel.writes()).toHaveLength(writes);
  });

  it.each([
    ['--project', 'other'],
    ['--project', 'shop', '--app', 'other'],
    ['--project', 'shop', '--service-user', 'other'],
    ['--project', 'shop', '--org', 'other'],
  ])('rejects an env file of another registration: %s %s %s %s', async (...args) => {
    const project = await zitadelProject();
    await project.run('register', ...everything);
    const { code, stderr } = await project.run('register', ...args, '--force');
    expect(code).toBe(2);
    expect(stderr).toContain('api of shop');
    expect(held(project)).toEqual(all);
  });

  it('rejects an --auth that differs from that of the app', async () => {
    const project = await zitadelProject();
    await project.run('register', '--project', 'shop');
    const { code, stderr } = await project.run('register', '--project', 'shop', '--auth', 'key', '--force');
    expect(code).toBe(2);
    expect(stderr).toContain('--auth basic');
  });
});
