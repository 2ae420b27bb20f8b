import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { active, startScriptedServer } from '@acme/introspect-testing';
import { type LocalIssuer, startLocalIssuer } from 'local-issuer';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const complete = { ZITADEL_ISSUER: 'https://a.example', ZITADEL_CLIENT_ID: 'c', ZITADEL_CLIENT_SECRET: 's' };

let local: LocalIssuer;
let own: Record<string, string>;
const folder = mkdtempSync(join(tmpdir(), 'introspect-demos-'));
let running: ChildProcess | undefined;
beforeAll(async () => {
  local = await startLocalIssuer();
  const { apiApp, projectId } = local.configuration;
  own = {
    ZITADEL_ISSUER: local.issuer,
    ZITADEL_CLIENT_ID: apiApp.clientId,
    ZITADEL_CLIENT_SECRET: apiApp.clientSecret,
    ZITADEL_PROJECT_ID: projectId,
  };
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await local.close();
});
afterEach(() => {
  running?.kill('SIGKILL');
});

function run(main: string, args: string[], environment: Record<string, string>) {
  const file = fileURLToPath(new URL(`../../${main}/dist/main.js`, import.meta.url));
  const child = spawn(process.execPath, [file, ...args], { env: { PATH: process.env.PATH ?? '', ...environment } });
  running = child;
  const printed = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    printed.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    printed.stderr += text;
  });
  const ended = once(child, 'close');
  const until = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => printed.stdout.includes(text) && resolve();
      child.stdout.on('data', look);
      ended.then(() => reject(new Error(`ended early: ${printed.stderr}`)));
      look();
    });
  return { child, printed, until, ended };
}

describe.each(['fastify-demo', 'hono-demo', 'nestjs-demo'])('%s', (demo) => {
  async function start(environment = own) {
    const program = run(demo, [], environment);
    await program.until('Ctrl-C');
    const origin = /http:\/\/127\.0\.0\.1:\d+/.exec(program.printed.stdout)?.[0] ?? 'no URL was printed';
    const ask = async (path: string, token?: string, init: RequestInit = {}) => {
      const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const headers = { ...authorization, ...(init.body ? { 'content-type': 'application/json' } : {}) };
      const response = await fetch(`${origin}${path}`, { ...init, headers });
      return { status: response.status, body: await response.json(), headers: response.headers };
    };
    return { ...program, origin, ask };
  }

  it('answers its routes', async () => {
    const { ask, origin, printed } = await start();
    const all = await local.mintAccessToken();
    const readOnly = await local.mintAccessToken(local.configuration.serviceUsers[1]);
    const post = { method: 'POST', body: JSON.stringify({ name: 'saw' }) };
    expect(await ask('/public')).toMatchObject({ status: 200 });
    expect(await ask('/optional')).toMatchObject({ status: 200, body: { hello: 'stranger' } });
    expect(await ask('/optional', all)).toMatchObject({ status: 200, body: { hello: '200000000000000001' } });
    expect(await ask('/optional', 'garbage')).toMatchObject({ status: 401 });
    expect(await ask('/me')).toMatchObject({ status: 401, body: {} });
    expect(await ask('/me', all)).toMatchObject({ status: 200, body: { active: true, client_id: 'demo-service' } });
    expect(await ask('/items', readOnly)).toMatchObject({ status: 200, body: { items: ['hammer', 'nail'] } });
    expect(await ask('/items', readOnly, post)).toMatchObject({ status: 403, body: { error: 'insufficient_scope' } });
    expect(await ask('/items', all, post)).toMatchObject({ status: 201, body: { created: 'saw' } });
    expect(await ask('/admin', readOnly)).toMatchObject({ status: 403, body: { error: 'access_denied' } });
    expect(await ask('/admin', all)).toMatchObject({ status: 200 });
    expect(await ask('/recent', all)).toMatchObject({
      status: 401,
      body: { error: 'insufficient_user_authentication' },
    });
    expect(await ask('/ready')).toMatchObject({ status: 200, body: { ready: true } });
    expect(await ask('/.well-known/oauth-protected-resource')).toMatchObject({
      status: 200,
      body: { resource: origin, authorization_servers: [local.issuer], bearer_methods_supported: ['header'] },
    });
    const { headers } = await ask('/me');
    expect(headers.get('www-authenticate')).toBe(
      `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource"`,
    );
    expect(printed.stderr).toBe('');
  });

  it('is not ready with a wrong secret, and says so with 503', async () => {
    const { ask } = await start({ ...own, ZITADEL_CLIENT_SECRET: 'wrong' });
    const { status, body, headers } = await ask('/ready');
    expect({ status, body }).toEqual({ status: 503, body: { error: 'temporarily_unavailable' } });
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('takes an endpoint in place of an issuer, and a resource', async () => {
    const { ZITADEL_ISSUER: _, ...others } = own;
    const resource = 'https://api.example.com';
    const { ask } = await start({ ...others, INTROSPECTION_ENDPOINT: local.introspectionEndpoint, RESOURCE: resource });
    expect(await ask('/me', await local.mintAccessToken())).toMatchObject({ status: 200 });
    expect((await ask('/me')).headers.get('www-authenticate')).toContain('https://api.example.com/.well-known/');
    expect(await ask('/.well-known/oauth-protected-resource')).toMatchObject({ status: 200, body: { resource } });
  });

  it('sends the public host to an internal endpoint, with the variables that introspect register writes', async () => {
    const server = await startScriptedServer({ clientId: 'c', clientSecret: 's' });
    server.tokens.set('good', { sub: 'mickey', iss: complete.ZITADEL_ISSUER });
    const internal = { INTROSPECTION_ENDPOINT: server.introspectionEndpoint, ZITADEL_INSTANCE_HOST: 'a.example' };
    const { ask } = await start({ ...complete, ...internal });
    expect(await ask('/me', 'good')).toMatchObject({ status: 200, body: { sub: 'mickey' } });
    expect(server.requests.map((request) => request.field('x-zitadel-instance-host'))).toEqual([['a.example']]);
    await server.close();
  });

  it('caches a response for as long as the environment says', async () => {
    const times = {
      CACHE_MAX_AGE_SECONDS: '60',
      CACHE_REFRESH_AFTER_SECONDS: '30',
      CACHE_MAX_AGE_IF_ERROR_SECONDS: '300',
    };
    const { ask } = await start({ ...own, ...times });
    const token = await local.mintAccessToken();
    expect(await ask('/me', token)).toMatchObject({ status: 200 });
    await local.revoke(token);
    expect(await ask('/me', token)).toMatchObject({ status: 200 });
    expect(await ask('/stats')).toMatchObject({
      status: 200,
      body: {
        lookups: { cache_hit: 1, cache_miss: 1 },
        entries: { active: 1 },
        requests: { active: 1 },
        circuitBreaker: 'closed',
      },
    });
  });

  it('takes a key file in place of client id and secret', async () => {
    const server = await startScriptedServer();
    server.always(active({ sub: 'mickey' }));
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = privateKey.export({ type: 'pkcs1', format: 'pem' });
    const path = join(folder, 'key.json');
    writeFileSync(path, JSON.stringify({ type: 'application', keyId: 'k', key, appId: '1', clientId: 'api@acme' }));
    const { ask } = await start({ ZITADEL_ISSUER: server.origin, ZITADEL_KEY_FILE: path });
    expect(await ask('/me', 'good')).toMatchObject({ status: 200, body: { sub: 'mickey' } });
    expect(server.introspections[0]?.form.get('client_assertion')).toMatch(/^ey/);
    expect(server.introspections[0]?.field('authorization')).toEqual([]);
    await server.close();
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends cleanly on %s', async (signal) => {
    const { child, ask, ended } = await start();
    await ask('/public');
    child.kill(signal);
    expect(await ended).toEqual([0, null]);
  });

  it.each([
    [{}, 'Set ZITADEL_ISSUER (or INTROSPECTION_ENDPOINT), ZITADEL_CLIENT_ID, ZITADEL_CLIENT_SECRET in the environment'],
    [{ ZITADEL_ISSUER: 'https://a.example', ZITADEL_CLIENT_ID: 'c' }, 'Set ZITADEL_CLIENT_SECRET in the environment'],
    [{ ...complete, PORT: 'x' }, 'PORT must be a number'],
    [
      { ZITADEL_ISSUER: 'https://a.example', ZITADEL_KEY_FILE: '/no/such' },
      'ZITADEL_KEY_FILE must be the path of a key file',
    ],
    [{ ...complete, CACHE_MAX_AGE_SECONDS: 'x' }, 'CACHE_MAX_AGE_SECONDS must be a number of seconds'],
    [{ ...complete, CACHE_REFRESH_AFTER_SECONDS: '5' }, 'Set CACHE_MAX_AGE_SECONDS as well'],
    [
      { ...complete, CACHE_MAX_AGE_SECONDS: '5', CACHE_REFRESH_AFTER_SECONDS: '5' },
      '"cache.refreshAfterSeconds" must be less than "maxAgeSeconds"',
    ],
    [{ ...complete, ZITADEL_ISSUER: 'http://a.example' }, '"issuer" must be https'],
  ])('names what is missing or wrong: %j', async (environment, message) => {
    const { printed, ended } = run(demo, [], environment as Record<string, string>);
    expect(await ended).toEqual([1, null]);
    expect(printed.stderr).toContain(message);
  });
});

describe('the tour with --serve', () => {
  it('keeps the demos running, and prints three tokens and how to use them', async () => {
    const { child, printed, until, ended } = run('tour', ['--serve'], {});
    await until('Ctrl-C ends everything');
    const tokens = ['ALL', 'READ_ONLY', 'REVOKED'].map(
      (name) => new RegExp(`${name}=(\\S+)`).exec(printed.stdout)?.[1],
    );
    const origins = ['Fastify', 'NestJS', 'Hono'].map(
      (name) => new RegExp(`^${name}: (\\S+)$`, 'm').exec(printed.stdout)?.[1],
    );
    for (const origin of origins) {
      const statuses = await Promise.all(
        tokens.map(
          async (token) => (await fetch(`${origin}/admin`, { headers: { authorization: `Bearer ${token}` } })).status,
        ),
      );
      expect(statuses).toEqual([200, 403, 401]);
    }
    child.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
  });
});
