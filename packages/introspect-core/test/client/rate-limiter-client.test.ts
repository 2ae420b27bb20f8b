import {
  active,
  hangBeforeHeaders,
  inactive,
  reset,
  respond,
  type ScriptedResponse,
  type ScriptedServer,
  startScriptedServer,
} from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Authorizer, IntrospectionClient, type IntrospectionClientOptions } from '../../src/index.js';
import { errorOf } from '../support/authorizer.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
});
afterEach(() => server.close());

const clientOf = (options: Partial<IntrospectionClientOptions> = {}) =>
  new IntrospectionClient({
    introspectionEndpoint: server.introspectionEndpoint,
    clientId: 'api',
    clientSecret: 'secret',
    retry: { attempts: 1 },
    ...options,
  });
const tokensAsked = () => server.introspections.map(({ form }) => form.get('token'));

/** Makes a call that holds the only slot until its response is released. */
async function busy(client: IntrospectionClient) {
  const { promise, resolve: release } = Promise.withResolvers<void>();
  server.next((response, request) => void promise.then(() => active()(response, request)));
  const call = client.introspect('running');
  await server.introspection(1);
  return { call, release };
}

it.each([1, 5])('a hundred concurrent calls send %d requests at a time, and all get their responses', async (most) => {
  const held: (() => void)[] = [];
  let mostAtATime = 0;
  server.always((response, request) => {
    held.push(() => active({ sub: request.form.get('token') })(response, request));
    mostAtATime = Math.max(mostAtATime, held.length);
    if (held.length === most) setTimeout(() => held.splice(0).forEach((respond) => void respond()), 5);
  });
  const client = clientOf({ limits: { concurrent: most }, timeoutMs: 60_000 });
  const responses = await Promise.all(Array.from({ length: 100 }, (_, i) => client.introspect(`token-${i}`)));
  expect(responses).toEqual(Array.from({ length: 100 }, (_, i) => ({ active: true, sub: `token-${i}` })));
  expect(mostAtATime).toBe(most);
  expect(client.stats()).toMatchObject({ inFlight: 0, queued: 0, shed: { limits: 0, circuit_breaker: 0 } });
});

it('a hundred concurrent calls send a hundred requests at a time without limits', async () => {
  const { promise, resolve: release } = Promise.withResolvers<void>();
  server.always((response, request) => void promise.then(() => active()(response, request)));
  const client = clientOf();
  const calls = Array.from({ length: 100 }, () => client.introspect('token'));
  await server.introspection(100);
  release();
  await Promise.all(calls);
});

it('two authorizers on one client share its limits', async () => {
  const client = clientOf({ limits: { perSecond: 2 }, timeoutMs: 1000, monotonicNow: () => 0 });
  server.always(active());
  const authorizers = [new Authorizer({ client }), new Authorizer({ client })];
  await Promise.all(authorizers.map((authorizer, i) => authorizer.authorize(`Bearer ${i}`)));
  for (const authorizer of authorizers) {
    await expect(authorizer.authorize('Bearer more')).rejects.toMatchObject({ status: 503, retryAfterSeconds: 2 });
  }
  expect(server.introspections).toHaveLength(2);
});

it('a rejected call gets Retry-After in the response to its request', async () => {
  const client = clientOf({ limits: { perSecond: 1 }, timeoutMs: 1000, monotonicNow: () => 0 });
  await client.introspect('a');
  const error = await errorOf(client.introspect('b'));
  expect(error).toMatchObject({ code: 'unavailable', status: 503 });
  expect(error).toHaveProperty('headers', [
    ['Cache-Control', 'no-store'],
    ['Retry-After', '2'],
  ]);
});

describe('a slot is freed', () => {
  it.each([
    ['a response', inactive(), {}],
    ['a reset', reset(), {}],
    ['a status', respond({ status: 500 }), {}],
    ['garbage', respond({ body: '<html>' }), {}],
    ['no response in time', hangBeforeHeaders(), { timeoutMs: 40 }],
  ] satisfies [string, ScriptedResponse, object][])('by %s', async (_, reply, options) => {
    server.always(reply);
    const client = clientOf({ limits: { concurrent: 1 }, circuitBreaker: false, ...options });
    for (let i = 0; i < 3; i++) await errorOf(client.introspect('token'));
    expect(server.introspections).toHaveLength(3);
    expect(client.stats()).toMatchObject({ inFlight: 0, shed: { limits: 0, circuit_breaker: 0 } });
  });

  it('by a caller who aborts during the request, or before it', async () => {
    const client = clientOf({ limits: { concurrent: 1 } });
    server.next(hangBeforeHeaders());
    const [first, second] = [new AbortController(), new AbortController()];
    const running = errorOf(client.introspect('running', { signal: first.signal }));
    await server.introspection(1);
    const waiting = errorOf(client.introspect('waiting', { signal: second.signal }));
    expect(client.stats()).toMatchObject({ inFlight: 1, queued: 1 });
    second.abort('gone, too');
    expect(await waiting).toBe('gone, too');
    first.abort('gone');
    expect(await running).toBe('gone');
    await client.introspect('next');
    expect(tokensAsked()).toEqual(['running', 'next']);
    expect(client.stats()).toMatchObject({ inFlight: 0, queued: 0, shed: { limits: 0, circuit_breaker: 0 } });
  });

  it('by a secret that cannot be fetched', async () => {
    const client = clientOf({ limits: { concurrent: 1 }, clientSecret: () => Promise.reject(new Error()) });
    for (let i = 0; i < 3; i++) await errorOf(client.introspect('token'));
    expect(client.stats()).toMatchObject({ inFlight: 0, shed: { limits: 0, circuit_breaker: 0 } });
  });
});

describe('the slot goes first to', () => {
  it('a call of high priority', async () => {
    const client = clientOf({ limits: { concurrent: 1 } });
    const { call, release } = await busy(client);
    const waiting = (['low', 'normal', 'high'] as const).map((priority) => client.introspect(priority, { priority }));
    release();
    await Promise.all([call, ...waiting]);
    expect(tokensAsked()).toEqual(['running', 'high', 'normal', 'low']);
  });

  it('ready(), and its request counts for the limits', async () => {
    const client = clientOf({ limits: { concurrent: 1 } });
    const { call, release } = await busy(client);
    const waiting = [client.introspect('a'), client.introspect('b')];
    const ready = new Authorizer({ client }).ready();
    expect(client.stats()).toMatchObject({ inFlight: 1, queued: 3 });
    release();
    await Promise.all([call, ...waiting, ready]);
    expect(tokensAsked().filter((_, i) => i !== 1)).toEqual(['running', 'a', 'b']);
  });

  it.each([
    ['the renewal of a token that is known', 31_000],
    ['a token that was known a while ago', 61_000],
  ])('%s, before requests with unknown tokens', async (_, passed) => {
    let clock = Date.now();
    const now = () => clock;
    const client = clientOf({ limits: { concurrent: 1 }, now, monotonicNow: now });
    server.tokens.set('known', {});
    const authorizer = new Authorizer({ client, cache: { maxAgeSeconds: 60, refreshAfterSeconds: 30 } });
    const { call, release } = await busy(client);
    release();
    await call;
    await authorizer.authorize('Bearer known');
    clock += passed;

    const { promise, resolve: releaseAgain } = Promise.withResolvers<void>();
    server.next((response, request) => void promise.then(() => active()(response, request)));
    const running = client.introspect('running');
    await server.introspection(3);
    const unknown = ['x', 'y'].map((token) => errorOf(authorizer.authorize(`Bearer ${token}`)));
    await vi.waitFor(() => expect(client.stats().queued).toBe(2), 60_000);
    const known = authorizer.authorize('Bearer known');
    releaseAgain();
    await Promise.all([running, known, ...unknown]);
    expect(tokensAsked().slice(3)).toEqual(['known', 'x', 'y']);
  });
});
