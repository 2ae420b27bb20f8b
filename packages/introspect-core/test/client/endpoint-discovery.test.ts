import { inactive, json, respond, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
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

  it('does so at the first question, not at construction, and once', async () => {
    const client = clientOf();
    expect(paths()).toEqual([]);
    await client.introspect('a');
    await client.introspect('b');
    expect(paths()).toEqual([openid, '/oauth/v2/introspect', '/oauth/v2/introspect']);
  });

  it('shares one discovery among concurrent questions', async () => {
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

  it('does not discover when the endpoint is given too', async () => {
    await clientOf({ introspectionEndpoint: server.introspectionEndpoint }).introspect('a');
    expect(paths()).toEqual(['/oauth/v2/introspect']);
  });

  it('goes on to RFC 8414 after a 404 (v-404)', async () => {
    server.at(openid, respond({ status: 404, headers: { 'content-type': 'application/json' }, body: '{}' }));
    server.at(rfc8414, json({ issuer: server.origin, introspection_endpoint: server.introspectionEndpoint }));
    await clientOf().introspect('a');
    expect(paths()).toEqual([openid, rfc8414, '/oauth/v2/introspect']);
  });

  it('says so when there is no metadata at either place', async () => {
    server.at(openid, respond({ status: 404 }));
    await expect(clientOf().introspect('a')).rejects.toThrow(/no metadata at either well-known path.*"issuer"/);
    await expect(clientOf().introspect('a')).rejects.toBeInstanceOf(InvalidResponseError);
  });

  it.each([
    ['410', respond({ status: 410 }), InvalidResponseError],
    ['401', respond({ status: 401 }), InvalidResponseError],
    ['302', respond({ status: 302, headers: { location: '/elsewhere' } }), InvalidResponseError],
    ['500', respond({ status: 500 }), UnavailableError],
    ['HTML', respond({ headers: { 'content-type': 'text/html' }, body: '<html>' }), InvalidResponseError],
    ['another issuer', json({ issuer: 'https://evil.example' }), InvalidResponseError],
  ])('does not go on after %s', async (_, answer, error) => {
    server.at(openid, answer);
    server.at(rfc8414, json({ issuer: server.origin, introspection_endpoint: server.introspectionEndpoint }));
    await expect(clientOf().introspect('a')).rejects.toBeInstanceOf(error);
    expect(paths()).toEqual([openid]);
  });

  it('refuses a document that is too large (v-too-large)', async () => {
    server.at(openid, json({ issuer: server.origin, pad: 'x'.repeat(2 * 1024 * 1024) }));
    await expect(clientOf().introspect('a')).rejects.toThrow('larger than 262144 bytes');
  });

  it('passes on how long to wait', async () => {
    server.at(openid, respond({ status: 429, headers: { 'retry-after': '7' } }));
    await expect(clientOf().introspect('a')).rejects.toMatchObject({ code: 'unavailable', retryAfterSeconds: 7 });
  });

  it('explains a trailing slash, whichever side has it', async () => {
    server.at(openid, json({ issuer: `${server.origin}/`, introspection_endpoint: server.introspectionEndpoint }));
    await expect(clientOf().introspect('a')).rejects.toThrow('it ends with a slash there');
    server.at(openid, json({ issuer: server.origin, introspection_endpoint: server.introspectionEndpoint }));
    await expect(clientOf({ issuer: `${server.origin}/` }).introspect('a')).rejects.toThrow('without a slash there');
  });

  it('never shows what the document says', async () => {
    server.at(openid, json({ issuer: 'https://canary.example' }));
    await expect(clientOf().introspect('a')).rejects.toThrow(/^((?!canary).)*$/);
    server.at(openid, json({ issuer: server.origin, introspection_endpoint: 'http://canary.example' }));
    await expect(clientOf().introspect('a')).rejects.toThrow(/^((?!canary).)*$/);
  });

  it('keeps no failure: the next question tries again', async () => {
    const client = clientOf();
    server.at(openid, respond({ status: 503 }));
    await expect(client.introspect('a')).rejects.toBeInstanceOf(UnavailableError);
    server.at(openid, json({ issuer: server.origin, introspection_endpoint: server.introspectionEndpoint }));
    await expect(client.introspect('a')).resolves.toEqual({ active: false });
  });

  it("is not disturbed by one caller's abort: the others get their answers", async () => {
    const held = Promise.withResolvers<void>();
    server.at(openid, (response, request) => {
      const document = json({ issuer: server.origin, introspection_endpoint: server.introspectionEndpoint });
      held.promise.then(() => document(response, request));
    });
    const client = clientOf();
    const controller = new AbortController();
    const first = client.introspect('a', { signal: controller.signal });
    const second = client.introspect('b');
    controller.abort('left');
    await expect(first).rejects.toBe('left');
    held.resolve();
    await expect(second).resolves.toEqual({ active: false });
    expect(paths().filter((path) => path === openid)).toHaveLength(1);
  });

  it('is never an unhandled rejection, even when nobody waits for it any more', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const controller = new AbortController();
    const asked = Promise.withResolvers<void>();
    const over = Promise.withResolvers<void>();
    server.at(openid, (response) => {
      asked.resolve();
      response.once('close', over.resolve);
      controller.signal.addEventListener('abort', () => response.socket?.destroy());
    });
    const question = clientOf().introspect('a', { signal: controller.signal });
    await asked.promise;
    controller.abort('left');
    await expect(question).rejects.toBe('left');
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

    it('still uses the document one millisecond before', async () => {
      clock += hour - 1;
      await client.introspect('a');
      expect(paths().filter((path) => path === openid)).toHaveLength(1);
    });

    it('fetches it again without making anyone wait: the old one serves meanwhile', async () => {
      const held = Promise.withResolvers<void>();
      server.at(openid, (response, request) => {
        held.promise.then(() => documentAt(moved)(response, request));
      });
      clock += hour;
      await client.introspect('b');
      await client.introspect('c');
      expect(paths().filter((path) => path === openid)).toHaveLength(2);
      expect(paths()).not.toContain(moved);
      held.resolve();
      await vi.waitFor(async () => {
        await client.introspect('d');
        expect(paths()).toContain(moved);
      });
      expect(paths().filter((path) => path === openid)).toHaveLength(2);
    });

    it('goes on with the old one while a new one cannot be had, and tries again', async () => {
      server.at(openid, respond({ status: 500 }));
      clock += hour;
      await expect(client.introspect('b')).resolves.toEqual({ active: false });
      await client.introspect('b');
      await vi.waitFor(() => expect(paths().filter((path) => path === openid)).toHaveLength(2));
      clock += 59_999;
      await client.introspect('b');
      expect(paths().filter((path) => path === openid)).toHaveLength(2);
      clock += 1;
      await expect(client.introspect('b')).resolves.toEqual({ active: false });
      await vi.waitFor(() => expect(paths().filter((path) => path === openid)).toHaveLength(3));
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

    it('keeps the document that was asked for last, whichever comes first', async () => {
      let clock = 0;
      const client = clientOf({ monotonicNow: () => ++clock });
      const held = Promise.withResolvers<void>();
      const documentAt = (path: string) =>
        json({ issuer: server.origin, introspection_endpoint: `${server.origin}${path}` });
      const asked = Promise.withResolvers<void>();
      server.at(openid, (response, request) => {
        asked.resolve();
        held.promise.then(() => documentAt('/oauth/v2/introspect?old')(response, request));
      });
      const first = client.introspect('a');
      await asked.promise;
      server.at(openid, documentAt('/oauth/v2/introspect?new'));
      await client.introspect('b');
      held.resolve();
      await first;
      await client.introspect('c');
      expect(paths().at(-1)).toBe('/oauth/v2/introspect?new');
    });

    it('lets the caller that finds the document old wait for the new one, or take the old', async () => {
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
