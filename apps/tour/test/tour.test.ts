import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { inactive, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { curl, shortened } from '../src/curl.js';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** Runs the tour as a process of its own, to its end. */
async function tour(environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, [main], { env: { PATH: process.env.PATH ?? '', ...environment } });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}

describe('the tour of the local issuer', () => {
  it('shows every stop with its curl and its outcome, and ends by itself', async () => {
    const { code, stdout, stderr } = await tour();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const stops = stdout.split(/\n(?=\d+\. )/).slice(1);
    const expected = [
      /says where to ask.*well-known\/openid-configuration.*introspection_endpoint: 'http/s,
      /access token.*grant_type=client_credentials.*access_token: '/s,
      /active: true,.*'urn:zitadel:iam:org:project:roles': \{ admin:/s,
      /revokes it.*oauth\/v2\/revoke.*→ done/s,
      /asks again.*→ \{ active: false \}/s,
      /Garbage.*token=garbage.*→ \{ active: false \}/s,
      /wrong secret.*→ throws InvalidClientError.*code invalid_client;.*503/s,
      /down.*→ throws UnavailableError.*code unavailable;.*503/s,
    ];
    expect(stops).toHaveLength(expected.length);
    stops.forEach((stop, index) => {
      expect(stop).toMatch(expected[index] as RegExp);
      expect(stop).toContain('$ curl -s');
    });
  });

  it('shows what three frameworks answered, side by side and alike', async () => {
    const { stdout } = await tour();
    const table = stdout.split('The same API in three frameworks')[1] ?? '';
    const rows = [...table.matchAll(/^ {3}((?:GET|POST) .*?) {2,}(.*)$/gm)].map(([, title, answers]) => [
      title,
      answers?.split(/ {2,}/),
    ]);
    const three = (answer: string) => [answer, answer, answer, '='];
    expect(rows).toEqual([
      ['GET /me without a token', three('401')],
      ['GET /me with a token', three('200')],
      ['POST /items, a scope missing', three('403 insufficient_scope')],
      ['GET /admin, the role missing', three('403 access_denied')],
      ['GET /recent, no login known', three('401 insufficient_user_authentication')],
      ['GET /me with a revoked token', three('401 invalid_token')],
      ['GET /me while the issuer is down', three('503 temporarily_unavailable')],
    ]);
  });

  it('never prints a secret whole, in any encoding', async () => {
    const { stdout } = await tour();
    for (const secret of ['api secret: 50% + more', 'demo secret: 100% + more']) {
      expect(stdout).not.toContain(secret);
      expect(stdout).not.toContain(new URLSearchParams({ secret }).toString().slice('secret='.length));
    }
  });

  it('uses no colour where there is no terminal', async () => {
    expect((await tour()).stdout).not.toContain('\u001b[');
  });
});

describe("the tour of the reader's own server", () => {
  let server: ScriptedServer;
  let own: Record<string, string>;
  beforeEach(async () => {
    server = await startScriptedServer({ clientId: 'my-api', clientSecret: 'my own secret' });
    server.tokens.set('my-token', { sub: 'me' });
    own = {
      ZITADEL_ISSUER: server.origin,
      ZITADEL_CLIENT_ID: 'my-api',
      ZITADEL_CLIENT_SECRET: 'my own secret',
      ZITADEL_TOKEN: 'my-token',
    };
  });
  afterEach(() => server.close());

  it("asks it about the reader's token", async () => {
    const { code, stdout, stderr } = await tour(own);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`A tour of ${server.origin}`);
    expect(stdout).toContain("{ active: true, sub: 'me' }");
    expect(stdout).toContain('throws InvalidClientError');
    expect(stdout).toContain('(ECONNREFUSED)');
    expect(stdout).toMatch(/GET \/me with your token +200 +200 +200 +=/);
    expect(stdout).not.toContain('my own secret');
    expect(stdout).not.toContain('my+own+secret');
  });

  it('shows what it answers, whatever that is', async () => {
    server.always(inactive());
    expect((await tour(own)).stdout).toContain('{ active: false }');
  });

  it('says which variable is missing', async () => {
    const { ZITADEL_TOKEN: _, ...some } = own;
    const { code, stderr } = await tour(some);
    expect(code).toBe(1);
    expect(stderr).toContain('set ZITADEL_TOKEN too');
  });

  it('says so when the server cannot be found', async () => {
    await server.close();
    const { code, stderr } = await tour(own);
    expect(code).toBe(1);
    expect(stderr).toContain('is the issuer right, and reachable from here?');
  });
});

describe('a curl', () => {
  it('encodes the credentials as a server decodes them, and shortens the secret', () => {
    const user = { id: '7836@acme', secret: 'a b+canary' };
    expect(curl('https://as.example.com/introspect', { user, form: { token: "it's" } })).toBe(
      "curl -s \\\n       -u '7836%40acme:a+b…' \\\n       --data-urlencode 'token=it'\\''s' \\\n       https://as.example.com/introspect",
    );
    expect(shortened('canary')).toBe('ca…');
    expect(shortened('very long canary')).toBe('ver…');
  });
});
