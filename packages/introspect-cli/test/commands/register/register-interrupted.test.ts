import { inactive, json, redirect } from '@acme/introspect-testing';
import { describe, expect, it } from 'vitest';
import { introspect } from '../../support/introspect.js';
import { all, everything, held, nothing, zitadelProject } from '../../support/zitadel-project.js';

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
