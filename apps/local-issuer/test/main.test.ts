import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { startLocalIssuer } from '../src/local-issuer.js';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const hasCurl = spawnSync('curl', ['--version']).status === 0;
let running: ChildProcess | undefined;

afterEach(() => {
  running?.kill('SIGKILL');
});

const basic = (credentials: string) => `Basic ${btoa(credentials)}`;

/** Starts the program, waits for its last line, and collects what it prints. */
async function start(port?: string, args: readonly string[] = []) {
  const { PORT: _, ...env } = process.env;
  const child = spawn(process.execPath, [main, ...args], {
    env: port === undefined ? env : { ...env, PORT: port },
  });
  running = child;
  const printed = { stdout: '', stderr: '' };
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed.stderr += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed.stdout += text;
  });
  while (!printed.stdout.includes('Ctrl-C')) {
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(() => {
        throw new Error(`ended early: ${printed.stderr}`);
      }),
    ]);
  }
  const issuer = /http:\/\/127\.0\.0\.1:\d+/.exec(printed.stdout)?.[0] ?? 'no URL was printed';
  return { child, printed, issuer };
}

describe('the program', () => {
  it.skipIf(!hasCurl)('prints its address, and commands that work unchanged', async () => {
    const { printed } = await start();
    expect(printed.stdout).toContain('300000000000000001');
    expect(printed.stdout).toContain('api secret: 50% + more');

    const commands = printed.stdout.slice(printed.stdout.indexOf('TOKEN='), printed.stdout.indexOf('Ctrl-C'));
    const { stdout } = await promisify(execFile)('sh', ['-c', commands]);
    expect(JSON.parse(stdout)).toMatchObject({ active: true, client_id: 'demo-service' });
  });

  it.skipIf(!hasCurl)('prints commands that work unchanged with --strict', async () => {
    const { printed } = await start(undefined, ['--strict']);
    expect(printed.stdout).not.toContain('items:read');
    const commands = printed.stdout.slice(printed.stdout.indexOf('TOKEN='), printed.stdout.indexOf('Ctrl-C'));
    const { stdout } = await promisify(execFile)('sh', ['-c', commands]);
    expect(JSON.parse(stdout)).toMatchObject({ active: true, auth_time: expect.any(Number) });
  });

  it('listens on PORT', async () => {
    const free = await startLocalIssuer();
    await free.close();
    const { issuer } = await start(new URL(free.issuer).port);
    expect(issuer).toBe(free.issuer);
    expect((await fetch(`${issuer}/.well-known/openid-configuration`)).status).toBe(200);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends with exit code 0 on %s, with open connections too', async (signal) => {
    const { child, issuer } = await start();
    await (await fetch(`${issuer}/oauth/v2/keys`)).text();
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('prints nothing when requests come', async () => {
    const { child, printed, issuer } = await start();
    const atStart = printed.stdout;
    const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
      fetch(issuer + path, { method: 'POST', headers, body: new URLSearchParams(form) });
    const user = { authorization: basic('demo-service:demo+secret%3A+100%25+%2B+more') };
    const api = { authorization: basic('300000000000000001:api+secret%3A+50%25+%2B+more') };
    const scope = 'urn:zitadel:iam:org:project:id:400000000000000001:aud';

    const issued = await post('/oauth/v2/token', { grant_type: 'client_credentials', scope }, user);
    const { access_token: token } = (await issued.json()) as { access_token: string };
    const responses = [
      await post('/oauth/v2/token', { grant_type: 'client_credentials', resource: 'https://api.example' }, user),
      await post('/oauth/v2/introspect', { token }, api),
      await post('/oauth/v2/introspect', { token }, { ...api, origin: 'https://elsewhere.example' }),
      await post('/oauth/v2/introspect', { token }, { accept: 'text/html' }),
      await post('/oauth/v2/revoke', { token }, user),
      await fetch(`${issuer}/oauth/v2/introspect`),
      await fetch(`${issuer}/oauth/v2/authorize?client_id=demo-service&response_type=code`),
    ];
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 400, 400, 200, 404, 400]);

    // A client that closes the connection during a request.
    const socket = connect(Number(new URL(issuer).port), '127.0.0.1');
    socket.write('POST /oauth/v2/introspect HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n');
    socket.write('content-type: application/x-www-form-urlencoded\r\nexpect: 100-continue\r\n\r\n');
    await once(socket, 'data');
    socket.resetAndDestroy();
    await once(socket, 'close');

    child.kill('SIGTERM');
    await once(child, 'close');
    expect(printed).toEqual({ stdout: atStart, stderr: '' });
  });
});
