import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { active, inactive, json, type ScriptedServer } from '@acme/introspect-testing';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { introspect } from '../../support/introspect.js';
import { secret, startTokenApi, token } from '../../support/token-api.js';

let server: ScriptedServer;
let folder: string;
let env: Record<string, string>;
beforeEach(async () => {
  ({ server, folder, env } = await startTokenApi());
});

const now = () => Math.floor(Date.now() / 1000);

describe('introspect token', () => {
  it('shows the claims: times as dates, roles by organisation, metadata decoded', async () => {
    server.tokens.set(token, {
      scope: 'openid profile',
      sub: '200000000000000001',
      exp: now() + 3 * 3600 + 60,
      iat: now() - 130,
      aud: ['api@acme', 'P1'],
      email_verified: true,
      'urn:zitadel:iam:org:project:roles': {
        reader: { ORG1: 'acme.example' },
        editor: { ORG1: 'acme.example', ORG2: 'b.example' },
      },
      'urn:zitadel:iam:org:project:P1:roles': { reader: { ORG1: 'acme.example' } },
      'urn:zitadel:iam:user:metadata': { team: Buffer.from('blue').toString('base64url') },
    });
    const { code, stdout, stderr } = await introspect(['token'], { env });
    expect(stdout.replaceAll(/\d{4}-\d\d-\d\dT[\d:]{8}Z/g, '<date>')).toBe(
      [
        'active          yes',
        'scope           openid',
        '                profile',
        'sub             200000000000000001',
        'exp             <date> (in 3 h)',
        'iat             <date> (2 min ago)',
        'aud             api@acme',
        '                P1',
        'email_verified  true',
        'roles           acme.example (ORG1): reader, editor',
        '                b.example (ORG2): editor',
        'roles in P1     acme.example (ORG1): reader',
        'metadata        team = blue',
        '',
      ].join('\n'),
    );
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });

  it('prints no control character of a claim', async () => {
    server.tokens.set(token, { name: 'a\u001b[2Jb\r\u202ec', 'x\u0007': [{ y: '\u009b31m' }], sub: 'line\nbreak' });
    const { stdout } = await introspect(['token'], { env });
    expect(stdout).not.toMatch(/[^\P{C}\n]/u);
    expect(stdout).toContain('a�[2Jb��c');
  });

  it('prints only the response as JSON with --json', async () => {
    server.tokens.set(token, { sub: 'mickey' });
    const { code, stdout, stderr } = await introspect(['token', '--json'], { env });
    expect(JSON.parse(stdout)).toEqual({ active: true, sub: 'mickey' });
    expect([code, stderr]).toEqual([0, '']);
  });

  it('uses colours with FORCE_COLOR, and none with NO_COLOR', async () => {
    server.tokens.set(token, {});
    const colored = await introspect(['token'], { env: { ...env, FORCE_COLOR: '1' } });
    expect(colored.stdout).toContain('\u001b[32myes');
    const plain = await introspect(['token'], { env: { ...env, FORCE_COLOR: '1', NO_COLOR: '1' } });
    expect(plain.stdout).toBe('active  yes\n');
  });

  it('uses the variables in the file of --env, which the environment overrides', async () => {
    server.tokens.set(token, {});
    const file = join(folder, '.env');
    const { ZITADEL_CLIENT_ID, ...others } = env;
    await writeFile(
      file,
      Object.entries({ ...others, ZITADEL_CLIENT_ID: 'wrong' })
        .map(([name, value]) => `${name}='${value}'\n`)
        .join(''),
    );
    const given = { ZITADEL_CLIENT_ID: String(ZITADEL_CLIENT_ID) };
    expect(await introspect(['token', '--env', file], { env: given })).toMatchObject({ code: 0 });
    expect(await introspect(['token', '--env', file])).toMatchObject({ code: 3 });
  });

  it('reads secret and token from stdin, one line each', async () => {
    server.tokens.set(token, {});
    const { ZITADEL_CLIENT_SECRET, ZITADEL_TOKEN, ...others } = env;
    expect(await introspect(['token'], { env: others, stdin: `${secret}\n${token}\n` })).toMatchObject({
      code: 0,
    });
    expect(await introspect(['token'], { env: { ...env, ZITADEL_TOKEN: '' }, stdin: token })).toMatchObject({
      code: 0,
    });
  });

  it('uses options, which override the environment', async () => {
    server.tokens.set(token, {});
    const wrong = { ...env, ZITADEL_ISSUER: 'http://127.0.0.1:1', ZITADEL_CLIENT_ID: 'wrong' };
    const args = ['token', '--issuer', server.origin, '--client-id', 'api@acme', '--instance-host', 'acme.example'];
    expect(await introspect(args, { env: wrong })).toMatchObject({ code: 0 });
    expect(server.introspections[0]?.field('x-zitadel-instance-host')).toEqual(['acme.example']);
  });

  it('authenticates with a key file', async () => {
    server.always(active());
    const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' });
    const file = join(folder, 'key.json');
    await writeFile(file, JSON.stringify({ type: 'application', keyId: '1', key, appId: '2', clientId: 'api@acme' }));
    const { ZITADEL_CLIENT_ID, ZITADEL_CLIENT_SECRET, ...others } = env;
    expect(await introspect(['token', '--key-file', file], { env: others })).toMatchObject({ code: 0 });
    expect(await introspect(['token'], { env: { ...others, ZITADEL_KEY_FILE: file } })).toMatchObject({
      code: 0,
    });
    expect(server.introspections.map(({ form }) => form.has('client_assertion'))).toEqual([true, true]);
  });
});

describe('introspect token with an inactive token', () => {
  it('explains why it may be inactive', async () => {
    const { code, stdout } = await introspect(['token', '--project-id', 'P1'], { env });
    expect(stdout).toMatch(/^inactive\n\nIt is neither a JWT nor .*\n.*urn:zitadel:iam:org:project:id:P1:aud\.\n$/);
    expect(code).toBe(1);
  });

  it('that is a JWT verifies it and explains it', async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256');
    const metadata = { issuer: server.origin, introspection_endpoint: server.introspectionEndpoint };
    server.at('/.well-known/openid-configuration', json({ ...metadata, jwks_uri: `${server.origin}/keys` }));
    server.at('/keys', json({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256' }] }));
    server.always(inactive());
    const jwt = await new SignJWT({ iss: server.origin, aud: ['api@acme'], exp: now() - 185 })
      .setProtectedHeader({ alg: 'RS256', kid: 'k' })
      .sign(privateKey);
    const { code, stdout } = await introspect(['token', '--json'], { env: { ...env, ZITADEL_TOKEN: jwt } });
    expect(JSON.parse(stdout)).toEqual({
      active: false,
      explanation: {
        cause: 'expired',
        message: expect.stringMatching(/^It expired 3 min ago \(.*\)\.$/),
        advice: expect.any(String),
      },
    });
    expect(code).toBe(1);
  });
});
