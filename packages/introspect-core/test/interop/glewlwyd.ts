import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../support/network.js';
import { endProcess, findProgram } from '../support/programs.js';

/** The tables and a first administrator (admin/password), as the Debian package ships them. */
const SCHEMA = '/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3';
const MODULES = '/usr/lib/glewlwyd';
const READY_WITHIN_MS = 10_000;

export interface Glewlwyd {
  introspectionEndpoint: string;
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** A second client, whose secret has characters that form encoding changes. */
  rawClient: { clientId: string; clientSecret: string };
  mintAccessToken(): Promise<string>;
  revoke(token: string): Promise<void>;
  stop(): Promise<void>;
}

/** Returns the path of glewlwyd, or undefined if it or sqlite3 is not installed. */
export function findGlewlwyd(): string | undefined {
  return findProgram('sqlite3') && existsSync(SCHEMA) ? findProgram('glewlwyd') : undefined;
}

/** Starts glewlwyd on a free loopback port, with its own temporary folder; everything is gone after stop(). */
export async function startGlewlwyd(): Promise<Glewlwyd> {
  const program = findGlewlwyd();
  if (program === undefined) throw new Error('glewlwyd or sqlite3 is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'glewlwyd-'));
  let child: ChildProcess | undefined;
  const stop = async () => {
    if (child) await endProcess(child, 'SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    createDatabase(join(folder, 'glewlwyd.db'));
    for (let attempt = 1; ; attempt++) {
      const port = await freePort();
      const origin = `http://127.0.0.1:${port}`;
      const config = join(folder, 'glewlwyd.conf');
      writeFileSync(config, configText(folder, port, origin));
      child = spawn(program, [`--config-file=${config}`], { stdio: ['ignore', 'ignore', 'pipe'] });
      const problem = await untilReady(child, origin, basename(folder));
      if (problem === undefined) return { ...(await setUp(origin)), stop };
      // Someone else may have taken the port since freePort() looked: that deserves one more try.
      if (attempt === 2 || !problem.includes('Address already in use')) throw new Error(problem);
      await endProcess(child, 'SIGTERM');
    }
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Adds the plugin and a client as the administrator; returns what a test needs to use them. */
async function setUp(origin: string): Promise<Omit<Glewlwyd, 'stop'>> {
  const login = await post(`${origin}/api/auth/`, {}, json({ username: 'admin', password: 'password' }));
  const cookie = login.headers.get('set-cookie')?.split(';')[0] ?? '';
  const issuer = `${origin}/api/interop`;
  const clientId = 'resource-server';
  // glewlwyd takes Basic credentials as they are, without form-decoding, so no character here may need encoding.
  const clientSecret = randomBytes(24).toString('hex');

  const plugin = {
    module: 'oidc',
    name: 'interop',
    parameters: {
      iss: issuer,
      'jwt-type': 'sha',
      'jwt-key-size': '256',
      key: randomBytes(32).toString('hex'),
      'access-token-duration': 3600,
      'allow-non-oidc': true,
      'auth-type-client-enabled': true,
      'introspection-revocation-allowed': true,
      'introspection-revocation-allow-target-client': true,
    },
  };
  const client = {
    client_id: clientId,
    client_secret: clientSecret,
    confidential: true,
    scope: ['read'],
    authorization_type: ['client_credentials'],
    token_endpoint_auth_method: ['client_secret_basic', 'client_secret_post'],
  };
  await post(`${origin}/api/mod/plugin/`, { cookie }, json(plugin));
  await post(`${origin}/api/client/`, { cookie }, json(client));
  const rawClient = { clientId: 'raw-client', clientSecret: 'a:b+c%d& x' };
  const { clientId: client_id, clientSecret: client_secret } = rawClient;
  await post(`${origin}/api/client/`, { cookie }, json({ ...client, client_id, client_secret }));

  const authorization = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
  const mintAccessToken = async () => {
    const form = new URLSearchParams({ grant_type: 'client_credentials', scope: 'read' });
    const response = await post(`${issuer}/token`, { authorization }, form);
    return ((await response.json()) as { access_token: string }).access_token;
  };
  const revoke = async (token: string) => {
    await post(`${issuer}/revoke`, { authorization }, new URLSearchParams({ token }));
  };
  const introspectionEndpoint = `${issuer}/introspect`;
  return { introspectionEndpoint, issuer, clientId, clientSecret, rawClient, mintAccessToken, revoke };
}

/** Sends a POST request. Throws if the response is not a success. */
async function post(url: string, headers: Record<string, string>, body: URLSearchParams | Blob): Promise<Response> {
  const response = await fetch(url, { method: 'POST', headers, body });
  if (!response.ok) throw new Error(`POST ${url} responded ${response.status}: ${await response.text()}`);
  return response;
}

/** A request body with its own content type, like URLSearchParams. */
function json(value: object): Blob {
  return new Blob([JSON.stringify(value)], { type: 'application/json' });
}

/** The profile scope is the folder's name: untilReady() recognises the instance by it. */
function configText(folder: string, port: number, origin: string): string {
  return `
    port = ${port}
    bind_address = "127.0.0.1"
    external_url = "${origin}"
    profile_scope = "${basename(folder)}"
    log_mode = "console"
    log_level = "WARNING"
    user_module_path = "${MODULES}/user"
    client_module_path = "${MODULES}/client"
    user_auth_scheme_module_path = "${MODULES}/scheme"
    plugin_module_path = "${MODULES}/plugin"
    database = { type = "sqlite3"; path = "${join(folder, 'glewlwyd.db')}"; }
  `;
}

function createDatabase(file: string): void {
  const { status, stderr } = spawnSync('sqlite3', ['-bail', file], { input: readFileSync(SCHEMA) });
  if (status !== 0) throw new Error(`sqlite3 could not create the database: ${stderr}`);
}

/** Waits until the instance called `name` responds at `origin`. Returns what went wrong if it never does. */
async function untilReady(child: ChildProcess, origin: string, name: string): Promise<string | undefined> {
  let log = '';
  let ended = '';
  child.stderr?.on('data', (chunk) => (log = (log + chunk).slice(-2000)));
  child.once('error', (error) => (ended = `could not be run: ${error.message}`));
  child.once('close', (code, signal) => (ended ||= `ended with ${code ?? signal}`));
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!ended && Date.now() < deadline) {
    const request = fetch(`${origin}/config`, { signal: AbortSignal.timeout(1000) });
    const text = await request.then((response) => response.text()).catch(() => '');
    if (text.includes(name)) return undefined;
    await delay(20);
  }
  return `glewlwyd ${ended || `did not respond within ${READY_WITHIN_MS} ms`}; it last wrote:\n${log}`;
}
