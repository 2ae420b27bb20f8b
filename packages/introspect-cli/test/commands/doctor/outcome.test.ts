import {
  active,
  gzipBomb,
  hangBeforeHeaders,
  inactive,
  json,
  redirect,
  reset,
  respond,
  type ScriptedResponse,
  type ScriptedServer,
  startScriptedServer,
  zitadelResponses,
} from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkNames } from '../../../src/commands/doctor/finding.js';
import { type AuthenticationMethod, diagnose } from '../../../src/commands/doctor/outcome.js';
import { apiOf, canary, clientSecret, examined, runDoctor } from '../../support/run-doctor.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer({ clientSecret });
});
afterEach(() => server.close());

const html = (status: number, headers = {}) =>
  respond({ status, headers: { 'content-type': 'text/html; charset=utf-8', ...headers }, body: `<p>${canary}</p>` });

const rows: [what: string, response: ScriptedResponse, code: string][] = [
  ['no credentials', zitadelResponses.noCredentials(), 'no_credentials_arrived'],
  ['credentials that cannot be decoded', zitadelResponses.undecodableCredentials(), 'undecodable_credentials'],
  ['no secret', zitadelResponses.noSecret(), 'no_secret_arrived'],
  ['no token', zitadelResponses.noToken(), 'no_token_arrived'],
  ['credentials that the server rejects', zitadelResponses.unauthorizedClient(), 'credentials_refused'],
  ['the same, as documented', zitadelResponses.invalidClient(), 'credentials_refused_401'],
  ['invalid_client without a description', json({ error: 'invalid_client' }, { status: 400 }), 'invalid_client'],
  [
    'invalid_request with other words',
    json({ error: 'invalid_request', error_description: canary }, { status: 400 }),
    'invalid_request',
  ],
  ['a panic', zitadelResponses.serverError(), 'server_panic'],
  ['a host without instance', zitadelResponses.unknownInstance(), 'no_instance'],
  ['a path without anything', respond({ status: 404 }), 'wrong_path'],
  ['a database that is down', zitadelResponses.databaseDown(), 'database_down'],
  ['a quota that is used up', zitadelResponses.quotaExhausted(), 'quota_exhausted'],
  ['too many requests', html(429, { 'retry-after': '7' }), 'rate_limited'],
  ['a proxy without server', html(502), 'bad_gateway'],
  ['an overloaded server', html(503, { 'retry-after': '7' }), 'service_unavailable'],
  ['a proxy with a slow server', html(504), 'gateway_timeout'],
  ['another failure', html(500), 'server_failing'],
  ['a redirect', redirect('https://elsewhere.example/'), 'redirected'],
  ['a page', html(200), 'html_page'],
  ['JSON that is not an introspection response', json({ canary }), 'not_rfc7662'],
  ['"active" in quotes', json({ active: 'false' }), 'not_rfc7662'],
  ['a list', json([]), 'not_json'],
  [
    'JSON of another type',
    respond({ headers: { 'content-type': 'text/plain' }, body: '{"active":false}' }),
    'not_json',
  ],
  ['an endless response', gzipBomb(), 'not_json'],
  ['an invented token that is active', active(), 'active_for_anything'],
  ['401 without a body', respond({ status: 401 }), 'unauthorized'],
  ['a firewall', html(403), 'forbidden'],
  ['another endpoint', respond({ status: 405 }), 'method_not_allowed'],
  ['an unknown status', respond({ status: 418 }), 'unexpected_status'],
  ['a broken connection', reset(), 'connection_lost'],
];

describe('introspect doctor, if the endpoint responds with', () => {
  it.each(rows)('%s, reports its own finding', async (_, response, code) => {
    server.always(response);
    const { found, statuses } = await examined(apiOf(server));
    expect(found).toEqual([`credentials: ${code}`]);
    expect(statuses).toMatchObject({ credentials: 'error', token: 'skipped', latency: 'skipped' });
  });

  it('a broken connection, shows the code of the system', async () => {
    server.always(reset());
    expect((await runDoctor(apiOf(server))).stdout).toMatch(
      /ended before the response \((ECONNRESET|UND_ERR_SOCKET)\)/,
    );
  });

  it('nothing within the time limit, reports its own finding', async () => {
    server.always(hangBeforeHeaders());
    expect((await examined(apiOf(server), '--timeout-ms', '2000')).found).toEqual(['credentials: no_response_in_time']);
  });
});

describe('introspect doctor with a server', () => {
  it('that works passes every check, and sends wrong credentials once', async () => {
    const { found, statuses, report } = await examined(apiOf(server));
    expect(found).toEqual([]);
    expect(report).toMatchObject({ ok: true, errors: 0, warnings: 0, infos: 0 });
    expect(new Set(Object.values(statuses))).toEqual(new Set(['ok', 'skipped']));
    expect(statuses).toMatchObject({ latency: 'ok', token: 'skipped' });
    const credentials = server.introspections.map((request) => request.field('authorization').join());
    const ours = `Basic ${Buffer.from(`api:${clientSecret}`).toString('base64')}`;
    expect(credentials.filter((each) => each !== ours)).toEqual([
      `Basic ${Buffer.from('api:wrong-on-purpose').toString('base64')}`,
    ]);
    expect(credentials).toHaveLength(1 + 1 + 1 + 10);
  });

  it('that accepts any credentials reports credentials_unproven', async () => {
    server.always(inactive());
    const { found } = await examined(apiOf(server));
    expect(found).toEqual(['credentials: credentials_unproven']);
  });

  it('whose response to wrong credentials is unclear reports an info finding', async () => {
    server.next(inactive(), html(503));
    expect((await examined(apiOf(server))).found).toEqual(['credentials: control_unclear']);
  });

  it('that only the SDK rejects reports an error', async () => {
    server.next(inactive(), zitadelResponses.unauthorizedClient(), html(200));
    expect((await examined(apiOf(server))).found).toEqual(['credentials: sdk_failed']);
  });

  it('that does not respond to all of ten requests reports latency_unsteady', async () => {
    server.next(inactive(), zitadelResponses.unauthorizedClient(), inactive(), inactive(), html(502));
    const { found, report } = await examined(apiOf(server));
    expect(found).toEqual(['latency: latency_unsteady']);
    expect(report.checks.at(-1)?.detail).toBe('request 2 of 10 failed');
  });
});

describe('introspect doctor with ZITADEL_TOKEN', () => {
  const token = `${canary}-token`;

  it('that is active reports no finding', async () => {
    server.tokens.set(token, { sub: 'mickey' });
    const { found, statuses } = await examined({ ...apiOf(server), ZITADEL_TOKEN: token });
    expect(found).toEqual([]);
    expect(statuses.token).toBe('ok');
  });

  it('that is inactive advises to run "introspect token"', async () => {
    const { found, report } = await examined({ ...apiOf(server), ZITADEL_TOKEN: token });
    expect(found).toEqual(['token: token_inactive']);
    expect(report.checks.find(({ name }) => name === 'token')?.findings[0]?.fix).toContain('introspect token');
  });

  it('that the server cannot introspect reports an error', async () => {
    server.next(inactive(), zitadelResponses.unauthorizedClient(), inactive(), zitadelResponses.serverError());
    expect((await examined({ ...apiOf(server), ZITADEL_TOKEN: token })).found).toEqual(['token: token_unavailable']);
  });

  it('of a type that the server does not introspect advises to issue opaque tokens', async () => {
    const unsupported = json({ error: 'unsupported_token_type' }, { status: 400 });
    server.next(inactive(), zitadelResponses.unauthorizedClient(), inactive(), unsupported);
    const { found, report } = await examined({ ...apiOf(server), ZITADEL_TOKEN: token });
    expect(found).toEqual(['token: token_unsupported_token_type']);
    expect(report.checks.find(({ name }) => name === 'token')?.findings[0]?.fix).toContain('opaque access tokens');
  });
});

describe('the output of introspect doctor', () => {
  it('has the cause and the fix below each check, and ends with the counts', async () => {
    server.always(zitadelResponses.unauthorizedClient());
    const { exitCode, stdout, stderr } = await runDoctor(apiOf(server));
    expect(stderr).toBe('');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(
      /^✗ credentials .*\n {2}✗ The server responded with 400 unauthorized_client \(credentials_refused\)\n {4}why: .*\n {4}fix: .*\n- token /m,
    );
    expect(stdout).toMatch(/\n\n1 error, 0 warnings, 0 infos\n$/);
    expect(stdout).not.toContain('\u001b');
  });

  it('is one JSON value with --json', async () => {
    server.always(zitadelResponses.unauthorizedClient());
    const { stdout } = await runDoctor(apiOf(server), ['--json']);
    const { checks, ...counts } = JSON.parse(stdout);
    expect(counts).toEqual({ ok: false, errors: 1, warnings: 0, infos: 0 });
    expect(checks.map(({ name }: { name: string }) => name)).toEqual(checkNames);
    expect(checks[5]).toEqual({
      name: 'credentials',
      status: 'error',
      detail: 'introspection of an invented token, by client_secret_basic',
      findings: [
        {
          code: 'credentials_refused',
          severity: 'error',
          seen: 'The server responded with 400 unauthorized_client',
          cause: expect.any(String),
          fix: expect.any(String),
        },
      ],
    });
  });

  it('has colours with FORCE_COLOR', async () => {
    expect((await runDoctor({ ...apiOf(server), FORCE_COLOR: '1' })).stdout).toContain('\u001b[32m✓');
  });

  it('repeats the Retry-After of the server, and no other text of it', async () => {
    server.always(html(503, { 'retry-after': '7' }));
    expect((await runDoctor(apiOf(server))).stdout).toContain('503 and a page of HTML, retry after 7 s');
    server.always(html(503, { 'retry-after': canary }));
    expect((await runDoctor(apiOf(server))).stdout).toContain('503 and a page of HTML (');
  });
});

describe('diagnose', () => {
  const response = { status: 200, mediaType: 'application/json', json: undefined, retryAfter: null };
  const methods: AuthenticationMethod[] = ['client_secret_basic', 'private_key_jwt'];

  it.each(methods)('returns undefined for an inactive response, with %s', (method) => {
    expect(diagnose({ ...response, json: { active: false } }, method)).toBeUndefined();
  });

  it('mentions the key instead of the secret if there is one, with the same code', () => {
    const refused = { ...response, status: 400, json: { error: 'unauthorized_client' } };
    const [bySecret, byKey] = methods.map((method) => diagnose(refused, method));
    expect(bySecret?.cause).toContain('secret');
    expect(byKey?.cause).not.toContain('secret');
    expect(byKey).toMatchObject({ code: bySecret?.code, seen: bySecret?.seen, severity: 'error' });
  });
});
