import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inactive, respond, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { introspect } from '../support/introspect.js';
import { examined } from '../support/run-doctor.js';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed25519 = generateKeyPairSync('ed25519');
const jwkOf = (key: KeyObject, more: object = {}) => JSON.stringify({ ...key.export({ format: 'jwk' }), ...more });

let server: ScriptedServer;
let folder: string;
let env: Record<string, string>;
beforeEach(async () => {
  server = await startScriptedServer();
  folder = mkdtempSync(join(tmpdir(), 'introspect-key-'));
  env = {
    INTROSPECT_ISSUER: server.origin,
    INTROSPECT_ENDPOINT: server.introspectionEndpoint,
    INTROSPECT_CLIENT_ID: 'api',
    INTROSPECT_AUTH: 'key',
    INTROSPECT_KEY_FILE: join(folder, 'key'),
  };
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});
const writeKey = (content: string) => writeFileSync(join(folder, 'key'), content);

const keys: [what: string, content: string, publicKey: KeyObject, alg: string, kid: string, args: string[]][] = [
  ['a PEM (PKCS#8)', pem(rsa.privateKey, 'pkcs8'), rsa.publicKey, 'RS256', 'k1', ['--key-id', 'k1']],
  ['a PEM (PKCS#1)', pem(rsa.privateKey, 'pkcs1'), rsa.publicKey, 'RS256', 'k1', ['--key-id', 'k1']],
  ['a PEM (SEC 1)', pem(ec.privateKey, 'sec1'), ec.publicKey, 'ES256', 'k1', ['--key-id', 'k1']],
  ['a PEM of Ed25519', pem(ed25519.privateKey, 'pkcs8'), ed25519.publicKey, 'EdDSA', 'k1', ['--key-id', 'k1']],
  ['a JWK', jwkOf(ec.privateKey, { kid: 'own' }), ec.publicKey, 'ES256', 'own', []],
  ['a JWK with alg', jwkOf(rsa.privateKey, { kid: 'own', alg: 'PS256' }), rsa.publicKey, 'PS256', 'own', []],
  ['a JWK and another key id', jwkOf(ec.privateKey, { kid: 'own' }), ec.publicKey, 'ES256', 'k1', ['--key-id', 'k1']],
];

function pem(key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1'): string {
  return key.export({ type, format: 'pem' } as never).toString();
}

describe('--auth key with', () => {
  it.each(keys)(
    '%s signs as the server expects, for token and doctor',
    async (_, content, publicKey, alg, kid, args) => {
      writeKey(content);
      const headers: object[] = [];
      server.always(async (response, request) => {
        const assertion = request.form.get('client_assertion') ?? '';
        headers.push(decodeProtectedHeader(assertion));
        const claims = { issuer: 'api', subject: 'api', audience: server.origin };
        const isGood = await jwtVerify(assertion, publicKey, claims).then(
          () => true,
          () => false,
        );
        (isGood ? inactive() : respond({ status: 401 }))(response, request);
      });
      const { code } = await introspect(['token', ...args], { env: { ...env, INTROSPECT_TOKEN: 'x' } });
      expect(code).toBe(1);
      expect((await examined(env, ...args)).found).toEqual([]);
      expect(headers.length).toBeGreaterThan(2);
      for (const header of headers) expect(header).toMatchObject({ alg, kid });
    },
  );

  it.each([
    ['a PEM', pem(ec.privateKey, 'pkcs8')],
    ['a JWK without kid', jwkOf(ec.privateKey)],
  ])('%s and no key id names what is missing', async (_, content) => {
    writeKey(content);
    for (const command of ['token', 'doctor']) {
      const { code, stderr } = await introspect([command], { env: { ...env, INTROSPECT_TOKEN: 'x' } });
      expect([code, stderr]).toEqual([
        2,
        'The key id (kid) of the key at the server is missing\nGive --key-id, or set INTROSPECT_KEY_ID in the environment or in the file of --env.\n',
      ]);
    }
    expect((await introspect(['token'], { env: { ...env, INTROSPECT_KEY_ID: 'k', INTROSPECT_TOKEN: 'x' } })).code).toBe(
      3,
    );
  });

  const accepted =
    'the file must be a key file of ZITADEL, or a private key as PEM or JWK (RFC 7517 §4), without a password';
  const password = { cipher: 'aes-256-cbc', passphrase: 'canary' };
  it.each([
    ['an encrypted PEM', ec.privateKey.export({ type: 'pkcs8', format: 'pem', ...password }).toString()],
    ['a public key', ec.publicKey.export({ type: 'spki', format: 'pem' }).toString()],
    ['a public JWK', jwkOf(ec.publicKey)],
    ['another text', 'canary'],
  ])('%s says what the file must be', async (_, content) => {
    writeKey(content);
    const given = { ...env, INTROSPECT_KEY_ID: 'k', INTROSPECT_TOKEN: 'x' };
    const { code, stderr } = await introspect(['token'], { env: given });
    expect([code, stderr]).toEqual([2, `The key file contains no usable private key: ${accepted}\n`]);
    const { report } = await examined(given);
    expect(report.checks[0]?.findings).toMatchObject([
      { code: 'key_file_unusable', cause: `The key file contains no usable private key: ${accepted}.` },
    ]);
  });

  it.each([
    ['JSON of another kind', '{"canary":1}', `The JSON of the key file is not a key: ${accepted}`],
    [
      'an EC key of another curve',
      pem(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey, 'pkcs8'),
      'privateKeyJwt: "privateKey" holds an EC key (P-384), and ES256 needs an EC key (P-256)',
    ],
    [
      'a key that cannot sign',
      pem(generateKeyPairSync('x25519').privateKey, 'pkcs8'),
      'The key in the key file must be an RSA, EC (P-256) or Ed25519 key',
    ],
  ])('%s says what is wrong', async (_, content, message) => {
    writeKey(content);
    const given = { ...env, INTROSPECT_KEY_ID: 'k', INTROSPECT_TOKEN: 'x' };
    const { code, stderr } = await introspect(['token'], { env: given });
    expect([code, stderr]).toEqual([2, `${message}\n`]);
  });
});
