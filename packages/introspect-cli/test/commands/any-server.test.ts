import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { active, inactive, json, respond, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { exportJWK, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { introspect } from '../support/introspect.js';
import { examined } from '../support/run-doctor.js';

const endpointPath = '/admin/introspect';
const clientSecret = 'canary+secret';
let server: ScriptedServer;
let env: Record<string, string>;
beforeEach(async () => {
  server = await startScriptedServer();
  // Another server than ZITADEL, at whose well-known URLs there is no metadata.
  server.at('/.well-known/openid-configuration', respond({ status: 404 }));
  server.at(endpointPath, active({ sub: 'alice', token_type: 'Bearer' }));
  env = { INTROSPECT_TOKEN: 'canary-token', INTROSPECT_CLIENT_ID: 'api', INTROSPECT_CLIENT_SECRET: clientSecret };
});
afterEach(() => server.close());

const endpoint = () => `${server.origin}${endpointPath}`;
const last = () => server.requests.findLast(({ url }) => url === endpointPath);

describe('--introspection-endpoint', () => {
  it.each(['option', 'variable'])('as %s introspects without metadata and without an issuer', async (how) => {
    const args = how === 'option' ? ['--introspection-endpoint', endpoint()] : [];
    const given = how === 'option' ? env : { ...env, INTROSPECT_ENDPOINT: endpoint() };
    const { code, stdout, stderr } = await introspect(['token', ...args], { env: given });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('alice');
    expect(server.requests.map(({ url }) => url)).toEqual([endpointPath]);
    const curl = await introspect(['token', '--curl', ...args], { env: given });
    expect(curl.stdout).toContain(`--url '${endpoint()}'`);
  });

  it('lets doctor check the server without discovery', async () => {
    server.at(endpointPath, (response, request) => {
      const isRight = request.field('authorization').join() === `Basic ${btoa('api:canary%2Bsecret')}`;
      (isRight ? inactive() : json({ error: 'invalid_client' }, { status: 401 }))(response, request);
    });
    const { INTROSPECT_TOKEN, ...api } = env;
    const { found, statuses } = await examined({ ...api, INTROSPECT_ENDPOINT: endpoint() });
    expect(found).toEqual([]);
    expect(statuses).toMatchObject({ discovery: 'skipped', credentials: 'ok', latency: 'ok' });
  });

  it.each(['not-a-url-canary', 'http://as.example/canary', 'https://u:canary@as.example'])(
    'that is invalid sends nothing, and is not shown: %s',
    async (INTROSPECT_ENDPOINT) => {
      for (const command of ['token', 'doctor']) {
        const { code, stdout, stderr } = await introspect([command], { env: { ...env, INTROSPECT_ENDPOINT } });
        expect([code, stdout]).toEqual([2, '']);
        expect(stderr).toContain('--introspection-endpoint (INTROSPECT_ENDPOINT)');
        expect(stderr).not.toContain('canary');
      }
    },
  );
});

describe('--metadata-url', () => {
  it('finds the endpoint, for token, token --curl and doctor', async () => {
    server.at('/meta', json({ issuer: 'https://public.example', introspection_endpoint: endpoint() }));
    const api = {
      ...env,
      INTROSPECT_ISSUER: 'https://public.example',
      INTROSPECT_METADATA_URL: `${server.origin}/meta`,
    };
    expect(await introspect(['token'], { env: api })).toMatchObject({ code: 0, stderr: '' });
    expect((await introspect(['token', '--curl'], { env: api })).stdout).toContain(`--url '${endpoint()}'`);
    server.at(endpointPath, inactive());
    const { statuses } = await examined(api);
    expect(statuses).toMatchObject({ discovery: 'warning', credentials: 'warning' });
  });

  it('of another issuer sends no credentials', async () => {
    server.at('/meta', json({ issuer: 'https://other.example', introspection_endpoint: endpoint() }));
    const api = { ...env, INTROSPECT_ISSUER: 'https://public.example' };
    for (const command of ['token', 'doctor']) {
      const { code } = await introspect([command, '--metadata-url', `${server.origin}/meta`], { env: api });
      expect(code).toBe(command === 'doctor' ? 1 : 3);
    }
    expect(last()).toBeUndefined();
  });
});

type Received = { field: (name: string) => readonly string[] };
const isBasic =
  (credentials: string) =>
  ({ field }: Received) =>
    field('authorization')[0] === `Basic ${btoa(credentials)}`;

describe('--auth', () => {
  it.each([
    ['basic', {}, { authorization: [`Basic ${btoa('api:canary%2Bsecret')}`] }],
    ['basic-raw', {}, { authorization: [`Basic ${btoa('api:canary+secret')}`] }],
    ['post', {}, { authorization: [], client_id: 'api', client_secret: clientSecret }],
    ['bearer', { INTROSPECT_BEARER_TOKEN: 'canary.key' }, { authorization: ['Bearer canary.key'] }],
    ['none', {}, { authorization: [] }],
  ])('%s sends these credentials', async (auth, more, expected) => {
    const api = { ...env, ...more, INTROSPECT_ENDPOINT: endpoint() };
    for (const how of [{ args: ['--auth', auth] }, { args: [], variables: { INTROSPECT_AUTH: auth } }]) {
      const { code } = await introspect(['token', ...how.args], { env: { ...api, ...how.variables } });
      expect(code).toBe(0);
      const { token, token_type_hint, ...form } = Object.fromEntries(last()?.form ?? []);
      const credentials = { authorization: last()?.field('authorization'), ...form };
      expect(credentials).toEqual(expected);
    }
    const curl = await introspect(['token', '--curl', '--auth', auth], { env: api });
    expect([curl.code, curl.stdout]).toEqual([0, expect.not.stringMatching(/canary|placeholder/)]);
  });

  it.each([
    ['basic-raw', isBasic('api:canary+secret')],
    ['post', ({ form }: { form: URLSearchParams }) => form.get('client_secret') === clientSecret],
    [
      'bearer',
      ({ field }: { field: (name: string) => readonly string[] }) => field('authorization')[0] === 'Bearer good',
    ],
    ['none', () => true],
  ])('%s is proven by doctor', async (auth, isRight) => {
    server.at(endpointPath, (response, request) => {
      (isRight(request) ? inactive() : respond({ status: 401 }))(response, request);
    });
    const { INTROSPECT_TOKEN, ...api } = env;
    const { found } = await examined(
      { ...api, INTROSPECT_ENDPOINT: endpoint(), INTROSPECT_BEARER_TOKEN: 'good' },
      ...['--auth', auth],
    );
    expect(found).toEqual([]);
  });

  it.each([
    ['none', 'none were sent'],
    ['bearer', 'does not accept the bearer token'],
  ])('%s that the server rejects is explained by doctor', async (auth, cause) => {
    server.at(endpointPath, respond({ status: 401 }));
    const api = { INTROSPECT_ENDPOINT: endpoint(), INTROSPECT_BEARER_TOKEN: 'x' };
    const { report } = await examined(api, '--auth', auth);
    expect(report.checks.flatMap(({ findings }) => findings)[0]?.cause).toContain(cause);
  });

  it.each([
    ['basic', 'api:canary+secret'],
    ['basic-raw', 'api:canary%2Bsecret'],
  ])('%s that the server rejects because it decodes otherwise is explained by doctor', async (auth, accepted) => {
    server.at(endpointPath, (response, request) => {
      (isBasic(accepted)(request) ? inactive() : json({ error: 'invalid_client' }, { status: 401 }))(response, request);
    });
    const { INTROSPECT_TOKEN, ...api } = env;
    const given = { ...api, INTROSPECT_ENDPOINT: endpoint() };
    const { report } = await examined(given, '--auth', auth);
    const [finding] = report.checks.flatMap(({ findings }) => findings);
    expect(finding?.fix).toContain('try the other one of --auth basic and basic-raw');
    const plain = await examined({ ...given, INTROSPECT_CLIENT_SECRET: 'plain' }, '--auth', auth);
    expect(JSON.stringify(plain.report)).not.toContain('basic-raw.');
  });

  it('basic-raw with a colon in the client id is rejected before a request', async () => {
    const given = { ...env, INTROSPECT_CLIENT_ID: 'a:b', INTROSPECT_ENDPOINT: endpoint() };
    for (const command of ['token', 'doctor']) {
      const { code, stderr } = await introspect([command, '--auth', 'basic-raw'], { env: given });
      expect([code, stderr]).toEqual([2, expect.stringContaining('"clientId" must not have a colon')]);
    }
    expect(last()).toBeUndefined();
  });

  it('key without an issuer names what is missing', async () => {
    const env = { INTROSPECT_ENDPOINT: endpoint(), INTROSPECT_AUTH: 'key' };
    const { code, stderr } = await introspect(['doctor'], { env });
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^The issuer is missing\n/)]);
  });

  it('that the variable names wrongly is rejected', async () => {
    const { code, stderr } = await introspect(['token'], {
      env: { ...env, INTROSPECT_ENDPOINT: endpoint(), INTROSPECT_AUTH: 'canary' },
    });
    expect([code, stderr]).toEqual([2, 'INTROSPECT_AUTH must be one of basic, basic-raw, post, key, bearer, none\n']);
  });
});

describe('the variables INTROSPECT_*', () => {
  it('override those of ZITADEL, which are read without them', async () => {
    server.at('/.well-known/openid-configuration', json({ issuer: server.origin, introspection_endpoint: endpoint() }));
    const zitadel = {
      ZITADEL_ISSUER: server.origin,
      ZITADEL_CLIENT_ID: 'zitadel',
      ZITADEL_CLIENT_SECRET: 'z',
      ZITADEL_TOKEN: 'zitadel-token',
    };
    await introspect(['token'], { env: zitadel });
    expect([last()?.form.get('token'), last()?.field('authorization')]).toEqual([
      'zitadel-token',
      [`Basic ${btoa('zitadel:z')}`],
    ]);
    await introspect(['token'], { env: { ...zitadel, ...env } });
    expect([last()?.form.get('token'), last()?.field('authorization')]).toEqual([
      'canary-token',
      [`Basic ${btoa('api:canary%2Bsecret')}`],
    ]);
  });
});

describe('an active token that is not an access token', () => {
  const jwt = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`;
  it.each([
    ['a refresh token', 'abc', { token_use: 'refresh_token' }],
    ['a refresh token', 'abc', { token_type: 'refresh_token' }],
    ['a refresh token', jwt({ typ: 'Refresh' }), {}],
    ['a refresh token', 'authelia_rt_abc', { token_type: 'Bearer' }],
    ['an ID token', jwt({ nonce: 'n' }), { token_type: 'Bearer' }],
    ['an ID token', 'abc', { typ: 'ID' }],
  ])('%s is flagged by token: %s %j', async (kind, INTROSPECT_TOKEN, claims) => {
    server.at(endpointPath, json({ active: true, ...claims }));
    const api = { ...env, INTROSPECT_TOKEN, INTROSPECT_ENDPOINT: endpoint() };
    const { code, stderr } = await introspect(['token'], { env: api });
    expect([code, stderr]).toEqual([0, expect.stringContaining(`Warning: This is ${kind}, and the server reports it`)]);
  });

  it('may have no token_type, and token says so, but not at ZITADEL', async () => {
    server.at(endpointPath, json({ active: true }));
    const other = await introspect(['token'], { env: { ...env, INTROSPECT_ENDPOINT: endpoint() } });
    expect(other.stderr).toContain('The response has no token_type');
    server.always(active());
    const zitadel = { ...env, INTROSPECT_ENDPOINT: server.introspectionEndpoint };
    expect((await introspect(['token'], { env: zitadel })).stderr).toBe('');
  });
});

describe('an inactive token of a server that is not ZITADEL', () => {
  it('is explained without ZITADEL, and is not sent to userinfo', async () => {
    server.at(endpointPath, inactive());
    const api = { ...env, INTROSPECT_ENDPOINT: endpoint(), INTROSPECT_ISSUER: server.origin };
    const { code, stdout } = await introspect(['token'], { env: api });
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^inactive\n\nIt is not a JWT, so nothing can be read/)]);
    expect(stdout).not.toMatch(/zitadel/i);
    expect(server.requests.map(({ url }) => url)).toEqual([endpointPath]);
    const { stdout: nameless } = await introspect(['token'], { env: { ...api, INTROSPECT_ISSUER: '' } });
    expect(nameless).toContain('Set --issuer or INTROSPECT_ISSUER too.');
  });

  it('is judged by doctor without ZITADEL', async () => {
    server.at(endpointPath, inactive());
    const { report } = await examined({ ...env, INTROSPECT_ENDPOINT: endpoint() }, '--auth', 'none');
    const check = report.checks.find(({ name }) => name === 'token');
    expect(check).toMatchObject({ findings: [{ code: 'token_inactive' }] });
    expect(JSON.stringify(check)).not.toMatch(/zitadel/i);
  });
});

describe('an inactive token of Keycloak', () => {
  const issuer = 'https://public.example/realms/shop';
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const explain = async (INTROSPECT_TOKEN: string) => {
    const realm = `${server.origin}/auth/realms/shop`;
    const path = '/auth/realms/shop/protocol/openid-connect/token/introspect';
    server.at(path, inactive());
    server.at('/keys', json({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256' }] }));
    server.at(
      '/auth/realms/shop/meta',
      json({ issuer, introspection_endpoint: `${server.origin}${path}`, jwks_uri: `${server.origin}/keys` }),
    );
    const api = { ...env, INTROSPECT_TOKEN, INTROSPECT_ISSUER: issuer, INTROSPECT_METADATA_URL: `${realm}/meta` };
    const { code, stdout } = await introspect(['token'], { env: api });
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^inactive\n/)]);
    expect(stdout).not.toMatch(/zitadel|not checked/i);
    return stdout;
  };

  it('is explained with the audience mapper, by keys that --metadata-url names', async () => {
    const token = await new SignJWT({ iss: issuer, aud: ['account'] })
      .setProtectedHeader({ alg: 'RS256', kid: 'k' })
      .sign(privateKey);
    const stdout = await explain(token);
    expect(stdout).toContain(`Its audience ["account"] lacks this API's client id "api".`);
    expect(stdout).toContain('Add a mapper of the type "Audience"');
  });

  it('is recognised as a forged one, and not by its audience, if no key of the realm signed it', async () => {
    const { privateKey: other } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const token = await new SignJWT({ iss: issuer, aud: ['account'] })
      .setProtectedHeader({ alg: 'RS256', kid: 'k' })
      .sign(other);
    expect(await explain(token)).toContain('Its signature is wrong');
  });
});

describe('a line of stdin that is a token', () => {
  it.each(['token', 'doctor'])('is never sent as the client secret: %s', async (command) => {
    const { INTROSPECT_CLIENT_SECRET, INTROSPECT_TOKEN, ...api } = env;
    const { code, stderr } = await introspect([command], {
      env: { ...api, INTROSPECT_ENDPOINT: endpoint() },
      stdin: 'eyJhbGciOiJSUzI1NiJ9.canary.x\n',
    });
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^The API's client secret is missing\nThe line of stdin is a token\. Set INTROSPECT_CLIENT_SECRET/,
    );
    expect(stderr).not.toContain('canary');
    expect(server.requests).toEqual([]);
  });
});

describe('a file .env in the folder', () => {
  it('is read only by --env, and each command that lacks a setting names that option', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'introspect-dotenv-'));
    try {
      writeFileSync(join(folder, '.env'), `INTROSPECT_ENDPOINT=${endpoint()}\nZITADEL_ISSUER=${server.origin}\n`);
      for (const command of ['token', 'doctor', 'register', 'get-token']) {
        const project = command === 'register' ? ['--project', 'shop'] : [];
        const { code, stderr } = await introspect([command, ...project], {
          cwd: folder,
          env: { ZITADEL_ADMIN_PAT: 'x' },
        });
        expect([command, code]).toEqual([command, 2]);
        expect(stderr).toContain('There is a file .env here: --env .env reads it.');
      }
      expect(server.requests).toEqual([]);
      expect((await introspect(['token', '--env', '.env'], { cwd: folder, env })).code).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
