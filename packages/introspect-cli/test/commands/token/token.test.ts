import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  active,
  inactive,
  json,
  type ScriptedServer,
  startScriptedServer,
  zitadelResponses,
} from '@acme/introspect-testing';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { introspect } from '../../support/introspect.js';

const secret = 'canary+secret: ß';
const token = 'canary-token';
let server: ScriptedServer;
let folder: string;
let env: Record<string, string>;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'introspect-token-'));
  server = await startScriptedServer({ clientId: 'api@acme', clientSecret: secret });
  env = {
    ZITADEL_ISSUER: server.origin,
    ZITADEL_CLIENT_ID: 'api@acme',
    ZITADEL_CLIENT_SECRET: secret,
    ZITADEL_TOKEN: token,
  };
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
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
    expect(stdout).toMatch(/^inactive\n\nIt is not a JWT, .*\n.*urn:zitadel:iam:org:project:id:P1:aud\.\n$/);
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

/** Runs a command of sh in which `curl` and `node` record their arguments. Checks that no secret is among them. */
async function runWithoutSecretArguments(command: string, given: Record<string, string>): Promise<string> {
  const recorded = join(folder, 'arguments');
  for (const name of ['curl', 'node']) {
    const script = `#!/bin/sh\nprintf '%s\\n' "$0 $*" >>'${recorded}'\nPATH='${process.env.PATH}' exec ${name} "$@"\n`;
    await writeFile(join(folder, name), script, { mode: 0o755 });
  }
  const env = { ...given, PATH: `${folder}:${process.env.PATH}` };
  const { stdout } = await promisify(execFile)('sh', ['-c', command], { env });
  const seen = await readFile(recorded, 'utf8');
  expect(seen).toContain('/curl --silent');
  expect(seen).not.toMatch(/canary|client_assertion=|ey[\w-]{20}/);
  return stdout;
}

describe('introspect token --curl', () => {
  it('prints a command that sends the same request, without secret and token in it', async () => {
    server.tokens.set(token, { sub: 'mickey' });
    const { ZITADEL_CLIENT_SECRET, ZITADEL_TOKEN, ...others } = env;
    const args = ['token', '--curl', '--instance-host', "it's.example"];
    const { code, stdout } = await introspect(args, { env: others });
    expect(code).toBe(0);
    expect(server.introspections).toEqual([]);
    expect(stdout).not.toContain('canary');
    expect(JSON.parse(await runWithoutSecretArguments(stdout, env))).toEqual({ active: true, sub: 'mickey' });
    await introspect(['token', '--instance-host', "it's.example"], { env });
    const [byCurl, bySdk] = server.introspections.map(({ form, field, method, url }) => ({
      method,
      url,
      form: Object.fromEntries(form),
      fields: ['accept', 'content-type', 'x-zitadel-instance-host'].map(field),
      credentials: decodeURIComponent(atob(field('authorization')[0]?.slice(6) ?? '').replaceAll('+', ' ')),
    }));
    expect(byCurl).toEqual(bySdk);
  });

  it.each(['canary"\\n" quoted', "canary' $HOME `id` %s %22", 'canary\\'])(
    'sends any token and secret unchanged: %s',
    async (odd) => {
      const { ZITADEL_CLIENT_SECRET, ZITADEL_TOKEN, ...others } = env;
      const { stdout } = await introspect(['token', '--curl'], { env: others });
      await runWithoutSecretArguments(stdout, { ...others, ZITADEL_CLIENT_SECRET: odd, ZITADEL_TOKEN: odd });
      const [request] = server.introspections;
      expect(request?.form.get('token')).toBe(odd);
      const credentials = atob(request?.field('authorization')[0]?.slice(6) ?? '');
      expect(decodeURIComponent(credentials)).toBe(`api@acme:${odd}`);
    },
  );

  it('prints an assertion if there is a key file, and warns about it', async () => {
    server.always(active());
    const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' });
    const file = join(folder, 'key.json');
    await writeFile(file, JSON.stringify({ type: 'application', keyId: '1', key, appId: '2', clientId: 'api@acme' }));
    const { code, stdout, stderr } = await introspect(['token', '--curl', '--key-file', file], { env });
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^This command contains an assertion: for some minutes, .*\.\n$/),
    ]);
    expect(JSON.parse(await runWithoutSecretArguments(stdout, { ZITADEL_TOKEN: token }))).toEqual({ active: true });
    const [request] = server.introspections;
    expect(request?.field('authorization')).toEqual([]);
    expect(Object.fromEntries(request?.form ?? [])).toEqual({
      token,
      token_type_hint: 'access_token',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: expect.stringMatching(/^ey/),
    });
  });

  it('rejects metadata that is too large for the SDK', async () => {
    const metadata = { issuer: server.origin, introspection_endpoint: server.introspectionEndpoint };
    server.at('/.well-known/openid-configuration', json({ ...metadata, x: 'x'.repeat(300_000) }));
    const { code, stderr } = await introspect(['token', '--curl'], { env });
    expect([code, stderr]).toEqual([3, expect.stringContaining('262144 bytes')]);
  });
});

describe('introspect token reports', () => {
  it.each([
    ['an unknown option', ['--colour'], 'unknown option --colour\nRun introspect --help'],
    [
      'a misspelt option with the similar one',
      ['--isuer', 'canary'],
      'unknown option --isuer; did you mean --issuer?\n',
    ],
    ['a misspelt option with its value', ['--isuer=canary'], 'unknown option --isuer'],
    [
      'a secret as an option',
      ['--client-secret=canary'],
      'unknown option --client-secret\nSecrets are not taken from the command line',
    ],
    [
      'a token as an option',
      ['--token', 'canary'],
      'unknown option --token\nSecrets are not taken from the command line',
    ],
    [
      'a token as an argument',
      ['canary-token'],
      'Too many arguments\nTokens and other secrets are not taken from the command line',
    ],
    ['an option without its value', ['--issuer'], "option '--issuer <url>' argument missing"],
    ['an issuer that is not a URL', ['--issuer', 'https://u:canary@[acme'], 'The issuer is not a URL\n'],
    [
      'an issuer with a password',
      ['--issuer', 'https://u:canary@acme.example'],
      'The issuer contains a user name or a password\n',
    ],
    ['an issuer that the SDK rejects', ['--issuer', 'http://acme.example'], '"issuer" must be https'],
    ['a host with a line end', ['--instance-host', 'a\nb'], '--instance-host (ZITADEL_INSTANCE_HOST) is not a host'],
    [
      'a key file that does not exist',
      ['--key-file', '/nowhere/key'],
      'The key file (--key-file, ZITADEL_KEY_FILE) cannot be read: /nowhere/key',
    ],
  ])('%s', async (_, args, message) => {
    const { code, stdout, stderr } = await introspect(['token', ...args], { env });
    expect(stderr).toContain(message);
    expect(stdout + stderr).not.toContain('canary');
    expect([code, stdout]).toEqual([2, '']);
  });

  it.each([
    ['ZITADEL_ISSUER', 'The issuer is missing\nGive --issuer, or set ZITADEL_ISSUER'],
    ['ZITADEL_CLIENT_ID', "The API's client id is missing\nGive --client-id, or set ZITADEL_CLIENT_ID"],
    ['ZITADEL_CLIENT_SECRET', "The API's client secret is missing\nSet ZITADEL_CLIENT_SECRET"],
    ['ZITADEL_TOKEN', 'The token is missing\nSet ZITADEL_TOKEN'],
  ])('a missing %s', async (name, message) => {
    const { code, stderr } = await introspect(['token'], { env: { ...env, [name]: '' } });
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  it('a missing token whose line of stdin was used for the missing secret', async () => {
    const { code, stdout, stderr } = await introspect(['token'], {
      env: { ...env, ZITADEL_TOKEN: '', ZITADEL_CLIENT_SECRET: '' },
      stdin: `${token}\n`,
    });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toBe(
      'The token is missing\n' +
        'The first line of stdin was used for ZITADEL_CLIENT_SECRET, which is not set. Set ZITADEL_CLIENT_SECRET, or write ZITADEL_TOKEN to the next line.\n',
    );
  });

  it('a key file whose key is damaged, without showing the key', async () => {
    const file = join(folder, 'key.json');
    const key = '-----BEGIN RSA PRIVATE KEY-----\ncanary=canary\n-----END RSA PRIVATE KEY-----';
    await writeFile(file, JSON.stringify({ type: 'application', keyId: '1', key, appId: '2', clientId: 'api@acme' }));
    const { code, stderr } = await introspect(['token', '--key-file', file], { env });
    expect(stderr).toMatch(/key/);
    expect(stderr).not.toMatch(/canary|Invalid character/);
    expect(code).toBe(2);
  });

  it('the key file of a service user', async () => {
    const file = join(folder, 'key.json');
    await writeFile(file, JSON.stringify({ type: 'serviceaccount', keyId: '1', key: 'canary', userId: '2' }));
    const { code, stderr } = await introspect(['token', '--key-file', file], { env });
    expect(stderr).toContain('the key of a service user');
    expect(stderr).not.toContain('canary');
    expect(code).toBe(2);
  });

  it.each([
    ['rejected credentials', zitadelResponses.unauthorizedClient(), 'invalid_client'],
    ['an overloaded server', zitadelResponses.quotaExhausted(), 'unavailable'],
    ['an unknown instance', zitadelResponses.unknownInstance(), 'invalid_response'],
  ])('%s, as text and as JSON', async (_, response, errorCode) => {
    server.always(response);
    const text = await introspect(['token'], { env });
    const asJson = await introspect(['token', '--json'], { env });
    expect([text.code, text.stdout, asJson.code, asJson.stderr]).toEqual([3, '', 3, '']);
    expect(JSON.parse(asJson.stdout)).toEqual({ error: { code: errorCode, message: text.stderr.trim() } });
    for (const output of [text.stderr, asJson.stdout]) expect(output).not.toMatch(/canary|quota exhausted|origin"/);
  });

  it('once what to do if the server does not introspect JWTs', async () => {
    server.always(json({ error: 'unsupported_token_type', error_description: 'canary' }, { status: 400 }));
    const { code, stdout, stderr } = await introspect(['token'], { env });
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toBe(
      'The token is of a kind that the authorization server does not introspect\n' +
        'Some servers do not introspect JWTs: configure the server to issue opaque access tokens for this API, or verify JWTs locally.\n',
    );
    const asJson = await introspect(['token', '--json'], { env });
    expect([asJson.code, asJson.stderr]).toEqual([3, '']);
    expect(JSON.parse(asJson.stdout)).toMatchObject({ error: { code: 'unsupported_token_type' } });
  });

  it('a server that cannot be reached', async () => {
    await server.close();
    const { code, stderr } = await introspect(['token'], { env });
    expect(stderr).toContain('could not be reached (ECONNREFUSED)');
    expect(code).toBe(3);
  });

  it('an unknown command without showing it, because it may be a token', async () => {
    const { code, stderr } = await introspect(['canary-token']);
    expect(stderr).toBe('unknown command\nRun introspect --help to see all commands and options.\n');
    expect(code).toBe(2);
  });

  it('a misspelt command with the similar one', async () => {
    const { code, stderr } = await introspect(['tokn']);
    expect(stderr).toMatch(/^unknown command tokn; did you mean token\?\n/);
    expect(code).toBe(2);
  });
});

describe('introspect', () => {
  it('prints the help as JSON with --json', async () => {
    const { code, stdout, stderr } = await introspect(['token', '--json', '--help']);
    expect(JSON.parse(stdout)).toEqual({ help: expect.stringMatching(/^Usage: introspect token .*\n/) });
    expect([code, stderr]).toEqual([0, '']);
  });

  it.each([[[]], [['--help']], [['help']]])('%j prints the help', async (args) => {
    const { code, stdout, stderr } = await introspect(args);
    expect(stdout).toMatch(/^Usage: introspect .*\n(.*\n)* {2}token /);
    expect([code, stderr]).toEqual([0, '']);
  });

  it.each([['--version'], ['-V']])('prints its version with %s, also as JSON', async (flag) => {
    const { version } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'));
    expect(await introspect([flag])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    const { stdout } = await introspect([flag, '--json']);
    expect(JSON.parse(stdout)).toEqual({ version });
  });

  it.each(['token', 'doctor', 'register', 'get-token'])(
    'describes environment and examples in the help, in lines of at most 100 columns: %s',
    async (command) => {
      const { stdout } = await introspect([command, '--help']);
      expect(stdout).toMatch(/\nEnvironment:\n(.*\n)* {2}ZITADEL_\w+ {2}/);
      expect(stdout).toMatch(/\nExamples:\n {2}\$ introspect /);
      expect(stdout).not.toContain('default: []');
      for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
    },
  );

  it('names each variable in token --help', async () => {
    const { stdout } = await introspect(['token', '--help']);
    for (const name of ['ISSUER', 'CLIENT_ID', 'CLIENT_SECRET', 'KEY_FILE', 'PROJECT_ID', 'TOKEN'])
      expect(stdout).toContain(`ZITADEL_${name}`);
  });
});
