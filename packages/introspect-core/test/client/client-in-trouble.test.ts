import {
  active,
  hangBeforeHeaders,
  json,
  respond,
  type ScriptedServer,
  startScriptedServer,
} from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Retries } from '../../src/client/retry.js';
import { withTraits } from '../../src/errors/failure-traits.js';
import { Authorizer, type IntrospectEvent, IntrospectionClient, type Transport } from '../../src/index.js';
import { cachingAuthorizer } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
});
afterEach(() => server.close());

const rejected = (status: number) => json({ error: 'invalid_client' }, { status });
const optionsOf = (options: object = {}) => ({
  introspectionEndpoint: server.introspectionEndpoint,
  clientId: 'api',
  clientSecret: 'secret',
  ...options,
});

describe('rejected credentials', () => {
  it('that are new each time are not renewed any more once the circuit breaker is open', async () => {
    server.always(rejected(400));
    let secrets = 0;
    const clientSecret = () => `secret-${++secrets}`;
    const client = new IntrospectionClient(optionsOf({ clientSecret, monotonicNow: () => 0 }));
    const calls = Array.from({ length: 12 }, (_, i) => client.introspect(`token-${i}`));
    const codes = (await Promise.allSettled(calls)).map((each) => each.status === 'rejected' && each.reason.code);
    expect(codes).toEqual(Array(12).fill('invalid_client'));
    expect(server.introspections.length).toBeLessThanOrEqual(24);
  });

  it('emit credentials_refused, even if fetching new ones fails', async () => {
    server.always(rejected(401));
    const events: IntrospectEvent[] = [];
    let secrets = 0;
    const clientSecret = () => (++secrets === 1 ? 'old' : Promise.reject(new Error('vault')));
    const client = new IntrospectionClient(
      optionsOf({ clientSecret, onEvent: (each: IntrospectEvent) => events.push(each) }),
    );
    await expect(client.introspect('token')).rejects.toMatchObject({ code: 'unavailable' });
    expect(events).toContainEqual({ type: 'credentials_refused', origin: server.origin });
  });

  it.each([400, 401, 403])(
    'open the circuit breaker when the server responds with %i and an error code',
    async (status) => {
      server.always(rejected(status));
      const client = new IntrospectionClient(optionsOf());
      for (let i = 0; i < 30; i++) await client.introspect('token').catch(() => {});
      expect(server.introspections).toHaveLength(10);
    },
  );
});

describe('a stale response', () => {
  it('is used when the server failed and our own limits permit no second attempt', async () => {
    const clocks = new Clocks();
    server.next(active(), respond({ status: 503 }));
    const { authorizer } = cachingAuthorizer(server, clocks, {
      timeoutMs: 900,
      retry: { attempts: 2 },
      limits: { perSecond: 1 },
      cache: { maxAgeSeconds: 10, maxAgeIfErrorSeconds: 300 },
    });
    await expect(authorizer.authorize('Bearer t')).resolves.toEqual({ active: true });
    clocks.pass(20);
    await expect(authorizer.authorize('Bearer t')).resolves.toEqual({ active: true });
    expect(server.introspections).toHaveLength(2);
  });
});

it('a request that hangs counts as a failure of the server, also in an authorizer', async () => {
  server.always(hangBeforeHeaders());
  const authorizer = new Authorizer(optionsOf({ timeoutMs: 50, retry: { attempts: 1 } }));
  const requests = Array.from({ length: 12 }, (_, i) => authorizer.authorize(`Bearer token-${i}`));
  await Promise.allSettled(requests);
  expect(authorizer.stats()).toMatchObject({ requests: { unavailable: 12, aborted: 0 }, circuitBreaker: 'open' });
});

it('a discovery that hangs leaves time for a second one', async () => {
  const issuer = 'https://as.example.com';
  const transport = vi.fn<Transport>(({ method }) => {
    if (transport.mock.calls.length === 1) return new Promise(() => {});
    const metadata = { issuer, introspection_endpoint: `${issuer}/introspect` };
    const body = JSON.stringify(method === 'GET' ? metadata : { active: true });
    return Promise.resolve({ status: 200, header: () => 'application/json', body });
  });
  const client = new IntrospectionClient({ issuer, clientId: 'c', clientSecret: 's', transport, timeoutMs: 400 });
  await expect(client.introspect('token')).resolves.toEqual({ active: true });
});

it('at most three retries are made within any 10 s, also across two windows', () => {
  const clocks = new Clocks();
  const retries = new Retries({ attempts: 9, attemptTimeoutMs: 1000 }, clocks.monotonicNow);
  const retry = () => {
    retries.count();
    return (
      retries.waitMs(withTraits(new Error('reset'), { isTransient: true }), { attempt: 1, leftMs: 5000 }) !== undefined
    );
  };
  clocks.pass(4.9);
  expect([retry(), retry(), retry(), retry()]).toEqual([true, true, true, false]);
  clocks.pass(5.1);
  expect(retry()).toBe(false);
  clocks.pass(5);
  expect(retry()).toBe(true);
});
