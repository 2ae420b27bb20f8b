import { json } from '@acme/introspect-testing';
import { describe, expect, it } from 'vitest';
import { introspectAtTerminal } from '../../support/introspect.js';
import { introspectAtRealTerminal } from '../../support/real-process.js';
import { adminToken, held, zitadelProject } from '../../support/zitadel-project.js';

describe('introspect register at a terminal', () => {
  it('prompts for the project, and whether to create new credentials', async () => {
    const project = await zitadelProject();
    await project.run('register', '--project', 'shop', '--out', 'other.env');
    const { code, shown } = await introspectAtTerminal(['register'], {
      cwd: project.folder,
      env: project.env,
      inputs: [
        { awaits: 'In which project?', typed: '\r' },
        { awaits: 'Create new credentials?', typed: 'y' },
      ],
    });
    expect([code, shown]).toEqual([0, expect.stringContaining('The server accepts the credentials')]);
    expect(held(project).projects).toEqual([{ name: 'shop', roles: [], apps: ['api'] }]);
    for (const secret of project.secrets()) expect(shown).not.toContain(secret);
  });

  it("does not offer ZITADEL's own project", async () => {
    const project = await zitadelProject();
    await project.run('register', '--project', 'ZITADEL', '--out', 'first.env');
    await project.run('register', '--project', 'shop', '--out', 'other.env');
    const [own] = project.zitadel.objects.projects.keys();
    project.zitadel.intercept((request, usual) =>
      request.url.endsWith('/management/v1/iam') ? json({ iamProjectId: own }) : usual,
    );
    const { shown } = await introspectAtTerminal(['register', '--dry-run'], {
      cwd: project.folder,
      env: project.env,
      inputs: [{ awaits: 'In which project?', typed: '\r' }],
    });
    expect(shown).not.toContain('ZITADEL');
    expect(shown).toContain('shop');
  });

  it('prompts for the name of a new project, and for the PAT without showing it', async () => {
    const project = await zitadelProject();
    const { code, shown } = await introspectAtRealTerminal(['register'], {
      cwd: project.folder,
      env: { ZITADEL_ISSUER: project.zitadel.origin },
      inputs: [
        { awaits: 'access token', typed: `${adminToken}\r` },
        { awaits: 'In which project?', typed: '\r' },
        { awaits: 'Its name', typed: 'shop\r' },
      ],
    });
    expect(code).toBe(0);
    expect(held(project).projects).toEqual([{ name: 'shop', roles: [], apps: ['api'] }]);
    expect(shown).not.toContain(adminToken);
  });

  it('ends with exit code 130 and changes nothing after Ctrl+C at a prompt', async () => {
    const project = await zitadelProject();
    const { code, shown } = await introspectAtRealTerminal(['register'], {
      cwd: project.folder,
      env: project.env,
      inputs: [{ awaits: 'In which project?', typed: '\u0003' }],
    });
    expect([code, shown]).toEqual([130, expect.stringContaining('Nothing was done')]);
    expect(project.zitadel.writes()).toEqual([]);
    expect(project.files()).toEqual([]);
  });

  it.each([
    ['y', 'new'],
    ['n', 'the same'],
  ])('offers new credentials in a second run: after %s they are %s', async (typed, kind) => {
    const project = await zitadelProject();
    await project.run('register', '--project', 'shop');
    const before = project.variables().ZITADEL_CLIENT_SECRET;
    const { code } = await introspectAtTerminal(['register', '--project', 'shop'], {
      cwd: project.folder,
      env: project.env,
      inputs: [{ awaits: 'Create new ones?', typed }],
    });
    expect(code).toBe(0);
    expect(project.variables().ZITADEL_CLIENT_SECRET === before ? 'the same' : 'new').toBe(kind);
  });

  it('changes nothing after "no"', async () => {
    const project = await zitadelProject();
    await project.run('register', '--project', 'shop', '--out', 'other.env');
    const writes = project.zitadel.writes().length;
    const { code } = await introspectAtTerminal(['register', '--project', 'shop'], {
      cwd: project.folder,
      env: project.env,
      inputs: [{ awaits: 'Create new credentials?', typed: 'n' }],
    });
    expect(code).toBe(2);
    expect(project.zitadel.writes()).toHaveLength(writes);
  });
});
