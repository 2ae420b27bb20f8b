import { IntrospectionClient } from '@acme/introspect-core';
import { privateKeyJwt } from '@acme/introspect-core/private-key-jwt';
import { inactive, json, redirect } from '@acme/introspect-testing';
import { describe, expect, it } from 'vitest';
import { introspect } from '../../support/introspect.js';
import { all, everything, held, nothing, zitadelProject } from '../../support/zitadel-project.js';

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
      const other = { id: `${i}`, name: `other ${i}`, organization, missed: 0 };
      projects.set(other.id, { ...other, projectRoleAssertion: true, roles: new Map(), apps: new Map() });
      users.set(other.id, { ...other, userName: other.name, loginName: other.name, active: true });
    }
    await project.run('register', ...everything);
    const shop = [...projects.values()].find(({ name }) => name === 'shop');
    for (let i = 0; i < 150; i++) shop?.roles.set(`role-${i}`, { key: `role-${i}`, displayName: 'one', missed: 0 });
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

describe('introspect register, interrupted', () => {
  /** The server fails when the app is created. Then there is a record, and no env file. */
  async function interrupted() {
    const project = await zitadelProject();
    project.zitadel.intercept((request, usual) =>
      request.url.endsWith('/apps/api') ? json({ code: 13 }, { status: 500 }) : usual,
    );
    expect((await project.run('register', ...everything)).code).toBe(3);
    expect(project.files()).toEqual(['.env.introspect.json']);
    project.zitadel.intercept((_, usual) => usual);
    return project;
  }

  it.each([
    ['an id and its secret', '.env', 'ZITADEL_CLIENT_ID=mine\nZITADEL_CLIENT_SECRET=canary\n'],
    ['a secret', '.env', 'ZITADEL_CLIENT_SECRET=canary\n'],
    ['the path of a key', '.env', 'ZITADEL_KEY_FILE=mine.json\n'],
    ['a service user', '.env', 'ZITADEL_SERVICE_USER=mine\nZITADEL_SERVICE_USER_SECRET=canary\n'],
    ['a key', 'zitadel-key.json', '{"clientId":"mine","keyId":"1"}'],
  ])('does not overwrite a file that contains %s of others', async (_, name, content) => {
    const project = await interrupted();
    project.write(name, content);
    const writes = project.zitadel.writes().length;
    const args = name === '.env' ? everything : [...everything, '--auth', 'key'];
    const { code, stderr } = await project.run('register', ...args);
    expect(code).toBe(2);
    expect(stderr).toContain(`${name} already exists`);
    expect(project.file(name)).toBe(content);
    expect(project.zitadel.writes()).toHaveLength(writes);
  });

  it('writes to an env file without credentials', async () => {
    const project = await interrupted();
    project.write('.env', 'PORT=3000\n');
    expect((await project.run('register', ...everything)).code).toBe(0);
    expect(project.file('.env')).toMatch(/^PORT=3000\nZITADEL_ISSUER=/);
  });

  const steps = Array.from({ length: 7 }, (_, index) => index + 1);

  it.each(steps)(
    'by a server that fails at change %i, is completed by a second run and undone by a third',
    async (step) => {
      const project = await zitadelProject();
      project.zitadel.intercept((request, usual) =>
        project.zitadel.writes().includes(request) && project.zitadel.writes().length === step
          ? json({ code: 13, message: 'Errors.Internal' }, { status: 500 })
          : usual,
      );
      const first = await project.run('register', ...everything);
      expect(first.code).toBe(3);
      expect(first.stderr).toContain('Errors.Internal');
      if (step > 1) expect(first.stderr).toContain('--undo');
      const second = await project.run('register', ...everything);
      expect([second.code, second.stderr]).toEqual([0, '']);
      expect(held(project)).toEqual(all);
      for (const secret of project.secrets()) expect(first.stdout + first.stderr).not.toContain(secret);
      await project.run('register', '--undo');
      expect(held(project)).toEqual(nothing);
      expect(project.files()).toEqual([]);
    },
  );

  it.each(steps)('by a lost response to change %i, is completed by a second run', async (step) => {
    const project = await zitadelProject();
    let writes = 0;
    project.zitadel.intercept((request, usual) => {
      if (!project.zitadel.writes().includes(request) || ++writes !== step) return usual;
      return (response, each) => {
        response.socket?.destroy();
        usual(response, each);
      };
    });
    expect((await project.run('register', ...everything)).code).toBe(3);
    const second = await project.run('register', ...everything, '--rotate');
    expect([second.code, second.stderr]).toEqual([0, '']);
    expect(held(project)).toEqual(all);
  });

  it('while it waits, has already written the secret that the server shows only once', async () => {
    const project = await zitadelProject();
    project.zitadel.always(json({}, { status: 404 }));
    project.zitadel.next(redirect('http://127.0.0.1:1/'));
    const child = introspect(['register', '--project', 'shop', '--json'], {
      cwd: project.folder,
      env: project.env,
      waits: true,
    });
    await expect.poll(() => project.zitadel.introspections.length, { timeout: 60_000 }).toBeGreaterThan(0);
    expect(project.variables().ZITADEL_CLIENT_SECRET).toMatch(/.{20}/);
    project.zitadel.always(inactive());
    expect((await child).code).toBe(0);
  });
});
