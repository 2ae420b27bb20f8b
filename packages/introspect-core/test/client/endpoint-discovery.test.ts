import {
  inactive,
  json,
  respond,
  type ScriptedResponse,
  type ScriptedServer,
  startScriptedServer,
} from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  IntrospectionClient,
  type IntrospectionClientOptions,
  InvalidResponseError,
  UnavailableError,
} from '../../src/index.js';

describe('a client that discovers its endpoint', () => {
  let server: ScriptedServer;
  beforeEach(async () => {
    server = await startScriptedServer();
    server.always(inactive());
  });
  afterEach(() => server.close());

  const openid = '/.well-known/openid-configuration';
  const rfc8414 = '/.well-known/oauth-authorization-server';
  const clientOf = (options: Partial<IntrospectionClientOptions> = {}) =>
    new IntrospectionClient({ issuer: server.origin, clientId: 'api', clientSecret: 'secret', ...options });
  const paths = () => server.requests.map(({ url }) => url);

  it('fetches metadata with the first call, not at construction, and once', async () => {
    const client = clientOf();
    expect(paths()).toEqual([]);
    await client.introspect('a');
    await client.introspect('b');
    expect(paths()).toEqual([openid, '/oauth/v2/introspect', '/oauth/v2/introspect']);
  });

  it('shares one discovery among concurrent calls', async () => {
    const client = clientOf();
    await Promise.all(Array.from({ length: 20 }, () => client.introspect('a')));
    expect(paths().filter((path) => path === openid)).toHaveLength(1);
    expect(server.introspections).toHaveLength(20);
  });

  it('sends the configured header fields, a GET, and no credentials', async () => {
    await clientOf({ headers: { 'x-zitadel-instance-host': 'auth.example.com' } }).introspect('a');
    const [discovery] = server.requests;
    expect(discovery?.method).toBe('GET');
    expect(discovery?.field('x-zitadel-instance-host')).toEqual(['auth.example.com']);
    expect(discovery?.field('accept')).toEqual(['application/json']);
    expect(discovery?.field('authorization')).toEqual([]);
    expect(discovery?.body).toBe('');
  });

  it('does not fetch metadata when the endpoint is configured too', async () => {
    await clientOf({ introspectionEndpoint: server.introspectionEndpoint }).introspect('a');
    expect(paths()).toEqual(['/oauth/v2/introspect']);
  });

  it('tries the path of RFC 8414 after a 404 (v-404)', async () => {
    server.at(openid, respond({ status: 404, headers: { 'content-type': 'application/json' }, body: '{}' }));
    server.at(rfc8414, json({ issuer: server.origin, introspection_endpoint: server.introspectionEndpoint }));
    await clientOf().introspect('a');
    expect(paths()).toEqual([openid, rfc8414, '/oauth/v2/introspect']);
  });

  it('rejects when every well-known path is 404', async () => {
    server.at(openid, respond({ status: 404 }));
    await expect(clientOf().introspect('a')).rejects.toThrow(/no metadata at any well-known path.*"issuer"/);
    await expect(clientOf().introspect('a')).rejects.toBeInstanceOf(InvalidResponseError);
  });

  describe('from an issuer whose first document names no introspection_endpoint', () => {
    const issuerOf = () => `${server.origin}/o`;
    const incomplete = () => json({ issuer: issuerOf(), jwks_uri: `${issuerOf()}/keys` });
    const complete = () => json({ issuer: issuerOf(), introspection_endpoint: server.introspectionEndpoint });
    const [first, second, third] = [`/o${openid}`, `${rfc8414}/o`, `/o${rfc8414}`];
    beforeEach(() => {
      for (const path of [second, third]) server.at(path, respond({ status: 404 }));
      server.at(first, incomplete());
    });
    const found = async () => {
      await clientOf({ issuer: issuerOf() }).introspect('a');
      return paths();
    };

    it('goes on to the path of RFC 8414', async () => {
      server.at(second, complete());
      expect(await found()).toEqual([first, second, '/oauth/v2/introspect']);
    });

    it('goes on to the path of RFC 8414 after the path of the issuer', async () => {
      server.at(third, complete());
      expect(await found()).toEqual([first, second, third, '/oauth/v2/introspect']);
    });

    it.each<[string, () => ScriptedResponse]>([
      ['a login page', () => respond({ headers: { 'content-type': 'text/html' }, body: '<html>' })],
      ['401', () => respond({ status: 401 })],
      ['a redirect', () => respond({ status: 302, headers: { location: '/login' } })],
      [
        'another issuer',
        () => json({ issuer: 'https://evil.example', introspection_endpoint: 'https://evil.example/' }),
      ],
    ])('ignores %s at another path', async (_, response) => {
      server.at(second, response());
      server.at(third, complete());
      expect(await found()).toEqual([first, second, third, '/oauth/v2/introspect']);
      server.at(third, response());
      await expect(found()).rejects.toThrow('names no introspection_endpoint');
    });

    it('is unavailable if another path is, because the endpoint may be named there', async () => {
      server.at(second, respond({ status: 503, headers: { 'retry-after': '7' } }));
      await expect(found()).rejects.toMatchObject({ code: 'unavailable', retryAfterSeconds: 7 });
    });

    it('rejects with what is missing if no document names it', async () => {
      server.at(third, incomplete());
      await expect(found()).rejects.toMatchObject({
        code: 'invalid_response',
        message: `The metadata of ${server.origin} names no introspection_endpoint: if the server has one, give it as "introspectionEndpoint"`,
      });
      expect(paths().slice(0, 3)).toEqual([first, second, third]);
    });
  });

  describe('with "metadataUrl"', () => {
    const issuer = 'https://public.example/realms/demo';
    const inside = '/internal/metadata';
    const within = (options: Partial<IntrospectionClientOptions> = {}) =>
      clientOf({ issuer, metadataUrl: `${server.origin}${inside}`, ...options });

    it('fetches that document only, whose issuer is the option "issuer"', async () => {
      server.at(inside, json({ issuer, introspection_endpoint: server.introspectionEndpoint }));
      await within().introspect('a');
      expect(paths()).toEqual([inside, '/oauth/v2/introspect']);
    });

    it.each<[string, () => ScriptedResponse, RegExp]>([
      ['names another issuer', () => json({ issuer: server.origin }), /names another issuer than the option "issuer"/],
      ['names no endpoint', () => json({ issuer }), /names no introspection_endpoint/],
      ['is not there', () => respond({ status: 404 }), /has no metadata at "metadataUrl" \(404\): check that option/],
      ['moved', () => respond({ status: 301, headers: { location: '/' } }), /a redirect, which is not followed/],
    ])('rejects when the document %s', async (_, response, message) => {
      server.at(inside, response());
      const error = await within()
        .introspect('a')
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(InvalidResponseError);
      expect(String(error)).toMatch(message);
      expect(String(error)).toContain(server.origin);
      expect(paths()).toEqual([inside]);
    });

    it('is rejected at construction without "issuer", and by the rules of every URL', () => {
      const { introspectionEndpoint } = server;
      const metadataUrl = `${server.origin}/m`;
      expect(
        () => new IntrospectionClient({ introspectionEndpoint, metadataUrl, clientId: 'c', clientSecret: 's' }),
      ).toThrow('"issuer" is needed with "metadataUrl": the document must name it');
      for (const [url, message] of [
        ['http://keycloak:8080/m', 'must be https, except on loopback'],
        ['/m', 'must be an absolute URL'],
        ['https://a.example/m#x', 'must not have a fragment'],
        ['', 'must not be empty'],
      ] as const) {
        expect(() => within({ metadataUrl: url })).toThrow(`IntrospectionClient: "metadataUrl" ${message}`);
      }
      expect(() => within({ metadataUrl: 'http://keycloak:8080/m', allowInsecureHttp: true })).not.toThrow();
    });
  });

  it.each([
    ['410', respond({ status: 410 }), InvalidResponseError],
    ['401', respond({ status: 401 }), InvalidResponseError],
    ['302', respond({ status: 302, headers: { location: '/elsewhere' } }), InvalidResponseError],
    ['500', respond({ status: 500 }), UnavailableError],
    ['HTML', respond({ headers: { 'content-type': 'text/html' }, body: '<html>' }), InvalidResponseError],
    ['another issuer', json({ issuer: 'https://evil.example' }), InvalidResponseError],
  ])('does not try the second path after %s', async (_, reply, error) => {
    server.at(openid, reply);
    server.at(rfc8414, json({ issuer: server.origin, introspection_endpoint: server.introspectionEndpoint }));
    await expect(clientOf().introspect('a')).rejects.toBeInstanceOf(error);
    expect(paths()).toEqual([openid]);
  });

  it('rejects a document that is too large (v-too-large)', async () => {
    server.at(openid, json({ issuer: server.origin, pad: 'x'.repeat(2 * 1024 * 1024) }));
    await expect(clientOf().introspect('a')).rejects.toThrow('larger than 262144 bytes');
  });

  it('reports the Retry-After of the metadata', async () => {
    server.at(openid, respond({ status: 429, headers: { 'retry-after': '7' } }));
    await expect(clientOf().introspect('a')).rejects.toMatchObject({ code: 'unavailable', retryAfterSeconds: 7 });
  });

  it('explains a trailing slash, whichever side has it', async () => {
    server.at(openid, json({ issuer: `${server.origin}/`, introspection_endpoint: server.introspectionEndpoint }));
    await expect(clientOf().introspect('a')).rejects.toThrow('it ends with a slash there');
    server.at(openid, json({ issuer: server.origin, introspection_endpoint: server.introspectionEndpoint }));
    await expect(clientOf({ issuer: `${server.origin}/` }).introspect('a')).rejects.toThrow(
      'it does not end with a slash there',
    );
  });

  it('never shows text from the document in an error', async () => {
    server.at(openid, json({ issuer: 'https://canary.example' }));
    await expect(clientOf().introspect('a')).rejects.toThrow(/^((?!canary).)*$/);
    server.at(openid, json({ issuer: server.origin, introspection_endpoint: 'http://canary.example' }));
    await expect(clientOf().introspect('a')).rejects.toThrow(/^((?!canary).)*$/);
  });

  it('does not cache a failure: the next call tries again', async () => {
    const client = clientOf();
    server.at(openid, respond({ status: 503 }));
    await expect(client.introspect('a')).rejects.toBeInstanceOf(UnavailableError);
    server.at(openid, json({ issuer: server.origin, introspection_endpoint: server.introspectionEndpoint }));
    await expect(client.introspect('a')).resolves.toEqual({ active: false });
  });

  it("goes on after one caller's abort: the other callers get their responses", async () => {
    const released = Promise.withResolvers<void>();
    server.at(openid, (response, request) => {
      const document = json({ issuer: server.origin, introspection_endpoint: server.introspectionEndpoint });
      released.promise.then(() => document(response, request));
    });
    const client = clientOf();
    const controller = new AbortController();
    const first = client.introspect('a', { signal: controller.signal });
    const second = client.introspect('b');
    controller.abort('left');
    await expect(first).rejects.toBe('left');
    released.resolve();
    await expect(second).resolves.toEqual({ active: false });
    expect(paths().filter((path) => path === openid)).toHaveLength(1);
  });

  it('causes no unhandled rejection when it fails and nobody waits for it any more', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const controller = new AbortController();
    const requested = Promise.withResolvers<void>();
    const over = Promise.withResolvers<void>();
    server.at(openid, (response) => {
      requested.resolve();
      response.once('close', over.resolve);
      controller.signal.addEventListener('abort', () => response.socket?.destroy());
    });
    const call = clientOf().introspect('a', { signal: controller.signal });
    await requested.promise;
    controller.abort('left');
    await expect(call).rejects.toBe('left');
    await over.promise;
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  describe('after an hour', () => {
    const hour = 3_600_000;
    const moved = '/oauth/v2/introspect?moved';
    const documentAt = (path: string) =>
      json({ issuer: server.origin, introspection_endpoint: `${server.origin}${path}` });
    let clock: number;
    let client: IntrospectionClient;
    beforeEach(async () => {
      clock = 5;
      client = clientOf({ monotonicNow: () => clock });
      await client.introspect('a');
    });

    it('uses the document until one millisecond before', async () => {
      clock += hour - 1;
      await client.introspect('a');
      expect(paths().filter((path) => path === openid)).toHaveLength(1);
    });

    it('fetches the document again while calls use the old one without waiting', async () => {
      const released = Promise.withResolvers<void>();
      server.at(openid, (response, request) => {
        released.promise.then(() => documentAt(moved)(response, request));
      });
      clock += hour;
      await client.introspect('b');
      await client.introspect('c');
      expect(paths().filter((path) => path === openid)).toHaveLength(2);
      expect(paths()).not.toContain(moved);
      released.resolve();
      await vi.waitFor(async () => {
        await client.introspect('d');
        expect(paths()).toContain(moved);
      }, 60_000);
      expect(paths().filter((path) => path === openid)).toHaveLength(2);
    });

    it('uses the old document while a new one cannot be fetched, and tries again after a minute', async () => {
      server.at(openid, respond({ status: 500 }));
      clock += hour;
      await expect(client.introspect('b')).resolves.toEqual({ active: false });
      await client.introspect('b');
      await vi.waitFor(() => expect(paths().filter((path) => path === openid)).toHaveLength(2), 60_000);
      clock += 59_999;
      await client.introspect('b');
      expect(paths().filter((path) => path === openid)).toHaveLength(2);
      clock += 1;
      await expect(client.introspect('b')).resolves.toEqual({ active: false });
      await vi.waitFor(() => expect(paths().filter((path) => path === openid)).toHaveLength(3), 60_000);
    });
  });

  describe('on workerd, where a promise of another request never settles', () => {
    beforeEach(() => vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' }));
    afterEach(() => vi.unstubAllGlobals());

    it('shares the document, but no promise', async () => {
      const client = clientOf();
      await Promise.all([client.introspect('a'), client.introspect('b')]);
      expect(paths().filter((path) => path === openid)).toHaveLength(2);
      await client.introspect('c');
      expect(paths().filter((path) => path === openid)).toHaveLength(2);
    });

    it('uses the document that was requested last, even if an older request ends later', async () => {
      let clock = 0;
      const client = clientOf({ monotonicNow: () => ++clock });
      const released = Promise.withResolvers<void>();
      const documentAt = (path: string) =>
        json({ issuer: server.origin, introspection_endpoint: `${server.origin}${path}` });
      const requested = Promise.withResolvers<void>();
      server.at(openid, (response, request) => {
        requested.resolve();
        released.promise.then(() => documentAt('/oauth/v2/introspect?old')(response, request));
      });
      const first = client.introspect('a');
      await requested.promise;
      server.at(openid, documentAt('/oauth/v2/introspect?new'));
      await client.introspect('b');
      released.resolve();
      await first;
      await client.introspect('c');
      expect(paths().at(-1)).toBe('/oauth/v2/introspect?new');
    });

    it('lets the call that starts a refresh wait for it, and use the old document if it fails', async () => {
      let clock = 0;
      const client = clientOf({ monotonicNow: () => clock });
      await client.introspect('a');
      clock += 3_600_000;
      server.at(
        openid,
        json({ issuer: server.origin, introspection_endpoint: `${server.introspectionEndpoint}?moved` }),
      );
      await client.introspect('b');
      expect(paths().at(-1)).toBe('/oauth/v2/introspect?moved');
      clock += 3_600_000;
      server.at(openid, respond({ status: 500 }));
      await client.introspect('c');
      expect(paths().slice(-2)).toEqual([openid, '/oauth/v2/introspect?moved']);
    });
  });
});
