import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { json, type ScriptedServer, zitadelResponses } from '@acme/introspect-testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { introspect } from '../../support/introspect.js';
import { startTokenApi, token } from '../../support/token-api.js';

let server: ScriptedServer;
let folder: string;
let env: Record<string, string>;
beforeEach(async () => {
  ({ server, folder, env } = await startTokenApi());
});

describe('introspect token reports', () => {
  it.each([
    ['an unknown option', ['--colour'], 'unknown option --colour\nRun introspect token --help to see its options.'],
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
      'too many arguments\nTokens and other secrets are not taken from the command line',
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
    ['ZITADEL_ISSUER', 'The issuer is missing\nGive --issuer, or set INTROSPECT_ISSUER or ZITADEL_ISSUER'],
    [
      'ZITADEL_CLIENT_ID',
      "The API's client id is missing\nGive --client-id, or set INTROSPECT_CLIENT_ID or ZITADEL_CLIENT_ID",
    ],
    [
      'ZITADEL_CLIENT_SECRET',
      "The API's client secret is missing\nSet INTROSPECT_CLIENT_SECRET or ZITADEL_CLIENT_SECRET",
    ],
    ['ZITADEL_TOKEN', 'The token is missing\nSet INTROSPECT_TOKEN or ZITADEL_TOKEN'],
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
        'The first line of stdin was used for INTROSPECT_CLIENT_SECRET or ZITADEL_CLIENT_SECRET, which is not set. Set INTROSPECT_CLIENT_SECRET or ZITADEL_CLIENT_SECRET, or write INTROSPECT_TOKEN or ZITADEL_TOKEN to the next line.\n',
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

  it.each([[['tokn']], [['tokn', '--help']]])('a misspelt command with the similar one: %j', async (argv) => {
    const { code, stderr } = await introspect(argv);
    expect(stderr).toMatch(/^unknown command tokn; did you mean token\?\n/);
    expect(code).toBe(2);
  });
});
