import { execFile, spawn, spawnSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { active, inactive, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { curl, shortened, urlOf } from '../src/curl.js';
import { createTerminal } from '../src/terminal.js';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const hasCurl = spawnSync('curl', ['--version']).status === 0;

/** Runs the tour as a process, and waits for its end. */
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

/** Returns the lines that are wider than 100 columns. */
const wideLines = (text: string) => text.split('\n').filter((line) => line.length > 100);

/** Returns each curl command that the text contains. */
const curlsIn = (text: string) =>
  [...text.matchAll(/^ {3}\$ (curl (?:.*\\\n)*.*)$/gm)].map(([, command]) => command ?? '');

/** Runs commands in a shell and returns what they print. */
async function shell(commands: string, environment: Record<string, string>): Promise<string> {
  const env = { PATH: process.env.PATH ?? '', ...environment };
  return (await promisify(execFile)('sh', ['-c', commands], { env })).stdout;
}

describe('the tour of the local issuer', () => {
  let printed: Awaited<ReturnType<typeof tour>>;
  beforeAll(async () => {
    printed = await tour();
  }, 60_000);

  it('shows each step with a curl command, the response and the outcome, and ends', () => {
    const { code, stdout, stderr } = printed;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const steps = stdout.split(/\n(?=\d+\. )/).slice(1);
    const expected = [
      /publishes.*well-known\/openid-configuration.*200 \{.*introspection_endpoint: 'http/s,
      /access token.*grant_type=client_credentials.*200 \{"access_token":"/s,
      /200 \{"active":true,.*active: true,.*'urn:zitadel:iam:org:project:roles': \{ admin:/s,
      /revokes the token.*oauth\/v2\/revoke.*200 \(empty body\)/s,
      /introspects it again.*200 \{"active":false\}.*→ \{ active: false \}/s,
      /Garbage.*token=garbage.*200 \{"active":false\}.*→ \{ active: false \}/s,
      /credentials are wrong.*401 \{"error":"invalid_client".*→ throws InvalidClientError.*code invalid_client;.*503/s,
      /down.*\(no response\).*→ throws UnavailableError.*code unavailable;.*503/s,
    ];
    expect(steps).toHaveLength(expected.length);
    steps.forEach((step, index) => {
      expect(step).toMatch(expected[index] as RegExp);
      expect(step).toContain('$ curl -s');
    });
  });

  it('prints no line wider than 100 columns', () => {
    expect(wideLines(printed.stdout)).toEqual([]);
  });

  it('shows the responses of all frameworks in a table: they are equal', () => {
    const { stdout } = printed;
    const rest = stdout.split('The same API in four frameworks')[1] ?? '';
    expect(rest.indexOf('The column = says')).toBeLessThan(rest.indexOf('Fastify'));
    const rows = [...rest.matchAll(/^ {3}((?:GET|POST) .*?) {2,}(.*)$/gm)].map(([, title, cells]) => [
      title,
      cells?.split(/ {2,}/),
    ]);
    const four = (status: string, ...error: string[]) => [status, status, status, status, '=', ...error];
    expect(rows).toEqual([
      ['GET /me without a token', four('401')],
      ['GET /me with a token', four('200')],
      ['GET /admin with the role', four('200')],
      ['GET /admin, the role missing', four('403', 'access_denied')],
      ['GET /items with the scope', four('200')],
      ['POST /items, a scope missing', four('403', 'insufficient_scope')],
      ['GET /recent, no login known', four('401', 'insufficient_user_authentication')],
      ['GET /me with a revoked token', four('401', 'invalid_token')],
      ['GET /me, the issuer is down', four('503', 'temporarily_unavailable')],
    ]);
  });

  it('says that ZITADEL grants no scopes of an API', () => {
    expect(printed.stdout).toContain('ZITADEL grants none: use roles.');
  });

  it('never prints a whole secret, in any encoding', () => {
    const { stdout } = printed;
    for (const secret of ['api secret: 50% + more', 'demo secret: 100% + more']) {
      expect(stdout).not.toContain(secret);
      expect(stdout).not.toContain(new URLSearchParams({ secret }).toString().slice('secret='.length));
    }
  });

  it('prints no colours without a terminal', () => {
    expect(printed.stdout).not.toContain('\u001b[');
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

  it("introspects the reader's token", async () => {
    const { code, stdout, stderr } = await tour(own);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`A tour of ${server.origin}`);
    expect(stdout).toContain("{ active: true, sub: 'me' }");
    expect(stdout).toContain('throws InvalidClientError');
    expect(stdout).toContain('(ECONNREFUSED)');
    expect(stdout).toMatch(/GET \/me with your token +200 +200 +200 +200 +=/);
    expect(stdout).toMatch(/GET \/items with your token +403 +403 +403 +403 += +insufficient_scope/);
    expect(stdout).toContain('ZITADEL grants to nobody');
    expect(stdout).not.toContain('my own secret');
    expect(stdout).not.toContain('my+own+secret');
  });

  it('prints neither a whole token nor a line wider than 100 columns, even if the server repeats the token', async () => {
    const token = 'reader-token-'.repeat(20);
    server.tokens.set(token, { sub: 'me', jti: token, name: `about ${token} `.repeat(3) });
    const { code, stdout } = await tour({ ...own, ZITADEL_TOKEN: token });
    expect(code).toBe(0);
    expect(stdout).toContain("jti: 'read…'");
    expect(stdout.replaceAll(/\s/g, '')).not.toContain(token);
    expect(stdout).not.toContain('reader-token-');
    expect(wideLines(stdout)).toEqual([]);
  });

  it.skipIf(!hasCurl)('prints curl commands that work after the lines that it prints first', async () => {
    const { stdout } = await tour(own);
    const variables = stdout.slice(stdout.indexOf('ID=$('), stdout.indexOf('1. '));
    const [, introspect = '', , wrong = ''] = curlsIn(stdout);
    expect(JSON.parse(await shell(`${variables}\n${introspect}`, own))).toMatchObject({ active: true, sub: 'me' });
    expect(JSON.parse(await shell(`${variables}\n${wrong}`, own))).not.toHaveProperty('active');
  });

  it('shows each response of the server', async () => {
    server.always(inactive());
    expect((await tour(own)).stdout).toContain('{ active: false }');
  });

  describe('with a key file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'introspect-tour-'));
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const path = join(folder, 'key.json');
    const key = privateKey.export({ type: 'pkcs1', format: 'pem' });
    writeFileSync(path, JSON.stringify({ type: 'application', keyId: 'k', key, appId: '1', clientId: 'api@acme' }));
    const withKey = () => ({ ZITADEL_ISSUER: server.origin, ZITADEL_KEY_FILE: path, ZITADEL_TOKEN: 'my-token' });
    afterAll(() => rmSync(folder, { recursive: true }));

    /** Whether the key in the file signed the assertion. */
    function isOurs(assertion: string | null | undefined): boolean {
      const [, input = '', signature = ''] = /^([^.]+\.[^.]+)\.([^.]+)$/.exec(assertion ?? '') ?? [];
      const publicKey = createPublicKey(privateKey.export({ type: 'pkcs1', format: 'pem' }));
      return verify('RSA-SHA256', Buffer.from(input), publicKey, Buffer.from(signature, 'base64url'));
    }

    it('authenticates with an assertion, and shows what a wrong key leads to', async () => {
      server.always(active({ sub: 'mickey' }));
      const { code, stdout, stderr } = await tour(withKey());
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain("{ active: true, sub: 'mickey' }");
      expect(stdout).toMatch(/GET \/me with your token +200 +200 +200 +200 +=/);
      expect(stdout).not.toContain('my-token');
      expect(stdout).not.toContain('PRIVATE KEY');
      expect(wideLines(stdout)).toEqual([]);
      const signers = server.introspections.map(({ form }) => isOurs(form.get('client_assertion')));
      expect(signers).toContain(true);
      expect(signers).toContain(false);
      expect(server.introspections.flatMap((request) => request.field('authorization'))).toEqual([]);
    });

    it.skipIf(!hasCurl)('prints commands that sign an assertion and send it', async () => {
      server.always(active({ sub: 'mickey' }));
      const { stdout } = await tour(withKey());
      const variables = stdout.slice(stdout.indexOf('ASSERTION=$('), stdout.indexOf('1. '));
      const [, introspect = ''] = curlsIn(stdout);
      expect(JSON.parse(await shell(`${variables}\n${introspect}`, withKey()))).toEqual({
        active: true,
        sub: 'mickey',
      });
      const { form } = server.introspections.at(-1) ?? { form: new URLSearchParams() };
      expect(form.get('token')).toBe('my-token');
      expect(isOurs(form.get('client_assertion'))).toBe(true);
      const [, claims = ''] = form.get('client_assertion')?.split('.') ?? [];
      expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
        iss: 'api@acme',
        sub: 'api@acme',
        aud: server.origin,
      });
    });

    it('names a key file that cannot be read', async () => {
      const { code, stderr } = await tour({ ...withKey(), ZITADEL_KEY_FILE: join(folder, 'none.json') });
      expect(code).toBe(1);
      expect(stderr.replaceAll(/\s+/g, ' ')).toContain('ZITADEL_KEY_FILE must be the path of a key file');
    });
  });

  it('names the variable that is missing', async () => {
    const { ZITADEL_TOKEN: _, ...some } = own;
    const { code, stderr } = await tour(some);
    expect(code).toBe(1);
    expect(stderr).toContain('set ZITADEL_TOKEN too');
  });

  it('names the metadata that it cannot read', async () => {
    await server.close();
    const { code, stderr } = await tour(own);
    expect(code).toBe(1);
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain('is the issuer right, and reachable from here?');
  });
});

describe('curl', () => {
  it('puts each option on a line that a shell continues', () => {
    expect(curl("'https://as.example.com/introspect'", ['-u "$API"', '-d a=b'])).toBe(
      'curl -s \\\n       -u "$API" \\\n       -d a=b \\\n       \'https://as.example.com/introspect\'',
    );
  });

  it('uses $ZITADEL_ISSUER in a URL of the issuer, and quotes every other URL', () => {
    expect(urlOf('https://a.example/x', 'https://a.example')).toBe('"$ZITADEL_ISSUER/x"');
    expect(urlOf('https://a.example.org/x', 'https://a.example')).toBe("'https://a.example.org/x'");
    expect(urlOf("https://b.example/it's", 'https://a.example')).toBe("'https://b.example/it'\\''s'");
    expect(urlOf('https://a.example/x', 'https://a.example/')).toBe("'https://a.example/x'");
  });
});

describe('shortened', () => {
  it('returns at most 4 characters, and at most a third of the secret', () => {
    expect(shortened('canary')).toBe('ca…');
    expect(shortened('very long canary')).toBe('very…');
  });
});

describe('the terminal', () => {
  function printed(colors = false) {
    let text = '';
    const terminal = createTerminal(colors, (more) => {
      text += more;
    });
    return { terminal, text: () => text };
  }

  it('breaks a long line at spaces, with the indent of its start', () => {
    const { terminal, text } = printed();
    terminal.write(`   ${'word '.repeat(30)}\n`);
    const lines = text().trimEnd().split('\n');
    expect(wideLines(text())).toEqual([]);
    expect(lines.map((line) => /^ */.exec(line)?.[0].length)).toEqual([3, 5]);
    expect(text().match(/word/g)).toHaveLength(30);
  });

  it('breaks a word that is longer than a line', () => {
    const { terminal, text } = printed();
    terminal.write(`start ${'x'.repeat(250)} end\n`);
    expect(wideLines(text())).toEqual([]);
    expect(text().match(/x/g)).toHaveLength(250);
  });

  it('shortens a secret before it breaks or cuts a line', () => {
    const { terminal, text } = printed();
    terminal.hide('secret+'.repeat(5));
    terminal.write(`${'y'.repeat(90)} ${'secret+'.repeat(5)} ${'secret%2B'.repeat(5)}\n`);
    terminal.writeLine(`${'y'.repeat(80)} ${'secret+'.repeat(5)}`);
    expect(text()).not.toContain('secret');
  });
});
