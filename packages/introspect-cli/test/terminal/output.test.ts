import { json, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { UnsecuredJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { introspect, introspectAtTerminal } from '../support/introspect.js';
import { adminToken, zitadelProject } from '../support/zitadel-project.js';

const odd = 'x\u001b]0;title\u0007\u009b31mH\u202e\u2028z';
/** All control characters except the end of a line. */
const control = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/u;

let server: ScriptedServer;
let env: Record<string, string>;
beforeEach(async () => {
  server = await startScriptedServer({ clientId: 'api', clientSecret: 'secret' });
  env = { ZITADEL_ISSUER: server.origin, ZITADEL_CLIENT_ID: 'api', ZITADEL_CLIENT_SECRET: 'secret' };
});
afterEach(() => server.close());

describe('introspect prints no control character', () => {
  it.each([[[]], [['--json']]])('from an inactive token of an unknown issuer: %j', async (flags) => {
    env.ZITADEL_TOKEN = new UnsecuredJWT({ iss: odd, aud: odd }).encode();
    const { code, stdout } = await introspect(['token', ...flags], { env });
    expect(code).toBe(1);
    expect(stdout).not.toMatch(control);
    if (flags.length > 0) expect(JSON.parse(stdout).active).toBe(false);
  });

  it('from the claims of an active token, which are unchanged in the parsed JSON', async () => {
    server.tokens.set('good', { name: `${odd}\u{e0041}` });
    env.ZITADEL_TOKEN = 'good';
    const { stdout } = await introspect(['token', '--json'], { env });
    expect(stdout).not.toMatch(control);
    expect(JSON.parse(stdout).name).toBe(`${odd}\u{e0041}`);
  });

  it.each([
    ['doctor', []],
    ['doctor', ['--json']],
    ['token', ['--curl']],
    ['token', ['--curl', '--json']],
  ])('from the metadata: %s %j', async (command, flags) => {
    const endpoint = `${server.introspectionEndpoint}/\u009b31m\u202e`;
    const metadata = { issuer: server.origin, introspection_endpoint: endpoint };
    server.at('/.well-known/openid-configuration', json(metadata));
    const { stdout, stderr } = await introspect([command, ...flags], { env });
    expect(stdout).toContain(server.introspectionEndpoint);
    expect(stdout + stderr).not.toMatch(control);
  });

  it('from the response of the token endpoint', async () => {
    const project = await zitadelProject();
    const response = { access_token: 'a'.repeat(40), token_type: odd, scope: odd };
    project.zitadel.at('/oauth/v2/token', json(response));
    const { shown } = await introspectAtTerminal(['get-token', '--project-id', '1', '--service-user', 'u'], {
      cwd: project.folder,
      env: { ...project.env, ZITADEL_SERVICE_USER_SECRET: 's' },
      inputs: [],
    });
    expect(shown).toContain('x�]0;title��31mH��z token, requested scope ');
    expect(shown.replaceAll('\r', '')).not.toMatch(control);
  });

  it('from the names of projects in a prompt', async () => {
    const project = await zitadelProject();
    const { projects } = project.zitadel.objects;
    const organization = '100000000000000001';
    const roles = new Map();
    const apps = new Map();
    projects.set('1', { id: '1', name: odd, organization, missesLeft: 0, projectRoleAssertion: true, roles, apps });
    const { code, shown } = await introspectAtTerminal(['register'], {
      cwd: project.folder,
      env: { ZITADEL_ISSUER: project.zitadel.origin, ZITADEL_ADMIN_PAT: adminToken },
      inputs: [{ awaits: 'In which project?', typed: '\r' }],
    });
    expect([code, shown]).toEqual([0, expect.stringContaining('The server accepts the credentials')]);
    expect(shown).toContain('x�]0;title��31mH��z');
    for (const part of ['\u001b]0;', '\u009b', '\u202e', '\u2028']) expect(shown).not.toContain(part);
    expect([...apps.values()]).toHaveLength(1);
  });
});
