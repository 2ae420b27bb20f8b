import {
  hangInBody,
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
import { apiOf, canary, clientSecret, examined } from '../../../support/run-doctor.js';

const path = '/.well-known/openid-configuration';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer({ clientSecret });
});
afterEach(() => server.close());

const metadata = (changed: object): ScriptedResponse =>
  json({ issuer: server.origin, introspection_endpoint: server.introspectionEndpoint, ...changed });

describe('introspect doctor with metadata', () => {
  const errors: [what: string, response: () => ScriptedResponse, codes: string[]][] = [
    ['of a host without instance', zitadelResponses.unknownInstance, ['no_instance']],
    ['that does not exist', () => respond({ status: 404 }), ['wrong_path']],
    ['elsewhere', () => redirect('https://elsewhere.example/'), ['redirected']],
    ['behind a login page', () => respond({ headers: { 'content-type': 'text/html' }, body: canary }), ['html_page']],
    ['that is not JSON', () => respond({ body: canary }), ['not_json']],
    ['of an overloaded server', () => respond({ status: 503 }), ['service_unavailable']],
    ['behind a broken connection', reset, ['connection_lost']],
    ['of another host', () => metadata({ issuer: 'https://public.example' }), ['issuer_mismatch_host']],
    [
      'of an https issuer, fetched by http',
      () => metadata({ issuer: server.origin.replace('http', 'https') }),
      ['issuer_mismatch_scheme'],
    ],
    ['of another path', () => metadata({ issuer: `${server.origin}/other` }), ['issuer_mismatch']],
    ['without an issuer', () => metadata({ issuer: undefined }), ['metadata_without_issuer']],
    ['without an endpoint', () => metadata({ introspection_endpoint: undefined }), ['no_introspection_endpoint']],
    [
      'with an endpoint that is not a URL',
      () => metadata({ introspection_endpoint: '/introspect' }),
      ['no_introspection_endpoint'],
    ],
    [
      'with an endpoint of plain http',
      () => metadata({ introspection_endpoint: 'http://public.example/i' }),
      ['endpoint_insecure'],
    ],
    [
      'with an endpoint that contains a password',
      () => metadata({ introspection_endpoint: server.introspectionEndpoint.replace('//', `//u:${canary}@`) }),
      ['endpoint_rejected'],
    ],
    [
      'with an endpoint of another scheme',
      () => metadata({ introspection_endpoint: 'ftp://a/i' }),
      ['endpoint_rejected'],
    ],
    [
      'of another host with an endpoint there',
      () => metadata({ issuer: 'https://public.example', introspection_endpoint: 'https://public.example/i' }),
      ['issuer_mismatch_host', 'endpoint_elsewhere'],
    ],
  ];
  it.each(errors)('%s reports an error, and sends no credentials', async (_, response, codes) => {
    server.at(path, response());
    const { found, statuses } = await examined(apiOf(server));
    expect(found).toEqual(codes.map((code) => `discovery: ${code}`));
    expect(statuses).toMatchObject({ credentials: 'skipped', latency: 'skipped' });
    expect(server.introspections).toEqual([]);
  });

  it('that was fetched over plain http sends no credentials to its endpoint', async () => {
    const issuer = server.origin.replace('127.0.0.1', '0.0.0.0'); // reaches this machine, and is not loopback by name
    server.at(path, metadata({ issuer }));
    const { found, statuses } = await examined({ ...apiOf(server), ZITADEL_ISSUER: issuer });
    expect(found).toEqual(['configuration: issuer_insecure_http', 'discovery: endpoint_elsewhere']);
    expect(statuses.credentials).toBe('skipped');
    expect(server.introspections).toEqual([]);
  });

  it('that never ends reports an error', async () => {
    server.at(path, hangInBody());
    const { found, statuses } = await examined(apiOf(server), '--timeout-ms', '2000');
    expect(found).toEqual(['discovery: no_response_in_time']);
    expect(statuses.clock).toBe('skipped');
  });

  it('without an endpoint, and with one at the path of RFC 8414, like django-oauth-toolkit reports no finding', async () => {
    server.at(path, metadata({ introspection_endpoint: undefined }));
    server.at('/.well-known/oauth-authorization-server', metadata({}));
    const { found, statuses } = await examined(apiOf(server));
    expect(found).toEqual([]);
    expect(statuses).toMatchObject({ discovery: 'ok', credentials: 'ok' });
  });

  it.each<[string, () => ScriptedResponse]>([
    ['a document of another issuer', () => metadata({ issuer: 'https://public.example' })],
    ['a login page', () => respond({ headers: { 'content-type': 'text/html' }, body: canary })],
  ])('without an endpoint, before %s, reports the missing endpoint', async (_, second) => {
    server.at(path, metadata({ introspection_endpoint: undefined }));
    server.at('/.well-known/oauth-authorization-server', second());
    expect((await examined(apiOf(server))).found).toEqual(['discovery: no_introspection_endpoint']);
  });

  it('at the path of RFC 8414 reports no finding', async () => {
    server.at(path, respond({ status: 404 }));
    server.at('/.well-known/oauth-authorization-server', metadata({}));
    const { found, statuses } = await examined(apiOf(server));
    expect(found).toEqual([]);
    expect(statuses.latency).toBe('ok');
  });

  it('that is a redirect shows the origin of its target', async () => {
    server.at(path, redirect(`https://elsewhere.example/login?token=${canary}`));
    const { report } = await examined(apiOf(server));
    expect(report.checks.find(({ name }) => name === 'discovery')?.detail).toMatch(
      / leads to https:\/\/elsewhere\.example$/,
    );
  });

  it('with an endpoint at another host reports a warning, and sends requests to the endpoint', async () => {
    const other = await startScriptedServer({ clientSecret });
    server.at(path, metadata({ introspection_endpoint: other.introspectionEndpoint }));
    const { found, statuses } = await examined(apiOf(server));
    await other.close();
    expect(found).toEqual(['discovery: endpoint_elsewhere']);
    expect(statuses.latency).toBe('ok');
    expect(other.introspections.length).toBeGreaterThan(0);
  });

  it('sends the public host of --instance-host with every request', async () => {
    await examined(apiOf(server), '--instance-host', 'public.example');
    const hosts = server.requests.map((request) => request.field('x-zitadel-instance-host').join());
    expect(new Set(hosts)).toEqual(new Set(['public.example']));
  });
});

describe('introspect doctor with a clock that is', () => {
  /** The metadata, with a Date that differs by so much from the time of the response. */
  const dated =
    (seconds: number, headers = {}): ScriptedResponse =>
    (response, request) =>
      json(
        { issuer: server.origin, introspection_endpoint: server.introspectionEndpoint },
        { headers: { date: new Date(Date.now() + seconds * 1000).toUTCString(), ...headers } },
      )(response, request);

  it.each([
    ['a little ahead', -10, 'clock_ahead', 'warning'],
    ['a little behind', 10, 'clock_behind', 'warning'],
    ['far ahead', -100, 'clock_ahead', 'error'],
    ['far behind', 100, 'clock_behind', 'error'],
  ])('%s of the server reports it, and continues the checks', async (_, seconds, code, severity) => {
    server.at(path, dated(seconds));
    const { found, statuses } = await examined(apiOf(server));
    expect(found).toEqual([`clock: ${code}`]);
    expect(statuses).toMatchObject({ clock: severity, credentials: 'ok' });
  });

  it('right compares with the time of the response, not with the time at which a cache sent it', async () => {
    server.at(path, dated(-100, { age: '100' }));
    expect((await examined(apiOf(server))).found).toEqual([]);
  });

  it('unknown, without a Date in the response, skips the check', async () => {
    server.at(path, dated(0, { date: 'today' }));
    expect((await examined(apiOf(server))).statuses.clock).toBe('skipped');
  });
});
