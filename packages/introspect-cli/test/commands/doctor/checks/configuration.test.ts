import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { apiOf, canary, clientSecret, examined, runDoctor } from '../../../support/run-doctor.js';

let server: ScriptedServer;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'introspect-doctor-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  server = await startScriptedServer({ clientSecret });
});
afterEach(() => server.close());

const file = (name: string, content: unknown) => {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};

describe('introspect doctor with an issuer that is written', () => {
  const written: [how: string, of: (origin: string) => string, codes: string[]][] = [
    ['with white space around', (origin) => ` ${origin}\n`, ['configuration: issuer_whitespace']],
    ['in quotes', (origin) => `"${origin}"`, ['configuration: issuer_quotes']],
    [
      'as its metadata',
      (origin) => `${origin}/.well-known/openid-configuration`,
      ['configuration: issuer_is_endpoint'],
    ],
    ['as its endpoint', (origin) => `${origin}/oauth/v2/introspect`, ['configuration: issuer_is_endpoint']],
    [
      'as its console',
      (origin) => `${origin}/ui/console?login=1`,
      ['configuration: issuer_query', 'configuration: issuer_is_endpoint'],
    ],
    [
      'with a slash at its end',
      (origin) => `${origin}/`,
      ['configuration: issuer_trailing_slash', 'discovery: issuer_mismatch_slash'],
    ],
  ];
  it.each(written)('%s reports it, corrects it, and continues the checks', async (_, of, codes) => {
    const { found, statuses } = await examined({ ...apiOf(server), ZITADEL_ISSUER: of(server.origin) });
    expect(found).toEqual(codes);
    expect(statuses.latency).toBe('ok');
  });

  it.each([
    ['without a scheme', 'my-instance.zitadel.cloud', 'issuer_not_a_url'],
    ['with another scheme', 'localhost:8080', 'issuer_not_a_url'],
    ['with a password', `http://api:${canary}@localhost:8080`, 'issuer_user_info'],
  ])('%s stops after the configuration, and does not show the issuer', async (_, issuer, code) => {
    const { found, statuses } = await examined({ ...apiOf(server), ZITADEL_ISSUER: issuer });
    expect(found).toEqual([`configuration: ${code}`]);
    expect(statuses.dns).toBe('skipped');
  });

  it('with a path reports an info finding, because other servers have one', async () => {
    const issuer = `${server.origin}/realms/acme`;
    const { found } = await examined({ ...apiOf(server), ZITADEL_ISSUER: issuer });
    expect(found[0]).toBe('configuration: issuer_path');
  });

  it('as plain http at another host reports an error, but not that the host has the name of an endpoint', async () => {
    const env = { ...apiOf(server), ZITADEL_ISSUER: 'http://oauth' };
    const { found, report } = await examined(env, '--timeout-ms', '300');
    expect(found[0]).toBe('configuration: issuer_insecure_http');
    expect(report.checks[0]?.detail).toContain('http://oauth,');
  });
});

describe('introspect doctor with credentials', () => {
  it.each([
    ['white space around the secret', { ZITADEL_CLIENT_SECRET: `${clientSecret} ` }, 'client_secret_whitespace'],
    ['quotes around the secret', { ZITADEL_CLIENT_SECRET: `"${clientSecret}"` }, 'client_secret_quotes'],
    ['white space around the id', { ZITADEL_CLIENT_ID: ' api' }, 'client_id_whitespace'],
    ['quotes around the id', { ZITADEL_CLIENT_ID: "'api'" }, 'client_id_quotes'],
    [
      'id and secret swapped',
      { ZITADEL_CLIENT_ID: clientSecret, ZITADEL_CLIENT_SECRET: '300000000000000001' },
      'credentials_swapped',
    ],
  ])('with %s reports a warning, and sends them unchanged', async (_, changed, code) => {
    const { found } = await examined({ ...apiOf(server), ...changed });
    expect(found).toEqual([`configuration: ${code}`, 'credentials: credentials_refused']);
  });

  it.each([
    ['of a service user', { type: 'serviceaccount', keyId: '1', key: canary, userId: '2' }, 'key_file_service_account'],
    ['that contains no JSON', canary, 'key_file_unusable'],
    ['whose key is not PEM', { type: 'application', keyId: '1', key: canary, clientId: 'api' }, 'key_file_unusable'],
  ])('in a key file %s reports an error, and runs the other checks', async (_, content, code) => {
    const path = file('key.json', content);
    const { found, statuses } = await examined({ ZITADEL_ISSUER: server.origin, ZITADEL_KEY_FILE: path });
    expect(found).toEqual([`configuration: ${code}`]);
    expect(statuses).toMatchObject({ discovery: 'ok', clock: 'ok', credentials: 'skipped' });
    expect(server.introspections).toEqual([]);
  });

  it('that are missing ends with exit code 2 and names the variable', async () => {
    const { exitCode, stderr } = await runDoctor({ ZITADEL_ISSUER: server.origin });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('ZITADEL_CLIENT_ID');
    expect(await runDoctor(apiOf(server), ['--timeout-ms', 'soon'])).toMatchObject({ exitCode: 2 });
  });
});
