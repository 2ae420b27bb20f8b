import { json, redirect, startScriptedServer } from '@acme/introspect-testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { introspect } from '../../support/introspect.js';
import { addPerson, adminToken, zitadelProject } from '../../support/zitadel-project.js';

describe('introspect register', () => {
  it('reports a wrong PAT, and what to do', async () => {
    const project = await zitadelProject();
    const env = { ...project.env, ZITADEL_ADMIN_PAT: 'canary-wrong' };
    const { code, stderr } = await introspect(['register', '--project', 'shop'], { cwd: project.folder, env });
    expect(code).toBe(3);
    expect(stderr).toMatch(/failed \(401\): Token is invalid \(AUTH-7fs1e\)\nZITADEL_ADMIN_PAT is wrong/);
    expect(stderr).not.toContain('canary');
    expect(project.files()).toEqual([]);
  });

  it('reports a missing permission, with a bounded message without control characters', async () => {
    const project = await zitadelProject();
    const message = `No matching\u001b[31m permissions\u202efor ${adminToken}\r\n${'x'.repeat(5000)}`;
    project.zitadel.intercept(() => json({ code: 7, message }, { status: 403 }));
    const { code, stderr } = await project.run('register', '--project', 'shop');
    expect(code).toBe(3);
    expect(stderr).toContain('(403): No matching [31m permissions for … x');
    expect(stderr).toContain('ORG_OWNER');
    expect(stderr).not.toContain(adminToken);
    expect(stderr.length).toBeLessThan(1500);
  });

  it("gives the advice for a missing permission after ZITADEL's 404 membership not found", async () => {
    const project = await zitadelProject();
    const message = 'membership not found (AUTHZ-cdgFk)';
    project.zitadel.intercept(() => json({ code: 5, message }, { status: 404 }));
    const { code, stderr } = await project.run('register', '--project', 'shop');
    expect(code).toBe(3);
    expect(stderr).toMatch(/failed \(404\): membership not found \(AUTHZ-cdgFk\)\nThe user of ZITADEL_ADMIN_PAT lacks/);
    const { stdout } = await project.run('register', '--project', 'shop', '--json');
    expect(JSON.parse(stdout).error.code).toBe('permission_denied');
  });

  it('shows a long message of the server whole', async () => {
    const project = await zitadelProject();
    const message = `${'x'.repeat(900)} the reason`;
    project.zitadel.intercept(() => json({ code: 3, message }, { status: 400 }));
    const { code, stderr } = await project.run('register', '--project', 'shop');
    expect([code, stderr]).toEqual([3, expect.stringContaining(message)]);
  });

  it.each([[[]], [['--rotate']]])('rejects an inactive app, and changes nothing: %j', async (flags) => {
    const project = await zitadelProject();
    await project.run('register', '--project', 'shop');
    const writes = project.zitadel.writes().length;
    const apps = [{ id: '1', name: 'api', state: 'APP_STATE_INACTIVE', apiConfig: { clientId: 'c' } }];
    project.zitadel.intercept((request, usual) =>
      request.url.endsWith('/apps/_search') ? json({ result: apps }) : usual,
    );
    const { code, stderr } = await project.run('register', '--project', 'shop', ...flags);
    expect(code).toBe(2);
    expect(stderr).toBe(
      'The app api is inactive, so the server rejects its credentials\nActivate it in the console, or set --app to another name.\n',
    );
    expect(project.zitadel.writes()).toHaveLength(writes);
  });

  it.each([[[]], [['--rotate']], [['--dry-run']]])(
    'rejects an inactive project, and changes nothing: %j',
    async (flags) => {
      const project = await zitadelProject();
      await project.run('register', '--project', 'shop');
      const writes = project.zitadel.writes().length;
      const projects = [{ id: '1', name: 'shop', state: 'PROJECT_STATE_INACTIVE' }];
      project.zitadel.intercept((request, usual) =>
        request.url.endsWith('/projects/_search') ? json({ result: projects }) : usual,
      );
      const { code, stderr } = await project.run('register', '--project', 'shop', ...flags);
      expect(code).toBe(2);
      expect(stderr).toBe(
        'The project shop is inactive, so the server rejects the credentials of its apps\nActivate it in the console, or set --project to another name.\n',
      );
      expect(project.zitadel.writes()).toHaveLength(writes);
    },
  );

  it('refers to doctor after a fault of TLS', async () => {
    const project = await zitadelProject();
    const issuer = project.zitadel.origin.replace('http:', 'https:');
    const { code, stderr } = await project.run('register', '--project', 'shop', '--issuer', issuer);
    expect(code).toBe(3);
    expect(stderr).toMatch(
      / cannot be reached: ERR_SSL\w+\nRun this to find the cause: introspect doctor --issuer https:/,
    );
  });

  it('reports errors as JSON with --json', async () => {
    const project = await zitadelProject();
    const { code, stdout } = await project.run('register', '--project', 'shop', '--org', 'unknown', '--json');
    expect(code).toBe(3);
    expect(JSON.parse(stdout).error).toMatchObject({ code: 'permission_denied', advice: expect.any(String) });
  });

  it('requires --project without a terminal', async () => {
    const project = await zitadelProject();
    const { code, stderr } = await project.run('register');
    expect(code).toBe(2);
    expect(stderr).toContain('--project');
    expect(project.zitadel.requests).toEqual([]);
  });

  it.each([
    ['--app', ''],
    ['--project', ' '],
    ['--service-user', ''],
    ['--role', ''],
    ['--role', '..'],
    ['--role', '.=A dot'],
  ])('rejects an invalid name without a request: %s "%s"', async (flag, name) => {
    const project = await zitadelProject();
    const { code, stderr } = await project.run('register', '--project', 'shop', flag, name);
    expect(code).toBe(2);
    expect(stderr).toContain(flag);
    expect(project.zitadel.requests).toEqual([]);
  });

  it.each([[[]], [['--dry-run']]])(
    'rejects a name that cannot be written to the env file, and creates nothing: %j',
    async (flags) => {
      const project = await zitadelProject();
      const args = ['register', '--project', 'shop', '--service-user', `o'x"y`, ...flags];
      const { code, stderr } = await project.run(...args);
      expect(code).toBe(2);
      expect(stderr).toContain('ZITADEL_SERVICE_USER cannot be written');
      expect(project.zitadel.writes()).toEqual([]);
      expect(project.files()).toEqual([]);
    },
  );

  it.each(['..', '.'])('rejects "%s" as an id of the server: it would lead to another path', async (id) => {
    const project = await zitadelProject();
    project.zitadel.intercept((request, usual) =>
      request.url.endsWith('/projects') ? json({ id }) : request.url.endsWith('/apps/api') ? json({}) : usual,
    );
    for (const args of [['--project', 'shop'], ['--undo']]) {
      const { code, stderr } = await project.run('register', ...args);
      expect([code, stderr]).toEqual([3, expect.stringContaining(`"${id}" cannot be used in the path`)]);
    }
    expect(project.zitadel.writes().map(({ method, url }) => [method, url])).toEqual([
      ['POST', '/management/v1/projects'],
    ]);
  });

  it('encodes a role that looks like an id of a dry run', async () => {
    const project = await zitadelProject();
    const role = '<x/../../..';
    expect((await project.run('register', '--project', 'shop', '--role', role)).code).toBe(0);
    expect((await project.run('register', '--undo')).code).toBe(0);
    const [projectId] = [...project.zitadel.writes()].flatMap(({ url }) => /projects\/(\d+)/.exec(url)?.[1] ?? []);
    const removals = project.zitadel
      .writes()
      .filter(({ method, url }) => method === 'DELETE' && url.includes('/roles/'));
    expect(removals.map(({ url }) => url)).toEqual([
      `/management/v1/projects/${projectId}/roles/${encodeURIComponent(role)}`,
    ]);
  });

  it('rejects a PAT on the command line, without showing it', async () => {
    const { code, stderr } = await introspect(['register', '--project', 'shop', '--pat', 'canary-pat']);
    expect(code).toBe(2);
    expect(stderr).toContain('not taken from the command line');
    expect(stderr).not.toContain('canary');
  });

  it('rejects a PAT with a control character, without showing it', async () => {
    const env = { ZITADEL_ISSUER: 'http://127.0.0.1:1', ZITADEL_ADMIN_PAT: 'canary\u0007pat' };
    const { code, stderr } = await introspect(['register', '--project', 'shop'], { env });
    expect(code).toBe(2);
    expect(stderr).toContain('ZITADEL_ADMIN_PAT');
    expect(stderr).not.toContain('canary');
  });

  it('sends no PAT to an issuer of plain http at another host', async () => {
    const env = { ZITADEL_ISSUER: 'http://zitadel.example', ZITADEL_ADMIN_PAT: 'canary' };
    const { code, stderr } = await introspect(['register', '--project', 'shop'], { env });
    expect(code).toBe(2);
    expect(stderr).toContain('must be https');
  });

  it('reports a server that cannot be reached', async () => {
    const env = { ZITADEL_ISSUER: 'http://127.0.0.1:1', ZITADEL_ADMIN_PAT: 'canary' };
    const { code, stderr } = await introspect(['register', '--project', 'shop'], { env });
    expect(code).toBe(3);
    expect(stderr).toContain('http://127.0.0.1:1 cannot be reached');
  });

  it('reports an issuer with a slash that the server does not have', async () => {
    const project = await zitadelProject();
    const issuer = `${project.zitadel.origin}/`;
    const { code, stderr } = await project.run('register', '--project', 'shop', '--issuer', issuer);
    expect(code).toBe(3);
    expect(stderr).toContain(`Set the issuer to ${project.zitadel.origin}, without a slash at the end.`);
    expect(project.zitadel.writes()).toEqual([]);
  });

  it('reports an issuer without the slash that the server has', async () => {
    const project = await zitadelProject();
    const { origin } = project.zitadel;
    project.zitadel.at('/.well-known/openid-configuration', json({ issuer: `${origin}/` }));
    const { code, stderr } = await project.run('register', '--project', 'shop');
    expect(code).toBe(3);
    expect(stderr).toContain(`Set the issuer to ${origin}/, with a slash at the end.`);
  });

  it('rejects an issuer with a password, without showing it', async () => {
    const env = { ZITADEL_ISSUER: 'https://u:canarypw@127.0.0.1:1', ZITADEL_ADMIN_PAT: 'canary' };
    const { code, stdout, stderr } = await introspect(['register', '--project', 'shop'], { env });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^The issuer contains a user name or a password\n/);
    expect(stderr).not.toContain('canary');
  });

  it('reports a token endpoint with a password, without showing it', async () => {
    const project = await zitadelProject();
    const { host } = new URL(project.zitadel.origin);
    const metadata = { issuer: project.zitadel.origin, token_endpoint: `http://u:canarypw@${host}/oauth/v2/token` };
    project.zitadel.at('/.well-known/openid-configuration', json(metadata));
    const env = {
      ...project.env,
      ZITADEL_PROJECT_ID: '1',
      ZITADEL_SERVICE_USER: 'u',
      ZITADEL_SERVICE_USER_SECRET: 's',
    };
    const { code, stderr } = await introspect(['get-token'], { env });
    expect(code).toBe(3);
    expect(stderr).toBe(`${project.zitadel.origin} cannot be reached: no reason given\n`);
  });

  it('reports a response of more than 1 MiB', async () => {
    const project = await zitadelProject();
    project.zitadel.at('/.well-known/openid-configuration', json({ issuer: 'x'.repeat(1_100_000) }));
    const { code, stderr } = await project.run('register', '--project', 'shop');
    expect(code).toBe(3);
    expect(stderr).toBe(`${project.zitadel.origin} responded with more than 1 MiB\n`);
  });

  it('rejects an unknown --auth, without showing it', async () => {
    const { code, stderr } = await introspect(['register', '--auth', "canary' secret"]);
    expect(code).toBe(2);
    expect(stderr).toBe(
      'the value of --auth is invalid. Allowed choices are basic, key.\nRun introspect register --help to see its options.\n',
    );
  });

  it('sends no PAT to the target of a redirect', async () => {
    const elsewhere = await startScriptedServer();
    onTestFinished(() => elsewhere.close());
    const project = await zitadelProject();
    project.zitadel.intercept(() => redirect(`${elsewhere.origin}/management/v1/projects/_search`));
    expect((await project.run('register', '--project', 'shop')).code).toBe(3);
    expect(elsewhere.requests).toEqual([]);
  });

  it('reports an app of this name that is not an API app', async () => {
    const project = await zitadelProject();
    await project.run('register', '--project', 'shop', '--out', 'a.env');
    project.zitadel.intercept((request, usual) =>
      request.url.endsWith('/apps/_search') ? json({ result: [{ id: '1', name: 'api', oidcConfig: {} }] }) : usual,
    );
    const { code, stderr } = await project.run('register', '--project', 'shop');
    expect(code).toBe(2);
    expect(stderr).toContain('not an API app');
  });

  it.each([
    [[]],
    [['--rotate']],
    [['--role', 'reader']],
    [['--dry-run']],
    [['--rotate', '--role', 'reader', '--json']],
  ])('rejects a person as service user, and changes nothing: %j', async (flags) => {
    const project = await zitadelProject();
    const id = await addPerson(project, 'mickey');
    const writes = project.zitadel.writes().length;
    const args = ['register', '--project', 'shop', '--service-user', 'mickey', ...flags];
    const { code, stdout, stderr } = await project.run(...args);
    const message = 'The user mickey is a person, not a service user';
    const advice =
      'That person would get a client secret and the roles: set --service-user to a new name, or to the name of a service user.';
    expect(code).toBe(2);
    if (flags.includes('--json')) {
      expect(JSON.parse(stdout)).toEqual({ error: { code: 'usage', message, advice } });
    } else expect(stderr).toBe(`${message}\n${advice}\n`);
    expect(project.zitadel.writes()).toHaveLength(writes);
    expect(project.zitadel.objects.users.get(id)).not.toHaveProperty('credential');
    expect(project.files()).toEqual([]);
  });
});
