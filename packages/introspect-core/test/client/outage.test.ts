import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Authorizer } from '../../src/index.js';
import { never, scripted, scriptedTransport } from '../support/scripted-transport.js';
import { virtualTime } from '../support/virtual-time.js';

describe('a thousand concurrent first requests with one token', () => {
  let server: ScriptedServer;
  beforeEach(async () => {
    server = await startScriptedServer();
    server.tokens.set('good', { sub: 'mickey' });
  });
  afterEach(() => server.close());

  it.each([
    ['without a cache', {}],
    ['with one', { cache: { maxAgeSeconds: 60 } }],
  ])('send one introspection request, %s', async (_, options) => {
    const authorizer = new Authorizer({ issuer: server.origin, clientId: 'api', clientSecret: 'secret', ...options });
    const requests = Array.from({ length: 1000 }, () => authorizer.authorize('Bearer good'));
    const responses = await Promise.all(requests);
    expect(responses.every(({ sub }) => sub === 'mickey')).toBe(true);
    expect(server.introspections).toHaveLength(1);
    expect(authorizer.stats()).toMatchObject({ lookups: { coalesced: 999 }, requests: { active: 1 } });
  });
});

describe('a server that is gone for 30 s', () => {
  let time: ReturnType<typeof virtualTime>;
  beforeEach(() => {
    time = virtualTime();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const known = Array.from({ length: 20 }, (_, i) => `known-${i}`);

  /** Requests ten times a second: who was served when, and how long the others waited for their 503. */
  async function outage(fault: () => Promise<never>, timeoutMs: number) {
    const gone = () => time.passed() >= 10_000 && time.passed() < 40_000;
    const askedWhileGone: string[] = [];
    const { transport } = scriptedTransport((token) => {
      if (!gone()) return {};
      askedWhileGone.push(token);
      return fault();
    });
    const authorizer = new Authorizer({
      ...scripted,
      ...time.clocks,
      transport,
      timeoutMs,
      cache: { maxAgeSeconds: 5, maxAgeIfErrorSeconds: 60 },
    });
    const failed: { token: string; at: number; waitedMs: number; error: unknown }[] = [];
    const served: { token: string; at: number; until: number }[] = [];
    const request = async (token: string) => {
      const at = time.passed();
      await authorizer.authorize(`Bearer ${token}`).then(
        () => served.push({ token, at, until: time.passed() }),
        (error: unknown) => failed.push({ token, at, waitedMs: time.passed() - at, error }),
      );
    };
    const requests: Promise<void>[] = [];
    for (let step = 0; step < 500; step++) {
      requests.push(...known.map(request), request(`unknown-${step}`));
      await time.pass(100);
    }
    await time.pass(timeoutMs);
    await Promise.all(requests);
    return { authorizer, askedWhileGone, failed, served };
  }

  it.each([
    ['refuses connections', () => Promise.reject(new Error()), 1000],
    ['hangs', never, 400],
  ])(
    'and %s: known tokens are served, the others are 503 in time, and a second later all is well',
    async (_, fault, timeoutMs) => {
      const { authorizer, askedWhileGone, failed, served } = await outage(fault, timeoutMs);
      expect(served.filter(({ token }) => token.startsWith('known'))).toHaveLength(20 * 500);
      expect(failed.length).toBeGreaterThan(280);
      for (const { token, at, waitedMs, error } of failed) {
        expect(token).toMatch(/^unknown/);
        expect(error).toMatchObject({ code: 'unavailable', status: 503 });
        expect(waitedMs).toBeLessThanOrEqual(timeoutMs);
        expect(at).toBeLessThan(41_000);
      }
      expect(askedWhileGone.length).toBeLessThan(200);
      expect(authorizer.stats()).toMatchObject({ circuitBreaker: 'closed', inFlight: 0 });
      expect(authorizer.stats().lookups.stale_served).toBeGreaterThan(20 * 200);
    },
  );
});

it('a server that was closed and listens again gets requests again within a second', async () => {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end('{"active":true}');
  });
  const listen = async (port: number) => {
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };
  const close = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  const port = await listen(0);
  let now = Date.now();
  const authorizer = new Authorizer({
    introspectionEndpoint: `http://127.0.0.1:${port}/introspect`,
    clientId: 'api',
    clientSecret: 'secret',
    now: () => now,
    monotonicNow: () => now,
    retry: { attempts: 1 },
    cache: { maxAgeSeconds: 5, maxAgeIfErrorSeconds: 60 },
  });
  await authorizer.authorize('Bearer known');
  await close();
  for (let second = 1; second <= 30; second++) {
    now += 1000;
    await authorizer.authorize('Bearer known');
    await expect(authorizer.authorize(`Bearer ${second}`)).rejects.toMatchObject({ code: 'unavailable', status: 503 });
  }
  await listen(port);
  now += 1000;
  await authorizer.authorize('Bearer unknown');
  await authorizer.authorize('Bearer known');
  expect(authorizer.stats()).toMatchObject({ requests: { active: 3 }, circuitBreaker: 'closed' });
  await close();
});
