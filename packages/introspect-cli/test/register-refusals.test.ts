import { json, redirect, startScriptedServer } from '@acme/introspect-testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { introspect } from './introspect-process.js';
import { adminToken, zitadelProject } from './zitadel-project.js';

describe('introspect register says what is wrong', () => {
  it('when the PAT is, and what to do', async () => {
    const project = await zitadelProject();
    const env = { ...project.env, ZITADEL_ADMIN_PAT: 'canary-wrong' };
    const { code, stderr } = await introspect(['register', '--project', 'shop'], { cwd: project.folder, env });
    expect(code).toBe(3);
    expect(stderr).toMatch(/refused \(401\): Errors\.Token\.Invalid \(AUTH-7fs1e\)\nZITADEL_ADMIN_PAT is wrong/);
    expect(stderr).not.toContain('canary');
    expect(project.files()).toEqual([]);
  });

  it('when the administrator lacks a permission, with the message bounded and cleaned', async () => {
    const project = await zitadelProject();
    const message = `No matching\u001b[31m permissions\u202efor ${adminToken}\r\n${'x'.repeat(5000)}`;
    project.zitadel.intercept(() => json({ code: 7, message }, { status: 403 }));
    const { code, stderr } = await project.run('register', '--project', 'shop');
    expect(code).toBe(3);
    expect(stderr).toContain('(403): No matching [31m permissions for … x');
    expect(stderr).toContain('ORG_OWNER');
    expect(stderr).not.toContain(adminToken);
    expect(stderr.length).toBeLessThan(700);
  });

  it('with --json, as JSON', async () => {
    const project = await zitadelProject();
    const { code, stdout } = await project.run('register', '--project', 'shop', '--org', 'unknown', '--json');
    expect(code).toBe(3);
    expect(JSON.parse(stdout).error).toMatchObject({ code: 'permission_denied', advice: expect.any(String) });
  });

  it('when the project is not named and nobody is there to ask', async () => {
    const project = await zitadelProject();
    const { code, stderr } = await project.run('register');
    expect(code).toBe(2);
    expect(stderr).toContain('--project');
    expect(project.zitadel.requests).toEqual([]);
  });

  it('when the PAT is on the command line, without showing it', async () => {
    const { code, stderr } = await introspect(['register', '--project', 'shop', '--pat', 'canary-pat']);
    expect(code).toBe(2);
    expect(stderr).toContain('not taken from the command line');
    expect(stderr).not.toContain('canary');
  });

  it('when the PAT cannot be one, without showing it', async () => {
    const env = { ZITADEL_ISSUER: 'http://127.0.0.1:1', ZITADEL_ADMIN_PAT: 'canary\u0007pat' };
    const { code, stderr } = await introspect(['register', '--project', 'shop'], { env });
    expect(code).toBe(2);
    expect(stderr).toContain('ZITADEL_ADMIN_PAT');
    expect(stderr).not.toContain('canary');
  });

  it('when the issuer is plain http elsewhere: the PAT is not sent there', async () => {
    const env = { ZITADEL_ISSUER: 'http://zitadel.example', ZITADEL_ADMIN_PAT: 'canary' };
    const { code, stderr } = await introspect(['register', '--project', 'shop'], { env });
    expect(code).toBe(2);
    expect(stderr).toContain('must be https');
  });

  it('when the server cannot be reached', async () => {
    const env = { ZITADEL_ISSUER: 'http://127.0.0.1:1', ZITADEL_ADMIN_PAT: 'canary' };
    const { code, stderr } = await introspect(['register', '--project', 'shop'], { env });
    expect(code).toBe(3);
    expect(stderr).toContain('http://127.0.0.1:1 cannot be reached');
  });

  it('when the server calls itself by another name', async () => {
    const project = await zitadelProject();
    const issuer = `${project.zitadel.origin}/`;
    const { code, stderr } = await project.run('register', '--project', 'shop', '--issuer', issuer);
    expect(code).toBe(3);
    expect(stderr).toContain(`Give the issuer as ${project.zitadel.origin},`);
    expect(project.zitadel.writes()).toEqual([]);
  });

  it('when it is redirected: the PAT does not go along', async () => {
    const elsewhere = await startScriptedServer();
    onTestFinished(() => elsewhere.close());
    const project = await zitadelProject();
    project.zitadel.intercept(() => redirect(`${elsewhere.origin}/management/v1/projects/_search`));
    expect((await project.run('register', '--project', 'shop')).code).toBe(3);
    expect(elsewhere.requests).toEqual([]);
  });

  it('when an app of this name is no API', async () => {
    const project = await zitadelProject();
    await project.run('register', '--project', 'shop', '--out', 'a.env');
    project.zitadel.intercept((request, usual) =>
      request.url.endsWith('/apps/_search') ? json({ result: [{ id: '1', name: 'api', oidcConfig: {} }] }) : usual,
    );
    const { code, stderr } = await project.run('register', '--project', 'shop');
    expect(code).toBe(2);
    expect(stderr).toContain('no API');
  });
});
