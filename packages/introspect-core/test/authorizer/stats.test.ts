import {
  active,
  hangBeforeHeaders,
  respond,
  type ScriptedServer,
  startScriptedServer,
  zitadelAnswers,
} from '@acme/introspect-testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Authorizer, IntrospectionClient, type IntrospectionClientOptions } from '../../src/index.js';

let server: ScriptedServer;
let now = 0;
beforeEach(async () => {
  server = await startScriptedServer();
  now = 1_800_000_000_000;
});
afterEach(() => server.close());

const clientOf = (options: Partial<IntrospectionClientOptions> = {}) =>
  new IntrospectionClient({
    introspectionEndpoint: server.introspectionEndpoint,
    clientId: 'api',
    clientSecret: 'secret',
    now: () => now,
    monotonicNow: () => now,
    ...options,
  });
const settled = (question: Promise<unknown>) => question.catch(() => {});

it('a client that has done nothing says so', () => {
  expect(clientOf().stats()).toEqual({
    requests: {
      active: 0,
      inactive: 0,
      unsupported_token_type: 0,
      unavailable: 0,
      invalid_response: 0,
      invalid_client: 0,
      aborted: 0,
    },
    shed: { limits: 0, circuit_breaker: 0 },
    inFlight: 0,
    queued: 0,
    circuitBreaker: 'closed',
  });
  expect(clientOf({ circuitBreaker: false }).stats().circuitBreaker).toBe('off');
});

it('a client counts each attempt by how it ended', async () => {
  const client = clientOf({ circuitBreaker: false });
  server.next(respond({ status: 503 }), active(), active());
  server.next(respond({ status: 500 }), respond({ body: '<html>' }), zitadelAnswers.invalidClient());
  for (let i = 0; i < 6; i++) await settled(client.introspect('token'));
  server.next(hangBeforeHeaders());
  const controller = new AbortController();
  const asked = settled(client.introspect('token', { signal: controller.signal }));
  await server.introspection(8);
  expect(client.stats()).toMatchObject({ inFlight: 1, queued: 0 });
  controller.abort();
  await asked;
  expect(client.stats()).toEqual({
    requests: {
      active: 2,
      inactive: 1,
      unsupported_token_type: 0,
      unavailable: 2,
      invalid_response: 1,
      invalid_client: 1,
      aborted: 1,
    },
    shed: { limits: 0, circuit_breaker: 0 },
    inFlight: 0,
    queued: 0,
    circuitBreaker: 'off',
  });
});

it('a client tells who runs, waits and was turned away', async () => {
  const client = clientOf({ limits: { concurrent: 1, perSecond: 2 }, timeoutMs: 1000 });
  server.next(hangBeforeHeaders());
  const controller = new AbortController();
  const { signal } = controller;
  const asked = ['a', 'b'].map((token) => settled(client.introspect(token, { signal })));
  await server.introspection(1);
  expect(client.stats()).toMatchObject({ inFlight: 1, queued: 1 });
  controller.abort();
  await Promise.all(asked);
  await client.introspect('c');
  await settled(client.introspect('d'));
  expect(client.stats()).toMatchObject({ inFlight: 0, queued: 0, shed: { limits: 1, circuit_breaker: 0 } });
});

it('a client tells how its breaker stands', async () => {
  const client = clientOf({ circuitBreaker: { minimumRequests: 1, openMs: 1000 } });
  const seen = () => client.stats().circuitBreaker;
  server.next(respond({ status: 500 }));
  await settled(client.introspect('token'));
  expect(seen()).toBe('open');
  now += 1200;
  expect(seen()).toBe('half_open');
  await client.introspect('token');
  expect(seen()).toBe('closed');
});

it('an authorizer tells how its answers were had, beside what its client tells', async () => {
  const client = clientOf({ retry: { attempts: 1 } });
  const authorizer = new Authorizer({ client, cache: { maxAgeSeconds: 60, maxAgeIfErrorSeconds: 600 } });
  const other = new Authorizer({ client });
  server.tokens.set('good', {}).set('better', {});
  await Promise.all([1, 2, 3].map(() => authorizer.authorize('Bearer good')));
  await authorizer.authorize('Bearer good');
  await authorizer.authorize('Bearer better');
  await settled(authorizer.authorize('Bearer bad'));
  await settled(authorizer.authorize('Bearer bad'));
  now += 61_000;
  server.next(respond({ status: 500 }));
  await authorizer.authorize('Bearer good');
  await authorizer.invalidate({ token: 'better' });
  await other.authorize('Bearer good');
  const asked = {
    active: 3,
    inactive: 1,
    unsupported_token_type: 0,
    unavailable: 1,
    invalid_response: 0,
    invalid_client: 0,
    aborted: 0,
  };
  expect(authorizer.stats()).toEqual({
    lookups: {
      cache_hit: 2,
      cache_miss: 4,
      coalesced: 2,
      stale_served: 1,
      refreshed: 0,
      rechecked: 0,
      invalidated: 1,
      store_failed: 0,
      prefilter_rejected: 0,
      jwks_failed: 0,
      inactive_explained: 0,
      too_large_to_cache: 0,
    },
    entries: { active: 1, inactive: 1 },
    requests: asked,
    shed: { limits: 0, circuit_breaker: 0 },
    inFlight: 0,
    queued: 0,
    circuitBreaker: 'closed',
  });
  expect(other.stats()).toMatchObject({
    lookups: { cache_hit: 0, cache_miss: 0 },
    entries: { active: 0, inactive: 0 },
    requests: asked,
  });
});

it('what was told is a copy: neither writing to it nor time changes the other', async () => {
  const client = clientOf();
  const before = client.stats();
  await client.introspect('token');
  expect(before.requests.inactive).toBe(0);
  Object.assign(before.requests, { inactive: 100 });
  expect(client.stats().requests.inactive).toBe(1);
  expect(JSON.parse(JSON.stringify(client.stats()))).toEqual(client.stats());
});
