import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  inactive,
  json,
  type ScriptedResponse,
  type ScriptedServer,
  startScriptedServer,
  zitadelResponses,
} from '@acme/introspect-testing';
import { jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { canary, examined } from '../../../support/run-doctor.js';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();

let server: ScriptedServer;
let folder: string;
let env: Record<string, string>;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'introspect-doctor-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  server = await startScriptedServer();
  server.always(verifying);
  const path = join(folder, 'key.json');
  writeFileSync(path, JSON.stringify({ type: 'application', keyId: '1', key, clientId: 'api' }));
  env = { ZITADEL_ISSUER: server.origin, ZITADEL_KEY_FILE: path };
});
afterEach(() => server.close());

/** Like ZITADEL: rejects an assertion that it can read and cannot verify. Otherwise responds that the token is inactive. */
const verifying: ScriptedResponse = async (response, request) => {
  const assertion = request.form.get('client_assertion') ?? '';
  const options = { issuer: 'api', subject: 'api', audience: server.origin };
  const isGood = await jwtVerify(assertion, publicKey, options).then(
    () => true,
    () => false,
  );
  (isGood ? inactive() : zitadelResponses.unauthorizedClient())(response, request);
};

describe('introspect doctor with a key', () => {
  it('that the server accepts reports no finding', async () => {
    const { found, report } = await examined(env);
    expect(found).toEqual([]);
    expect(report.checks[0]?.detail).toContain('private_key_jwt');
    expect(server.introspections.filter((request) => request.field('authorization').length > 0)).toEqual([]);
  });

  it('reports assertion_unproven if the server responds "inactive" to any assertion', async () => {
    server.always(inactive());
    expect((await examined(env)).found).toEqual(['credentials: assertion_unproven']);
  });

  it('that the server rejects reports the key, and no secret', async () => {
    server.always(zitadelResponses.unauthorizedClient());
    const { found, report } = await examined(env);
    expect(found).toEqual(['credentials: credentials_refused']);
    expect(JSON.stringify(report.checks)).not.toContain('secret');
  });

  it('that is damaged reports it without an introspection request', async () => {
    const path = join(folder, 'damaged.json');
    const damaged = '-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----';
    writeFileSync(path, JSON.stringify({ type: 'application', keyId: '1', key: damaged, clientId: 'api' }));
    expect((await examined({ ...env, ZITADEL_KEY_FILE: path })).found).toEqual(['configuration: key_file_unusable']);
    expect(server.introspections).toEqual([]);
  });

  it('and a secret uses the key, and reports a warning', async () => {
    const { found } = await examined({ ...env, ZITADEL_CLIENT_SECRET: canary });
    expect(found).toEqual(['configuration: two_credentials']);
  });

  it('reports a warning if the server does not name private_key_jwt', async () => {
    server.at(
      '/.well-known/openid-configuration',
      json({
        issuer: server.origin,
        introspection_endpoint: server.introspectionEndpoint,
        introspection_endpoint_auth_methods_supported: ['client_secret_basic'],
      }),
    );
    expect((await examined(env)).found).toEqual(['discovery: method_not_advertised']);
  });
});
