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
const errorOf = (question: Promise<unknown>) => question.catch((error: unknown) => error);
const tokensAsked = () => server.introspections.map(({ form }) => form.get('token'));

/** The first question of one that runs at a time: it is answered when it is released. */
async function busy(client: IntrospectionClient) {
  const { promise, resolve: release } = Promise.withResolvers<void>();
  server.next((response, request) => void promise.then(() => active()(response, request)));
  const question = client.introspect('running');
  await server.introspection(1);
  return { question, release };
}

it.each([1, 5])('a hundred questions at once are %d at a time for the server, and all are answered', async (most) => {
  const held: (() => void)[] = [];
  let mostAtATime = 0;
  server.always((response, request) => {
    held.push(() => active({ sub: request.form.get('token') })(response, request));
    mostAtATime = Math.max(mostAtATime, held.length);
    if (held.length === most) setTimeout(() => held.splice(0).forEach((answer) => void answer()), 5);
  });
  const client = clientOf({ limits: { concurrent: most }, timeoutMs: 60_000 });
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => client.introspect(`token-${i}`)));
  expect(answers).toEqual(Array.from({ length: 100 }, (_, i) => ({ active: true, sub: `token-${i}` })));
  expect(mostAtATime).toBe(most);
  expect(client.stats()).toMatchObject({ inFlight: 0, queued: 0, shed: { limits: 0, circuit_breaker: 0 } });
});

it('without limits a hundred questions at once are just that', async () => {
  const { promise, resolve: release } = Promise.withResolvers<void>();
  server.always((response, request) => void promise.then(() => active()(response, request)));
  const client = clientOf();
  const questions = Array.from({ length: 100 }, () => client.introspect('token'));
  await server.introspection(100);
  release();
  await Promise.all(questions);
});

it('those who ask by two authorizers on one client share its limits', async () => {
  const client = clientOf({ limits: { perSecond: 2 }, timeoutMs: 1000, monotonicNow: () => 0 });
  server.always(active());
  const authorizers = [new Authorizer({ client }), new Authorizer({ client })];
  await Promise.all(authorizers.map((authorizer, i) => authorizer.authorize(`Bearer ${i}`)));
  for (const authorizer of authorizers) {
    await expect(authorizer.authorize('Bearer more')).rejects.toMatchObject({ status: 503, retryAfterSeconds: 2 });
  }
  expect(server.introspections).toHaveLength(2);
});

it('whoever is turned away hears how long to wait, in the answer to the request', async () => {
  const client = clientOf({ limits: { perSecond: 1 }, timeoutMs: 1000, monotonicNow: () => 0 });
  await client.introspect('a');
  const error = await errorOf(client.introspect('b'));
  expect(error).toMatchObject({ code: 'unavailable', status: 503 });
  expect(error).toHaveProperty('headers', [
    ['Cache-Control', 'no-store'],
    ['Retry-After', '2'],
  ]);
});

describe('a turn is freed', () => {
  it.each([
    ['an answer', inactive(), {}],
    ['a reset', reset(), {}],
    ['a status', respond({ status: 500 }), {}],
    ['garbage', respond({ body: '<html>' }), {}],
    ['no answer in time', hangBeforeHeaders(), { timeoutMs: 40 }],
  ] satisfies [string, ScriptedResponse, object][])('by %s', async (_, answer, options) => {
    server.always(answer);
    const client = clientOf({ limits: { concurrent: 1 }, circuitBreaker: false, ...options });
    for (let i = 0; i < 3; i++) await errorOf(client.introspect('token'));
    expect(server.introspections).toHaveLength(3);
    expect(client.stats()).toMatchObject({ inFlight: 0, shed: { limits: 0, circuit_breaker: 0 } });
  });

  it('by a caller who goes in the middle of the question, or before it', async () => {
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

  it('by a secret that cannot be had', async () => {
    const client = clientOf({ limits: { concurrent: 1 }, clientSecret: () => Promise.reject(new Error()) });
    for (let i = 0; i < 3; i++) await errorOf(client.introspect('token'));
    expect(client.stats()).toMatchObject({ inFlight: 0, shed: { limits: 0, circuit_breaker: 0 } });
  });
});

describe('who goes first', () => {
  it('is who says so', async () => {
    const client = clientOf({ limits: { concurrent: 1 } });
    const { question, release } = await busy(client);
    const waiting = (['low', 'normal', 'high'] as const).map((priority) => client.introspect(priority, { priority }));
    release();
    await Promise.all([question, ...waiting]);
    expect(tokensAsked()).toEqual(['running', 'high', 'normal', 'low']);
  });

  it('is ready(), and it counts', async () => {
    const client = clientOf({ limits: { concurrent: 1 } });
    const { question, release } = await busy(client);
    const waiting = [client.introspect('a'), client.introspect('b')];
    const ready = new Authorizer({ client }).ready();
    expect(client.stats()).toMatchObject({ inFlight: 1, queued: 3 });
    release();
    await Promise.all([question, ...waiting, ready]);
    expect(tokensAsked().filter((_, i) => i !== 1)).toEqual(['running', 'a', 'b']);
  });

  it.each([
    ['the renewal of a token that is known', 31_000],
    ['a token that was known a while ago', 61_000],
  ])('is %s, before those that nobody knows', async (_, passed) => {
    let clock = Date.now();
    const now = () => clock;
    const client = clientOf({ limits: { concurrent: 1 }, now, monotonicNow: now });
    server.tokens.set('known', {});
    const authorizer = new Authorizer({ client, cache: { maxAgeSeconds: 60, refreshAfterSeconds: 30 } });
    const { question, release } = await busy(client);
    release();
    await question;
    await authorizer.authorize('Bearer known');
    clock += passed;

    const { promise, resolve: releaseAgain } = Promise.withResolvers<void>();
    server.next((response, request) => void promise.then(() => active()(response, request)));
    const running = client.introspect('running');
    await server.introspection(3);
    const unknown = ['x', 'y'].map((token) => errorOf(authorizer.authorize(`Bearer ${token}`)));
    await vi.waitFor(() => expect(client.stats().queued).toBe(2));
    const known = authorizer.authorize('Bearer known');
    releaseAgain();
    await Promise.all([running, known, ...unknown]);
    expect(tokensAsked().slice(3)).toEqual(['known', 'x', 'y']);
  });
});
