import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { active, json, type ScriptedServer } from '@acme/introspect-testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { introspect } from '../../support/introspect.js';
import { startTokenApi, token } from '../../support/token-api.js';

let server: ScriptedServer;
let folder: string;
let env: Record<string, string>;
beforeEach(async () => {
  ({ server, folder, env } = await startTokenApi());
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

  it.each(['canary"\\n" quoted', "canary' $HOME `id` %s %22", 'canary\\'])(
    'sends any secret without form encoding for basic-raw: %s',
    async (odd) => {
      const { ZITADEL_CLIENT_SECRET, ZITADEL_TOKEN, ...api } = env;
      const others = { ...api, ZITADEL_CLIENT_ID: 'api "ß' };
      const { stdout } = await introspect(['token', '--curl', '--auth', 'basic-raw'], { env: others });
      await runWithoutSecretArguments(stdout, { ...others, ZITADEL_CLIENT_SECRET: odd, ZITADEL_TOKEN: token });
      const credentials = server.introspections[0]?.field('authorization')[0]?.slice('Basic '.length) ?? '';
      expect(Buffer.from(credentials, 'base64').toString()).toBe(`api "ß:${odd}`);
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
      client_id: 'api@acme',
    });
  });

  it('rejects metadata that is too large for the SDK', async () => {
    const metadata = { issuer: server.origin, introspection_endpoint: server.introspectionEndpoint };
    server.at('/.well-known/openid-configuration', json({ ...metadata, x: 'x'.repeat(300_000) }));
    const { code, stderr } = await introspect(['token', '--curl'], { env });
    expect([code, stderr]).toEqual([3, expect.stringContaining('262144 bytes')]);
  });
});
