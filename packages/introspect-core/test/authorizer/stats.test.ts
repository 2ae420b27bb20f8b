import {
  active,
  hangBeforeHeaders,
  respond,
  type ScriptedServer,
  startScriptedServer,
  zitadelResponses,
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
const settled = (request: Promise<unknown>) => request.catch(() => {});

it('the stats of a new client are all 0', () => {
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

it('the stats of a client count each attempt by its outcome', async () => {
  const client = clientOf({ circuitBreaker: false });
  server.next(respond({ status: 503 }), active(), active());
  server.next(respond({ status: 500 }), respond({ body: '<html>' }), zitadelResponses.invalidClient());
  for (let i = 0; i < 6; i++) await settled(client.introspect('token'));
  server.next(hangBeforeHeaders());
  const controller = new AbortController();
  const pending = settled(client.introspect('token', { signal: controller.signal }));
  await server.introspection(8);
  expect(client.stats()).toMatchObject({ inFlight: 1, queued: 0 });
  controller.abort();
  await pending;
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

it('the stats of a client count requests that run, wait and were rejected', async () => {
  const client = clientOf({ limits: { concurrent: 1, perSecond: 2 }, timeoutMs: 1000 });
  server.next(hangBeforeHeaders());
  const controller = new AbortController();
  const { signal } = controller;
  const pending = ['a', 'b'].map((token) => settled(client.introspect(token, { signal })));
  await server.introspection(1);
  expect(client.stats()).toMatchObject({ inFlight: 1, queued: 1 });
  controller.abort();
  await Promise.all(pending);
  await client.introspect('c');
  await settled(client.introspect('d'));
  expect(client.stats()).toMatchObject({ inFlight: 0, queued: 0, shed: { limits: 1, circuit_breaker: 0 } });
});

it('the stats of a client have the state of its circuit breaker', async () => {
  const client = clientOf({ circuitBreaker: { minimumRequests: 1, openMs: 1000 } });
  const state = () => client.stats().circuitBreaker;
  server.next(respond({ status: 500 }));
  await settled(client.introspect('token'));
  expect(state()).toBe('open');
  now += 1200;
  expect(state()).toBe('half_open');
  await client.introspect('token');
  expect(state()).toBe('closed');
});

it('the stats of an authorizer count its lookups, and include those of its client', async () => {
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
  const requests = {
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
      claims_rejected: 0,
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
    requests,
    shed: { limits: 0, circuit_breaker: 0 },
    inFlight: 0,
    queued: 0,
    circuitBreaker: 'closed',
  });
  expect(other.stats()).toMatchObject({
    lookups: { cache_hit: 0, cache_miss: 0 },
    entries: { active: 0, inactive: 0 },
    requests,
  });
});

it('the stats are a copy: neither a write to it nor a later request changes the other', async () => {
  const client = clientOf();
  const before = client.stats();
  await client.introspect('token');
  expect(before.requests.inactive).toBe(0);
  Object.assign(before.requests, { inactive: 100 });
  expect(client.stats().requests.inactive).toBe(1);
  expect(JSON.parse(JSON.stringify(client.stats()))).toEqual(client.stats());
});
