import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Authorizer } from '@acme/introspect-core';
import { active, startScriptedServer } from '@acme/introspect-testing';
import { demoRoutes, demoSettings, freePort } from 'demo';
import { type LocalIssuer, startLocalIssuer } from 'local-issuer';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

const hasCurl = spawnSync('curl', ['--version']).status === 0;
const complete = { ZITADEL_ISSUER: 'https://a.example', ZITADEL_CLIENT_ID: 'c', ZITADEL_CLIENT_SECRET: 's' };

let local: LocalIssuer;
let own: Record<string, string>;
const folder = mkdtempSync(join(tmpdir(), 'introspect-demos-'));
/** The programs that the test has started. */
const running = new Set<ChildProcess>();
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
  for (const child of running) child.kill('SIGKILL');
  running.clear();
});

function run(main: string, args: string[], environment: Record<string, string>) {
  const file = fileURLToPath(new URL(`../../${main}/dist/main.js`, import.meta.url));
  const child = spawn(process.execPath, [file, ...args], { env: { PATH: process.env.PATH ?? '', ...environment } });
  running.add(child);
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

describe.each(['express-demo', 'fastify-demo', 'hono-demo', 'nestjs-demo'])('%s', (demo) => {
  async function start(environment = own) {
    const program = run(demo, [], environment);
    await program.until('Ctrl-C');
    const origin = /http:\/\/127\.0\.0\.1:\d+/.exec(program.printed.stdout)?.[0] ?? 'no URL was printed';
    const request = async (path: string, token?: string, init: RequestInit = {}) => {
      const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const headers = { ...authorization, ...(init.body ? { 'content-type': 'application/json' } : {}) };
      const response = await fetch(`${origin}${path}`, { ...init, headers });
      return { status: response.status, body: await response.json(), headers: response.headers };
    };
    return { ...program, origin, request };
  }

  it('responds at each route as its policy requires', async () => {
    const { request, origin, printed } = await start();
    const all = await local.getAccessToken();
    const readOnly = await local.getAccessToken(local.configuration.serviceUsers[1]);
    const post = { method: 'POST', body: JSON.stringify({ name: 'saw' }) };
    expect(await request('/public')).toMatchObject({ status: 200 });
    expect(await request('/optional')).toMatchObject({ status: 200, body: { hello: 'stranger' } });
    expect(await request('/optional', all)).toMatchObject({ status: 200, body: { hello: '200000000000000001' } });
    expect(await request('/optional', 'garbage')).toMatchObject({ status: 401 });
    expect(await request('/me')).toMatchObject({ status: 401, body: {} });
    expect(await request('/me', all)).toMatchObject({ status: 200, body: { active: true, client_id: 'demo-service' } });
    expect(await request('/items', readOnly)).toMatchObject({ status: 200, body: { items: ['hammer', 'nail'] } });
    expect(await request('/items', readOnly, post)).toMatchObject({
      status: 403,
      body: { error: 'insufficient_scope' },
    });
    expect(await request('/items', all, post)).toMatchObject({ status: 201, body: { created: 'saw' } });
    expect(await request('/admin', readOnly)).toMatchObject({ status: 403, body: { error: 'access_denied' } });
    expect(await request('/admin', all)).toMatchObject({ status: 200 });
    expect(await request('/recent', all)).toMatchObject({
      status: 401,
      body: { error: 'insufficient_user_authentication' },
    });
    expect(await request('/ready')).toMatchObject({ status: 200, body: { ready: true } });
    expect(await request('/.well-known/oauth-protected-resource')).toMatchObject({
      status: 200,
      body: { resource: origin, authorization_servers: [local.issuer], bearer_methods_supported: ['header'] },
    });
    const { headers } = await request('/me');
    expect(headers.get('www-authenticate')).toBe(
      `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource"`,
    );
    expect(printed.stderr).toBe('');
  });

  it('has each route of the list, and rejects a request without a token where the list requires one', async () => {
    const { request } = await start();
    for (const { method, path, needs } of demoRoutes) {
      const { status } = await request(path, undefined, { method });
      expect([method, path, status]).toEqual([method, path, /^(no token|a valid token, or)/.test(needs) ? 200 : 401]);
    }
  });

  it('responds with 503 at /ready if the secret is wrong', async () => {
    const { request } = await start({ ...own, ZITADEL_CLIENT_SECRET: 'wrong' });
    const { status, body, headers } = await request('/ready');
    expect({ status, body }).toEqual({ status: 503, body: { error: 'temporarily_unavailable' } });
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('accepts INTROSPECTION_ENDPOINT instead of an issuer, and RESOURCE', async () => {
    const { ZITADEL_ISSUER: _, ...others } = own;
    const resource = 'https://api.example.com';
    const { request } = await start({
      ...others,
      INTROSPECTION_ENDPOINT: local.introspectionEndpoint,
      RESOURCE: resource,
    });
    expect(await request('/me', await local.getAccessToken())).toMatchObject({ status: 200 });
    expect((await request('/me')).headers.get('www-authenticate')).toContain('https://api.example.com/.well-known/');
    expect(await request('/.well-known/oauth-protected-resource')).toMatchObject({ status: 200, body: { resource } });
  });

  it('introspects at any server by INTROSPECT_* alone, and reads scopes and a list of roles', async () => {
    const server = await startScriptedServer({ clientId: 'c', clientSecret: 's' });
    server.tokens.set('admin', { sub: 'ann', scope: 'items:read', roles: ['admin'] });
    server.tokens.set('reader', { sub: 'bob', scope: 'items:read items:write' });
    const { request } = await start({
      INTROSPECT_ISSUER: server.origin,
      INTROSPECT_CLIENT_ID: 'c',
      INTROSPECT_CLIENT_SECRET: 's',
      ...own, // these do not matter then
    });
    const post = { method: 'POST', body: '{}' };
    expect(await request('/me', 'admin')).toMatchObject({ status: 200, body: { sub: 'ann' } });
    expect(await request('/items', 'admin')).toMatchObject({ status: 200 });
    expect(await request('/items', 'admin', post)).toMatchObject({
      status: 403,
      body: { error: 'insufficient_scope' },
    });
    expect(await request('/items', 'reader', post)).toMatchObject({ status: 201 });
    expect(await request('/admin', 'admin')).toMatchObject({ status: 200 });
    expect(await request('/admin', 'reader')).toMatchObject({ status: 403, body: { error: 'access_denied' } });
    expect(await request('/me', 'other')).toMatchObject({ status: 401 });
    expect(await request('/ready')).toMatchObject({ status: 200 });
    await server.close();
  });

  it('introspects at the local issuer by INTROSPECT_ISSUER or INTROSPECT_ENDPOINT', async () => {
    const { clientId, clientSecret } = local.configuration.apiApp;
    for (const server of [{ INTROSPECT_ISSUER: local.issuer }, { INTROSPECT_ENDPOINT: local.introspectionEndpoint }]) {
      const credentials = { INTROSPECT_CLIENT_ID: clientId, INTROSPECT_CLIENT_SECRET: clientSecret };
      const { request } = await start({ ...server, ...credentials });
      expect(await request('/items', await local.getAccessToken())).toMatchObject({ status: 200 });
      expect(await request('/me', 'garbage')).toMatchObject({ status: 401 });
    }
  });

  it('rejects scopes and grants roles with an issuer that behaves like a real ZITADEL', async () => {
    const strict = await startLocalIssuer({ strict: true });
    const { request } = await start({ ...own, ZITADEL_ISSUER: strict.issuer });
    const [all, readOnly] = [
      await strict.getAccessToken(),
      await strict.getAccessToken(strict.configuration.serviceUsers[1]),
    ];
    expect(await request('/me', all)).toMatchObject({ status: 200 });
    expect(await request('/items', all)).toMatchObject({ status: 403, body: { error: 'insufficient_scope' } });
    expect(await request('/admin', all)).toMatchObject({ status: 200 });
    expect(await request('/admin', readOnly)).toMatchObject({ status: 403, body: { error: 'access_denied' } });
    expect(await request('/recent', all)).toMatchObject({ status: 200 }); // service users have auth_time
    await strict.close();
  });

  it('sends ZITADEL_INSTANCE_HOST to an internal endpoint', async () => {
    const server = await startScriptedServer({ clientId: 'c', clientSecret: 's' });
    server.tokens.set('good', { sub: 'mickey', iss: complete.ZITADEL_ISSUER });
    const internal = { INTROSPECTION_ENDPOINT: server.introspectionEndpoint, ZITADEL_INSTANCE_HOST: 'a.example' };
    const { request } = await start({ ...complete, ...internal });
    expect(await request('/me', 'good')).toMatchObject({ status: 200, body: { sub: 'mickey' } });
    expect(server.requests.map((sent) => sent.field('x-zitadel-instance-host'))).toEqual([['a.example']]);
    await server.close();
  });

  it('caches a response for CACHE_MAX_AGE_SECONDS', async () => {
    const times = {
      CACHE_MAX_AGE_SECONDS: '60',
      CACHE_REFRESH_AFTER_SECONDS: '30',
      CACHE_MAX_AGE_IF_ERROR_SECONDS: '300',
    };
    const { request } = await start({ ...own, ...times });
    const token = await local.getAccessToken();
    expect(await request('/me', token)).toMatchObject({ status: 200 });
    await local.revoke(token);
    expect(await request('/me', token)).toMatchObject({ status: 200 });
    expect(await request('/stats')).toMatchObject({
      status: 200,
      body: {
        lookups: { cache_hit: 1, cache_miss: 1 },
        entries: { active: 1 },
        requests: { active: 1 },
        circuitBreaker: 'closed',
      },
    });
  });

  it('accepts ZITADEL_KEY_FILE instead of client id and secret', async () => {
    const server = await startScriptedServer();
    server.always(active({ sub: 'mickey' }));
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = privateKey.export({ type: 'pkcs1', format: 'pem' });
    const path = join(folder, 'key.json');
    writeFileSync(path, JSON.stringify({ type: 'application', keyId: 'k', key, appId: '1', clientId: 'api@acme' }));
    const { request } = await start({ ZITADEL_ISSUER: server.origin, ZITADEL_KEY_FILE: path });
    expect(await request('/me', 'good')).toMatchObject({ status: 200, body: { sub: 'mickey' } });
    expect(server.introspections[0]?.form.get('client_assertion')).toMatch(/^ey/);
    expect(server.introspections[0]?.field('authorization')).toEqual([]);
    await server.close();
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends with exit code 0 on %s', async (signal) => {
    const { child, request, ended } = await start();
    await request('/public');
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
    [{ ...complete, STORE_SECRET: 's' }, 'Set CACHE_MAX_AGE_SECONDS as well'],
    [
      { ...complete, CACHE_MAX_AGE_SECONDS: '5', REDIS_URL: 'redis://127.0.0.1:1', STORE_SECRET: 'short' },
      '"cache.storeSecret" must be a secret of at least 32 characters',
    ],
    [{ ...complete, ZITADEL_ISSUER: 'http://a.example' }, '"issuer" must be https'],
    [{ INTROSPECT_ISSUER: 'https://a.example' }, 'INTROSPECT_CLIENT_ID, INTROSPECT_CLIENT_SECRET'],
  ])('names the variable that is missing or invalid: %j', async (environment, message) => {
    const { printed, ended } = run(demo, [], environment as Record<string, string>);
    expect(await ended).toEqual([1, null]);
    expect(printed.stderr).toContain(message);
  });
});

describe('the tour with --serve', () => {
  const serve = async (environment: Record<string, string> = {}, port = '0') => {
    const program = run('tour', ['--serve', '--port', port], environment);
    await program.until('Ctrl-C ends everything');
    const originOf = (name: string) => new RegExp(`^${name}: (\\S+)$`, 'm').exec(program.printed.stdout)?.[1] ?? '';
    const variable = (name: string) =>
      new RegExp(`^(?:export )?${name}='?(.+?)'?$`, 'm').exec(program.printed.stdout)?.[1];
    const stop = async ({ signals = 1 } = {}) => {
      for (let sent = 0; sent < signals; sent++) program.child.kill('SIGINT');
      expect(await program.ended).toEqual([0, null]);
    };
    return { ...program, originOf, variable, stop };
  };
  const frameworks = ['Fastify', 'NestJS', 'Hono', 'Express'];
  const bearer = (token = '') => ({ headers: { authorization: `Bearer ${token}` } });

  describe('of the local issuer', () => {
    let shared: Awaited<ReturnType<typeof serve>>;
    beforeAll(async () => {
      shared = await serve();
      running.clear(); // several tests use this process, so none may end it
    }, 60_000);
    afterAll(() => shared.stop());

    it('keeps the demos running, and prints three tokens and how to use them', async () => {
      const { printed, originOf, variable } = shared;
      const tokens = ['ALL', 'READ_ONLY', 'REVOKED'].map(variable);
      for (const origin of frameworks.map(originOf)) {
        const statuses = await Promise.all(
          tokens.map(async (token) => (await fetch(`${origin}/admin`, bearer(token))).status),
        );
        expect(statuses).toEqual([200, 403, 401]);
      }
      expect(printed.stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
      expect(printed.stderr).toBe('');
    });

    it('skips the tour, and lists each route with its method and requirement', async () => {
      const { printed } = shared;
      expect(printed.stdout).not.toContain('1. ');
      for (const { method, path, needs } of demoRoutes) {
        const row = printed.stdout
          .split('\n')
          .find((line) => line.trim().split(/ +/, 2).join(' ') === `${method} ${path}`);
        expect(row).toContain(needs);
      }
    });

    it('prints ZITADEL variables with which another API introspects', async () => {
      const { variable } = shared;
      const names = ['ZITADEL_ISSUER', 'ZITADEL_CLIENT_ID', 'ZITADEL_CLIENT_SECRET', 'ZITADEL_PROJECT_ID'];
      const settings = await demoSettings(Object.fromEntries(names.map((name) => [name, variable(name)])));
      const authorizer = new Authorizer(settings.authorizer);
      expect(await authorizer.authorize({ token: variable('ALL') ?? '' })).toMatchObject({ client_id: 'demo-service' });
      await authorizer.close();
    });

    it.skipIf(!hasCurl)('prints curl commands that get the status printed above them', async () => {
      const { printed } = shared;
      const variables = printed.stdout.split('\n').filter((line) => /^(export )?[A-Z_]+=/.test(line));
      const examples = [...printed.stdout.matchAll(/^ {3}(\d+), .*:\n {3}(curl .*)$/gm)];
      expect(examples.length).toBeGreaterThan(4);
      for (const [, status, command] of examples) {
        const { stdout } = await promisify(execFile)('sh', ['-c', `${variables.join('\n')}\n${command}`]);
        expect([command, /^HTTP\/1\.1 (\d+)/.exec(stdout)?.[1]]).toEqual([command, status]);
      }
    });

    it.skipIf(!hasCurl)('prints variables with which the curl commands of the tour work', async () => {
      const tour = run('tour', [], {});
      await tour.ended;
      const commands = [...tour.printed.stdout.matchAll(/^ {3}\$ (curl (?:.*\\\n)*.*)$/gm)].map(
        ([, command]) => command,
      );
      const { printed } = shared;
      const variables = printed.stdout.split('\n').filter((line) => /^(export )?[A-Z_]+=/.test(line));
      const outputs: string[] = [];
      for (const command of commands) {
        outputs.push((await promisify(execFile)('sh', ['-c', `${variables.join('\n')}\n${command}`])).stdout);
      }
      expect(outputs).toEqual([
        expect.stringContaining('"introspection_endpoint"'),
        expect.stringContaining('"access_token"'),
        expect.stringContaining('"active":true'),
        '',
        '{"active":false}',
        '{"active":false}',
        expect.stringContaining('"invalid_client"'),
        '{"active":false}', // this issuer still runs
      ]);
    });
  });

  it('stops and starts the issuer by lines on stdin: a valid token gets 503, and then 200 again', async () => {
    const { child, until, originOf, variable, stop } = await serve();
    const statuses = async () => {
      const responses = frameworks.map(
        async (name) => (await fetch(`${originOf(name)}/me`, bearer(variable('ALL')))).status,
      );
      return Promise.all(responses);
    };
    expect(await statuses()).toEqual([200, 200, 200, 200]);
    child.stdin.write('stop\n');
    await until('The issuer is stopped');
    expect(await statuses()).toEqual([503, 503, 503, 503]);
    child.stdin.write('nonsense\n');
    await until('Type start and press Enter: the issuer is stopped');
    child.stdin.write('start\n');
    await until('The issuer is running again');
    await vi.waitFor(async () => expect(await statuses()).toEqual([200, 200, 200, 200]), {
      timeout: 30_000,
      interval: 100,
    });
    await stop();
  });

  it('keeps running when stdin ends', async () => {
    const { child, originOf, stop } = await serve();
    child.stdin.end();
    expect((await fetch(`${originOf('Hono')}/public`)).status).toBe(200);
    await stop();
  });

  // A signal that arrives while Node itself ends the process kills it. This can happen if the test is paused in between.
  it('ends with exit code 0 if Ctrl-C arrives twice', { retry: 3 }, async () => {
    const { stop } = await serve();
    await stop({ signals: 2 });
  });

  it('listens on five ports in sequence, and names the port that another program uses', async () => {
    const first = await fiveFreePorts();
    const { originOf, stop } = await serve({}, String(first));
    const ports = ['Issuer', ...frameworks].map((name) => Number(new URL(originOf(name)).port));
    expect(ports).toEqual([first, first + 1, first + 2, first + 3, first + 4]);
    const second = run('tour', ['--serve', '--port', String(first + 4)], {});
    expect(await second.ended).toEqual([1, null]);
    // A program of this machine may also use one of the ports after it.
    const message = new RegExp(`Another program uses port ${first + 4}(,? (and )?\\d+)*\\. Stop it, or choose`);
    expect(second.printed.stderr).toMatch(message);
    await stop();
  });

  it.each([
    [['--port', 'x'], '--port must be a number'],
    [['--port', ''], '--port must be a number'],
    [['--port', '65533'], '--port must be a number'],
    [['--prot', '1'], "Unknown option '--prot'"],
  ])('names an invalid argument: %j', async (args, message) => {
    const { printed, ended } = run('tour', ['--serve', ...args], {});
    expect(await ended).toEqual([1, null]);
    expect(printed.stderr).toContain(message);
  });

  it("runs the demos with the reader's own server, and never prints the reader's token", async () => {
    const { originOf, printed, stop } = await serve({ ...own, ZITADEL_TOKEN: 'my own token' });
    for (const origin of frameworks.map(originOf)) {
      expect((await fetch(`${origin}/me`, bearer(await local.getAccessToken()))).status).toBe(200);
    }
    expect(printed.stdout).toContain('$ZITADEL_TOKEN');
    expect(printed.stdout).not.toContain('my own token');
    expect(printed.stdout).not.toContain('Type stop');
    await stop();
  });

  it('runs the demos with any server that INTROSPECT_* names', async () => {
    const { clientId, clientSecret } = local.configuration.apiApp;
    const { originOf, printed, stop } = await serve({
      INTROSPECT_ISSUER: local.issuer,
      INTROSPECT_CLIENT_ID: clientId,
      INTROSPECT_CLIENT_SECRET: clientSecret,
    });
    for (const origin of frameworks.map(originOf)) {
      expect((await fetch(`${origin}/items`, bearer(await local.getAccessToken()))).status).toBe(200);
    }
    expect(printed.stdout).toContain('Bearer $TOKEN');
    await stop();
  });
});

/** Returns the first of five ports in sequence that are free now. */
async function fiveFreePorts(): Promise<number> {
  for (;;) {
    const first = await freePort();
    if (first > 65_529) continue;
    const servers = [0, 1, 2, 3, 4].map((offset) => createServer().listen(first + offset, '127.0.0.1'));
    const listening = await Promise.allSettled(servers.map((server) => once(server, 'listening')));
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    if (listening.every(({ status }) => status === 'fulfilled')) return first;
  }
}
