import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { json } from '@acme/introspect-testing';
import { describe, expect, it } from 'vitest';
import { introspect } from '../../support/introspect.js';
import {
  addPerson,
  adminToken,
  all,
  everything,
  held,
  nothing,
  zitadelProject,
} from '../../support/zitadel-project.js';

describe('introspect register --dry-run', () => {
  it('prints the calls, and changes and writes nothing', async () => {
    const project = await zitadelProject();
    const { code, stdout } = await project.run('register', ...everything, '--dry-run', '--json');
    expect(code).toBe(0);
    expect(project.zitadel.writes()).toEqual([]);
    expect(project.files()).toEqual([]);
    const base = `${project.zitadel.origin}/management/v1`;
    const { dryRun, calls } = JSON.parse(stdout);
    expect(dryRun).toBe(true);
    expect(calls.map(({ method, url }: { method: string; url: string }) => `${method} ${url}`)).toEqual([
      `POST ${base}/projects`,
      `POST ${base}/projects/<projectId>/roles`,
      `POST ${base}/projects/<projectId>/roles`,
      `POST ${base}/projects/<projectId>/apps/api`,
      `POST ${base}/users/machine`,
      `POST ${base}/users/<userId>/grants`,
      `PUT ${base}/users/<userId>/secret`,
    ]);
  });

  it('prints only what is missing', async () => {
    const project = await zitadelProject();
    await project.run('register', '--project', 'shop', '--role', 'reader');
    const again = ['register', '--project', 'shop', '--role', 'reader', '--force', '--dry-run'];
    expect((await project.run(...again)).stdout).toBe('There is nothing to do.\n');
    const { stdout } = await project.run(...again, '--role', 'writer');
    expect(stdout).toMatch(/^POST \S+\/roles\n {2}\{"roleKey":"writer","displayName":"writer"\}\n$/);
  });

  it('prints what --undo would remove', async () => {
    const project = await zitadelProject();
    await project.run('register', '--project', 'shop');
    const files = project.files();
    const { stdout } = await project.run('register', '--undo', '--dry-run');
    expect(stdout).toMatch(/^DELETE \S+\/apps\/\d+\nDELETE \S+\/projects\/\d+\n$/);
    expect(held(project).projects).toHaveLength(1);
    expect(project.files()).toEqual(files);
  });
});

describe('introspect register --undo', () => {
  it('removes everything that was created, and does nothing in a second run', async () => {
    const project = await zitadelProject();
    await project.run('register', ...everything);
    expect((await project.run('register', '--undo')).code).toBe(0);
    expect(held(project)).toEqual(nothing);
    expect(project.files()).toEqual([]);
    const requests = project.zitadel.requests.length;
    const { code, stdout } = await project.run('register', '--undo');
    expect(code).toBe(0);
    expect(stdout).toContain('nothing to undo');
    expect(project.zitadel.requests).toHaveLength(requests);
  });

  it('does not remove what existed before', async () => {
    const project = await zitadelProject();
    await project.run('register', ...everything, '--out', 'first.env');
    await project.run('register', ...everything, '--role', 'admin', '--rotate', '--out', 'second.env');
    const { stdout } = await project.run('register', '--undo', '--out', 'second.env', '--json');
    expect(held(project)).toEqual(all);
    expect(JSON.parse(stdout)).toEqual({
      removed: ['role admin'],
      remaining: [
        'app api: it existed before',
        'service user shop-api: it existed before',
        'project shop: it existed before',
      ],
    });
    expect(project.variables('second.env').ZITADEL_CLIENT_SECRET).toBeDefined();
  });

  it.each([true, false])('changes no person whom the record names, with "made" in the record: %j', async (made) => {
    const project = await zitadelProject();
    await project.run('register', ...everything);
    const person = await addPerson(project, 'mickey');
    const record = JSON.parse(project.file('.env.introspect.json'));
    const { serviceUser, grant, ...others } = record;
    const changed = { ...others, serviceUser: { ...serviceUser, id: person, name: 'mickey', made }, grant };
    project.write('.env.introspect.json', JSON.stringify(changed));
    const before = project.zitadel.writes().length;
    const { code, stdout } = await project.run('register', '--undo', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout).remaining).toEqual(['user mickey: a person, not a service user']);
    expect(project.zitadel.objects.users.has(person)).toBe(true);
    const urls = project.zitadel
      .writes()
      .slice(before)
      .map(({ url }) => url);
    expect(urls).not.toContainEqual(expect.stringContaining('/users/'));
  });

  it('does not remove a project that contains something else now', async () => {
    const project = await zitadelProject();
    await project.run('register', '--project', 'shop', '--out', 'a.env');
    await project.run('register', '--project', 'shop', '--app', 'other', '--out', 'b.env');
    const { stdout } = await project.run('register', '--undo', '--out', 'a.env');
    expect(stdout).toContain('project shop: it contains something else now');
    expect(held(project).projects).toEqual([{ name: 'shop', roles: [], apps: ['other'] }]);
  });

  it('ignores what no longer exists', async () => {
    const project = await zitadelProject();
    await project.run('register', ...everything);
    for (const each of Object.values(project.zitadel.objects)) each.clear();
    expect((await project.run('register', '--undo')).code).toBe(0);
    expect(project.files()).toEqual([]);
  });

  it('removes the key that it created for an existing app, and no other variables', async () => {
    const project = await zitadelProject();
    const key = ['--project', 'shop', '--auth', 'key'];
    mkdirSync(join(project.folder, 'a'));
    mkdirSync(join(project.folder, 'b'));
    await project.run('register', ...key, '--out', 'a/key.json');
    await project.run('register', ...key, '--out', 'b/key.json', '--rotate');
    await project.run('register', '--undo', '--out', 'b/key.json');
    const [app] = [...project.zitadel.objects.projects.values()][0]?.apps.values() ?? [];
    expect([...(app?.credentials.keys() ?? [])]).toEqual([JSON.parse(project.file('a/key.json')).keyId]);
    expect(project.has('b/key.json')).toBe(false);
    writeFileSync(join(project.folder, 'a/.env'), `${project.file('a/.env')}PORT=3000\n`);
    await project.run('register', '--undo', '--out', 'a/key.json');
    expect(project.file('a/.env')).toBe('PORT=3000\n');
    expect(held(project)).toEqual(nothing);
  });

  it('can be run again after the server failed', async () => {
    const project = await zitadelProject();
    await project.run('register', ...everything);
    project.zitadel.intercept((request, usual) =>
      request.method === 'DELETE' && request.url.includes('/users/') ? json({ code: 14 }, { status: 503 }) : usual,
    );
    expect((await project.run('register', '--undo')).code).toBe(3);
    expect(project.has('.env')).toBe(true);
    project.zitadel.intercept((_, usual) => usual);
    expect((await project.run('register', '--undo')).code).toBe(0);
    expect(held(project)).toEqual(nothing);
  });

  it('does not remove a key file that belongs to another registration now', async () => {
    const project = await zitadelProject();
    await project.run('register', '--project', 'a', '--auth', 'key', '--out', 'a.env');
    await project.run('register', '--project', 'b', '--auth', 'key', '--out', 'b.env', '--force');
    const key = project.file('zitadel-key.json');
    const { code, stdout } = await project.run('register', '--undo', '--out', 'a.env');
    expect(code).toBe(0);
    expect(stdout).toContain('zitadel-key.json: it contains something else now');
    expect(project.file('zitadel-key.json')).toBe(key);
    expect(held(project).projects).toEqual([{ name: 'b', roles: [], apps: ['api'] }]);
  });

  it('does not remove the credentials of another service user', async () => {
    const project = await zitadelProject();
    await project.run('register', ...everything);
    const mine = 'ZITADEL_SERVICE_USER=mine\nZITADEL_SERVICE_USER_SECRET=canary\n';
    project.write('.env', project.file('.env').replace(/ZITADEL_SERVICE_USER=.*/s, mine));
    await project.run('register', '--undo');
    expect(project.file('.env')).toBe(mine);
  });

  it('does not remove the credentials of another API, but those of its service user', async () => {
    const project = await zitadelProject();
    await project.run('register', ...everything);
    project.write('.env', project.file('.env').replace(/^(ZITADEL_CLIENT_ID)=.*$/m, '$1=mine'));
    await project.run('register', '--undo');
    expect(project.variables().ZITADEL_CLIENT_ID).toBe('mine');
    expect(project.variables().ZITADEL_SERVICE_USER_SECRET).toBeUndefined();
  });

  const record = { issuer: 'http://127.0.0.1:1', roles: [], keys: [], finished: true };
  const app = { id: '1', name: 'api', made: true, clientId: '1' };

  it.each(['precious.txt', 'sub/precious.txt', 'key.json'])(
    'removes no file only because a record names it: %s',
    async (name) => {
      const project = await zitadelProject();
      mkdirSync(join(project.folder, 'sub'));
      project.write(name, '{"type":"application","clientId":"1","keyId":"2"}');
      const keyFile = join(project.folder, name);
      project.write(
        '.env.introspect.json',
        JSON.stringify({ ...record, issuer: project.zitadel.origin, app, keyFile }),
      );
      expect((await project.run('register', '--undo')).code).toBe(0);
      expect(project.has(name)).toBe(true);
    },
  );

  it('sends no PAT to an issuer that only a record names', async () => {
    const project = await zitadelProject();
    await project.run('register', '--project', 'shop');
    const requests = project.zitadel.requests.length;
    const { code, stderr } = await introspect(['register', '--undo'], {
      cwd: project.folder,
      env: { ZITADEL_ADMIN_PAT: adminToken },
    });
    expect([code, stderr]).toEqual([2, expect.stringContaining('The issuer is missing')]);
    const other = await project.run('register', '--undo', '--issuer', 'http://127.0.0.1:1');
    expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('registered at another issuer')]);
    expect(project.zitadel.requests).toHaveLength(requests);
    expect((await project.run('register', '--undo')).code).toBe(0);
  });

  it.each([
    ['null', null],
    ['a list', []],
    ['no roles', { ...record, roles: undefined }],
    ['keys that are not texts', { ...record, keys: [{}] }],
    ['an app without its client id', { ...record, app: { ...app, clientId: undefined } }],
    ['an app without an id', { ...record, app: { ...app, id: '' } }],
    ['a project that is null', { ...record, project: null }],
    ['a service user that is a text', { ...record, serviceUser: 'x' }],
    ['a grant that is a number', { ...record, grant: 1 }],
    ['a key file that is a list', { ...record, keyFile: ['x'] }],
    ['no member "finished"', { ...record, finished: undefined }],
  ])('rejects a file that is not a record: %s', async (_, content) => {
    const project = await zitadelProject();
    project.write('.env.introspect.json', JSON.stringify(content));
    const { code, stderr } = await project.run('register', '--undo');
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('.env.introspect.json is not a record of a registration'),
    ]);
    expect(project.has('.env.introspect.json')).toBe(true);
    expect(project.zitadel.requests).toEqual([]);
  });
});
