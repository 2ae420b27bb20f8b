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
import { Clocks, caching } from '../support/caching.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
});
afterEach(() => server.close());

const refused = (status: number) => json({ error: 'invalid_client' }, { status });
const optionsOf = (options: object = {}) => ({
  introspectionEndpoint: server.introspectionEndpoint,
  clientId: 'api',
  clientSecret: 'secret',
  ...options,
});

describe('refused credentials', () => {
  it('that are new each time do not keep a question going once the breaker is open', async () => {
    server.always(refused(400));
    let calls = 0;
    const clientSecret = () => `secret-${++calls}`;
    const client = new IntrospectionClient(optionsOf({ clientSecret, monotonicNow: () => 0 }));
    const questions = Array.from({ length: 12 }, (_, i) => client.introspect(`token-${i}`));
    const codes = (await Promise.allSettled(questions)).map((each) => each.status === 'rejected' && each.reason.code);
    expect(codes).toEqual(Array(12).fill('invalid_client'));
    expect(server.introspections.length).toBeLessThanOrEqual(24);
  });

  it('are told of, also where asking for others fails', async () => {
    server.always(refused(401));
    const events: IntrospectEvent[] = [];
    let calls = 0;
    const clientSecret = () => (++calls === 1 ? 'old' : Promise.reject(new Error('vault')));
    const client = new IntrospectionClient(
      optionsOf({ clientSecret, onEvent: (each: IntrospectEvent) => events.push(each) }),
    );
    await expect(client.introspect('token')).rejects.toMatchObject({ code: 'unavailable' });
    expect(events).toContainEqual({ type: 'credentials_refused', origin: server.origin });
  });

  it.each([400, 401, 403])('open the breaker where the server says so by %i and a code', async (status) => {
    server.always(refused(status));
    const client = new IntrospectionClient(optionsOf());
    for (let i = 0; i < 30; i++) await client.introspect('token').catch(() => {});
    expect(server.introspections).toHaveLength(10);
  });
});

describe('an answer that may be stale', () => {
  it('serves where the server failed and our own limits leave no second attempt', async () => {
    const clocks = new Clocks();
    server.next(active(), respond({ status: 503 }));
    const { ask } = caching(server, clocks, {
      timeoutMs: 900,
      retry: { attempts: 2 },
      limits: { perSecond: 1 },
      cache: { maxAgeSeconds: 10, maxAgeIfErrorSeconds: 300 },
    });
    expect(await ask()).toBe('ok');
    clocks.pass(20);
    expect(await ask()).toBe('ok');
    expect(server.introspections).toHaveLength(2);
  });
});

it('a question that hangs is a failure of the server, also through an authorizer', async () => {
  server.always(hangBeforeHeaders());
  const authorizer = new Authorizer(optionsOf({ timeoutMs: 50, retry: { attempts: 1 } }));
  const requests = Array.from({ length: 12 }, (_, i) => authorizer.authorize(`Bearer token-${i}`));
  await Promise.allSettled(requests);
  expect(authorizer.stats()).toMatchObject({ requests: { unavailable: 12, aborted: 0 }, circuitBreaker: 'open' });
});

it('a discovery that hangs leaves time for another one', async () => {
  const issuer = 'https://as.example.com';
  const transport = vi.fn<Transport>(({ method }) => {
    if (transport.mock.calls.length === 1) return new Promise(() => {});
    const found = { issuer, introspection_endpoint: `${issuer}/introspect` };
    const body = JSON.stringify(method === 'GET' ? found : { active: true });
    return Promise.resolve({ status: 200, header: () => 'application/json', body });
  });
  const client = new IntrospectionClient({ issuer, clientId: 'c', clientSecret: 's', transport, timeoutMs: 400 });
  await expect(client.introspect('token')).resolves.toEqual({ active: true });
});

it('a few retries are a few within any ten seconds, also about the turn of a window', () => {
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
