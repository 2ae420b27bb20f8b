import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import {
  active,
  hangBeforeHeaders,
  json,
  respond,
  type ScriptedServer,
  startScriptedServer,
  zitadelResponses,
} from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventEmitter } from '../../src/events/event-emitter.js';
import { Authorizer, type AuthorizerOptions, type IntrospectEvent, IntrospectionClient } from '../../src/index.js';

let server: ScriptedServer;
let events: IntrospectEvent[];
let now = 0;
beforeEach(async () => {
  server = await startScriptedServer();
  events = [];
  now = 1_800_000_000_000;
});
afterEach(() => server.close());

const onEvent = (event: IntrospectEvent) => void events.push(event);
const authorizerOf = (options: Partial<AuthorizerOptions> = {}) =>
  new Authorizer({
    introspectionEndpoint: server.introspectionEndpoint,
    clientId: 'api',
    clientSecret: 'secret',
    retry: { attempts: 1 },
    now: () => now,
    monotonicNow: () => now,
    onEvent,
    ...options,
  });
const settled = (call: Promise<unknown>) => call.catch(() => {});
const introspected = (outcome: string, more: object = {}) => ({
  type: 'introspected',
  origin: server.origin,
  attempt: 1,
  outcome,
  durationMs: 0,
  ...more,
});

describe('each attempt emits "introspected"', () => {
  it.each([
    ['active', active()],
    ['inactive', json({ active: false })],
    ['unavailable', respond({ status: 500 })],
    ['invalid_response', respond({ body: '<html>' })],
    ['invalid_client', zitadelResponses.invalidClient()],
    ['unsupported_token_type', json({ error: 'unsupported_token_type' }, { status: 400 })],
  ])('with the outcome %s', async (outcome, reply) => {
    server.next(reply);
    await settled(authorizerOf().authorize('Bearer token'));
    expect(events[0]).toEqual(introspected(outcome));
    expect(events.filter(({ type }) => type === 'introspected')).toHaveLength(1);
  });

  it('with the outcome aborted, when the caller has aborted', async () => {
    server.next(hangBeforeHeaders());
    const controller = new AbortController();
    const call = authorizerOf().authorize({ authorization: 'Bearer token', signal: controller.signal });
    await server.introspection(1);
    controller.abort('gone');
    await settled(call);
    expect(events).toEqual([introspected('aborted')]);
  });

  it('with its number and its duration', async () => {
    server.next((response, request) => {
      now += 30;
      respond({ status: 503 })(response, request);
    });
    server.always((response, request) => {
      now += 70;
      active()(response, request);
    });
    await authorizerOf({ retry: { attempts: 2 } }).authorize('Bearer token');
    expect(events).toEqual([
      introspected('unavailable', { durationMs: 30 }),
      introspected('active', { attempt: 2, durationMs: 70 }),
    ]);
  });
});

describe('the client emits', () => {
  it('"credentials_refused" when the server rejects our own credentials', async () => {
    await settled(authorizerOf({ clientSecret: 'wrong' }).authorize('Bearer token'));
    expect(events).toEqual([introspected('invalid_client'), { type: 'credentials_refused', origin: server.origin }]);
  });

  it.each(['high', 'normal', 'low'] as const)(
    '"shed" when the limits reject a call of priority %s',
    async (priority) => {
      const limits = { perSecond: 1 };
      const client = new IntrospectionClient({
        introspectionEndpoint: server.introspectionEndpoint,
        clientId: 'api',
        clientSecret: 'secret',
        timeoutMs: 1000,
        monotonicNow: () => now,
        limits,
        onEvent,
      });
      await client.introspect('a');
      await settled(client.introspect('b', { priority }));
      expect(events.slice(1)).toEqual([{ type: 'shed', origin: server.origin, by: 'limits', priority }]);
    },
  );

  it('nothing for a call that is aborted while it waits for a slot', async () => {
    const authorizer = authorizerOf({ limits: { concurrent: 1 } });
    server.next(hangBeforeHeaders());
    const controller = new AbortController();
    const { signal } = controller;
    const calls = ['Bearer a', 'Bearer b'].map((authorization) =>
      settled(authorizer.authorize({ authorization, signal })),
    );
    await server.introspection(1);
    controller.abort();
    await Promise.all(calls);
    expect(events.map(({ type }) => type)).toEqual(['introspected']);
  });

  it('"breaker_opened" and "breaker_closed"', async () => {
    const authorizer = authorizerOf({ circuitBreaker: { minimumRequests: 2, openMs: 100 } });
    server.next(respond({ status: 500 }), respond({ status: 500 }), respond({ status: 500 }), active());
    for (let i = 0; i < 4; i++) {
      await settled(authorizer.authorize('Bearer token'));
      if (i > 0) now += 200;
    }
    expect(events.map((event) => (event.type === 'introspected' ? event.outcome : event.type))).toEqual([
      'unavailable',
      'unavailable',
      'breaker_opened',
      'unavailable',
      'active',
      'breaker_closed',
    ]);
    expect(events.filter(({ type }) => type.startsWith('breaker'))).toEqual([
      { type: 'breaker_opened', origin: server.origin },
      { type: 'breaker_closed', origin: server.origin },
    ]);
  });

  it('"shed" when the circuit breaker rejects a call', async () => {
    const authorizer = authorizerOf({ circuitBreaker: { minimumRequests: 1 } });
    server.next(respond({ status: 500 }));
    for (let i = 0; i < 3; i++) await settled(authorizer.authorize('Bearer token'));
    const shed = { type: 'shed', origin: server.origin, by: 'circuit_breaker', priority: 'normal' };
    expect(events.slice(2)).toEqual([shed, shed]);
    expect(authorizer.stats().shed).toEqual({ limits: 0, circuit_breaker: 2 });
  });

  it('each way in which a response was found: introspected, shared, cached, refreshed, stale, and invalidated', async () => {
    const authorizer = authorizerOf({
      cache: { maxAgeSeconds: 60, refreshAfterSeconds: 30, maxAgeIfErrorSeconds: 600 },
    });
    server.tokens.set('good', {});
    const authorize = () => authorizer.authorize('Bearer good');
    await Promise.all([authorize(), authorize()]);
    await authorize();
    now += 31_000;
    await authorize();
    await vi.waitFor(() => expect(events.at(-1)).toHaveProperty('type', 'refreshed'), 60_000);
    now += 61_000;
    server.next(respond({ status: 500 }));
    await authorize();
    await authorizer.invalidate({ token: 'good' });
    expect(events).toEqual([
      { type: 'cache_miss' },
      { type: 'coalesced' },
      introspected('active'),
      { type: 'cache_hit', active: true },
      { type: 'cache_hit', active: true },
      introspected('active'),
      { type: 'refreshed', active: true },
      { type: 'cache_miss' },
      introspected('unavailable'),
      { type: 'stale_served', ageSeconds: 61 },
      { type: 'invalidated', by: 'token' },
    ]);
  });
});

describe('an event', () => {
  const name = '@acme/introspect-core';

  it('is published on the channel too', async () => {
    const received: unknown[] = [];
    const listener = (event: unknown) => received.push(event);
    subscribe(name, listener);
    const silent = authorizerOf();
    try {
      await settled(silent.authorize('Bearer token'));
    } finally {
      unsubscribe(name, listener);
    }
    expect(received).toEqual([introspected('inactive')]);
    expect(received).toEqual(events);
    await settled(silent.authorize('Bearer token'));
    expect(received).toHaveLength(1);
  });

  it('is not created when nobody listens', () => {
    expect(new EventEmitter(undefined).hasListeners).toBe(false);
    expect(new EventEmitter(() => {}).hasListeners).toBe(true);
    const listener = () => {};
    channel(name).subscribe(listener);
    expect(new EventEmitter(undefined).hasListeners).toBe(true);
    channel(name).unsubscribe(listener);
    expect(new EventEmitter(undefined).hasListeners).toBe(false);
  });

  it('is sent to the listener on a runtime without channels', () => {
    vi.stubGlobal('process', undefined);
    const received: unknown[] = [];
    new EventEmitter((event) => received.push(event)).emit({ type: 'cache_miss' });
    vi.unstubAllGlobals();
    expect(received).toEqual([{ type: 'cache_miss' }]);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('log full');
      },
    ],
    ['rejects', () => Promise.reject(new Error('log full'))],
  ])('does not fail the call when the listener %s', async (_, listener) => {
    const authorizer = authorizerOf({ onEvent: listener, cache: { maxAgeSeconds: 60 } });
    server.tokens.set('good', { sub: 'mickey' });
    await expect(authorizer.authorize('Bearer good')).resolves.toHaveProperty('sub', 'mickey');
    await expect(authorizer.authorize('Bearer good')).resolves.toHaveProperty('sub', 'mickey');
  });
});

it('no event holds the token, the secret or text from the server', async () => {
  server.tokens.set('canary-token', { sub: 'canary-claim', exp: now / 1000 + 600 });
  const received: unknown[] = [];
  const listener = (event: unknown) => received.push(event);
  subscribe('@acme/introspect-core', listener);
  const cache = { maxAgeSeconds: 1, maxAgeIfErrorSeconds: 60 };
  const authorizer = authorizerOf({ clientSecret: 'canary-secret', cache, circuitBreaker: { minimumRequests: 3 } });
  const responses = [active({ sub: 'canary-claim' }), zitadelResponses.invalidClient()];
  const faults = [json({ error: 'canary-claim' }, { status: 400 }), respond({ status: 500, body: 'canary-claim' })];
  for (const reply of [...responses, ...faults, respond({ status: 503 })]) {
    server.next(reply);
    now += 1100;
    await settled(authorizer.authorize('Bearer canary-token'));
  }
  for (const target of [{ token: 'canary-token' }, { sub: 'canary-claim' }]) await authorizer.invalidate(target);
  unsubscribe('@acme/introspect-core', listener);
  expect(events.length).toBeGreaterThan(10);
  expect(inspect([events, received], { depth: null })).not.toContain('canary');
});
