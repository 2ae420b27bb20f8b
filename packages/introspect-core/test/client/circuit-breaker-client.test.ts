import {
  active,
  hangBeforeHeaders,
  inactive,
  json,
  redirect,
  reset,
  respond,
  type ScriptedResponse,
  type ScriptedServer,
  startScriptedServer,
  truncated,
  zitadelResponses,
} from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Authorizer, IntrospectionClient, type IntrospectionClientOptions } from '../../src/index.js';
import { errorOf } from '../support/authorizer.js';

let server: ScriptedServer;
let now = 0;
beforeEach(async () => {
  server = await startScriptedServer();
  now = 0;
  vi.spyOn(Math, 'random').mockReturnValue(0);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await server.close();
});

const clientOf = (options: Partial<IntrospectionClientOptions> = {}) =>
  new IntrospectionClient({
    introspectionEndpoint: server.introspectionEndpoint,
    clientId: 'api',
    clientSecret: 'secret',
    retry: { attempts: 1 },
    monotonicNow: () => now,
    ...options,
  });

/** Returns how calls end, one after the other: `active`, `inactive`, or the code of an error. */
async function introspect(client: IntrospectionClient, times: number): Promise<string[]> {
  const outcomes: string[] = [];
  for (let i = 0; i < times; i++) outcomes.push(await outcomeOf(client.introspect(`token-${i}`)));
  return outcomes;
}
const outcomeOf = (call: Promise<{ active: boolean }>) =>
  call.then(
    ({ active }) => (active ? 'active' : 'inactive'),
    (error: { code?: string }) => error.code ?? String(error),
  );
const concurrently = <Value>(times: number, run: () => Promise<Value>) => Array.from({ length: times }, run);

/** Returns a client whose breaker has just opened, after ten requests. */
async function opened(options: Partial<IntrospectionClientOptions> = {}) {
  const client = clientOf(options);
  server.always(respond({ status: 503 }));
  await introspect(client, 10);
  expect(client.stats().circuitBreaker).toBe('open');
  return client;
}

describe('an open breaker', () => {
  it('rejects immediately with 503 and Retry-After, and sends no request', async () => {
    const client = await opened({ circuitBreaker: { openMs: 1500 } });
    server.always(active());
    const errors = await Promise.all(concurrently(100, () => errorOf(client.introspect('token'))));
    for (const error of errors) expect(error).toMatchObject({ code: 'unavailable', status: 503, retryAfterSeconds: 2 });
    expect(errors[0]).toHaveProperty('headers', [
      ['Cache-Control', 'no-store'],
      ['Retry-After', '2'],
    ]);
    expect(server.introspections).toHaveLength(10);
  });

  it('is shared by two authorizers on one client, and rejects ready() too', async () => {
    const client = await opened();
    const [one, other] = [new Authorizer({ client }), new Authorizer({ client, realm: 'other' })];
    server.always(active());
    await expect(one.authorize('Bearer a')).rejects.toMatchObject({ code: 'unavailable', retryAfterSeconds: 1 });
    await expect(other.authorize('Bearer b')).rejects.toMatchObject({ code: 'unavailable', retryAfterSeconds: 1 });
    await expect(other.ready()).rejects.toMatchObject({ code: 'unavailable', retryAfterSeconds: 1 });
    expect(server.introspections).toHaveLength(10);
  });

  it('does not count rejected calls as requests', async () => {
    const client = await opened();
    await introspect(client, 5);
    expect(client.stats()).toMatchObject({ requests: { unavailable: 10 }, inFlight: 0, circuitBreaker: 'open' });
  });
});

describe('the probe', () => {
  /** Holds back the response to the probe, while 100 calls are made at the same time. */
  async function probed(options: Partial<IntrospectionClientOptions> = {}) {
    const client = await opened(options);
    now += 500;
    const { promise, resolve } = Promise.withResolvers<ScriptedResponse>();
    server.next((response, request) => void promise.then((reply) => reply(response, request)));
    const calls = concurrently(100, () => outcomeOf(client.introspect('token')));
    await server.introspection(11);
    const others = await Promise.all(calls.slice(1));
    expect(others).toEqual(Array(99).fill('unavailable'));
    expect(server.introspections).toHaveLength(11);
    return { client, reply: resolve, probe: calls[0] };
  }

  it('is one request of a hundred calls, and its response closes the breaker', async () => {
    const { client, reply, probe } = await probed();
    server.always(active());
    reply(inactive());
    expect(await probe).toBe('inactive');
    expect(await Promise.all(concurrently(100, () => outcomeOf(client.introspect('token'))))).toEqual(
      Array(100).fill('active'),
    );
    expect(server.introspections).toHaveLength(111);
  });

  it('that fails keeps the breaker open for another openMs', async () => {
    const { client, reply, probe } = await probed();
    server.always(active());
    reply(respond({ status: 500 }));
    expect(await probe).toBe('unavailable');
    now += 499;
    expect(await introspect(client, 1)).toEqual(['unavailable']);
    now += 1;
    expect(await introspect(client, 2)).toEqual(['active', 'active']);
    expect(server.introspections).toHaveLength(13);
  });

  it.each([
    ['garbage', respond({ body: '<html>' })],
    ['400', json({ error: 'invalid_request' }, { status: 400 })],
  ])('whose response is %s closes the breaker, because the server responded', async (_, garbage) => {
    const { client, reply, probe } = await probed();
    reply(garbage);
    expect(await probe).toBe('invalid_response');
    expect(client.stats().circuitBreaker).toBe('closed');
  });

  it('whose caller aborts is followed by the next probe', async () => {
    const client = await opened();
    now += 500;
    server.next(hangBeforeHeaders());
    const controller = new AbortController();
    const probe = client.introspect('token', { signal: controller.signal });
    await server.introspection(11);
    expect(await introspect(client, 1)).toEqual(['unavailable']);
    controller.abort('gone');
    await expect(probe).rejects.toBe('gone');
    server.always(active());
    expect(await introspect(client, 2)).toEqual(['active', 'active']);
  });

  it('that is never sent, because the secret cannot be fetched, is followed by the next probe', async () => {
    let fails = false;
    const clientSecret = () => (fails ? Promise.reject(new Error()) : 'secret');
    const client = await opened({ clientSecret });
    now += 500;
    fails = true;
    expect(await introspect(client, 3)).toEqual(['unavailable', 'unavailable', 'unavailable']);
    expect(server.introspections).toHaveLength(10);
    fails = false;
    server.always(active());
    expect(await introspect(client, 2)).toEqual(['active', 'active']);
  });
});

describe('the circuit breaker opens because of', () => {
  it.each([
    ['a reset', reset()],
    ['a response that breaks off', truncated('{"active":true}', 5)],
    ['no response in time', hangBeforeHeaders()],
    ['429', respond({ status: 429 })],
    ['500', respond({ status: 500 })],
    ['502', respond({ status: 502 })],
    ['503', respond({ status: 503 })],
    ['504', respond({ status: 504 })],
  ] satisfies [string, ScriptedResponse][])('%s', async (_, reply) => {
    const client = clientOf({ timeoutMs: 400, circuitBreaker: { minimumRequests: 3 } });
    server.always(reply);
    expect(await introspect(client, 2)).toEqual(['unavailable', 'unavailable']);
    expect(client.stats().circuitBreaker).toBe('closed');
    expect(await introspect(client, 3)).toEqual(['unavailable', 'unavailable', 'unavailable']);
    expect(server.introspections).toHaveLength(3);
  });

  it('metadata that cannot be fetched, and then fetches none', async () => {
    server.at('/.well-known/openid-configuration', respond({ status: 503 }));
    const client = new IntrospectionClient({
      issuer: server.origin,
      clientId: 'api',
      clientSecret: 'secret',
      monotonicNow: () => now,
    });
    await introspect(client, 30);
    const { length } = server.requests;
    await introspect(client, 30);
    expect(server.requests).toHaveLength(length);
    expect(client.stats().circuitBreaker).toBe('open');
  });

  it.each([
    ['401', zitadelResponses.invalidClient()],
    ['400 that says so', zitadelResponses.unauthorizedClient()],
  ])('rejected credentials of our own (%s), and then says so', async (_, reply) => {
    const client = clientOf();
    server.always(reply);
    await introspect(client, 10);
    const error = await errorOf(client.introspect('token'));
    expect(error).toMatchObject({ code: 'invalid_client', status: 503 });
    expect(error).toHaveProperty('headers', [
      ['Cache-Control', 'no-store'],
      ['Retry-After', '1'],
    ]);
    expect(server.introspections).toHaveLength(10);
  });

  it('a part of failures that reaches failureRate', async () => {
    const client = clientOf({ circuitBreaker: { failureRate: 0.1, minimumRequests: 10 } });
    server.next(...Array<ScriptedResponse>(9).fill(active()), respond({ status: 503 }));
    await introspect(client, 10);
    expect(client.stats().circuitBreaker).toBe('open');
  });
});

describe('the circuit breaker does not open because of', () => {
  it.each([
    ['an inactive token', inactive()],
    ['400', json({ error: 'invalid_request' }, { status: 400 })],
    ['404', respond({ status: 404 })],
    ['a redirect', redirect('https://elsewhere.example/')],
    ['garbage', respond({ body: '<html>' })],
    ['an invalid response', json({ active: 'true' })],
    ['403 without JSON: perhaps a filter disliked the token', respond({ status: 403, body: 'Forbidden' })],
  ])('%s', async (_, reply) => {
    server.always(reply);
    const client = clientOf();
    await introspect(client, 30);
    expect([server.introspections.length, client.stats().circuitBreaker]).toEqual([30, 'closed']);
  });

  it('a secret function that fails', async () => {
    let fails = true;
    const client = clientOf({ clientSecret: () => (fails ? Promise.reject(new Error()) : 'secret') });
    expect(await introspect(client, 30)).toEqual(Array(30).fill('unavailable'));
    fails = false;
    server.always(active());
    expect(await introspect(client, 1)).toEqual(['active']);
  });

  it('callers who abort', async () => {
    server.always(hangBeforeHeaders());
    const client = clientOf();
    for (let i = 1; i <= 30; i++) {
      const controller = new AbortController();
      const call = client.introspect('token', { signal: controller.signal });
      await server.introspection(i);
      controller.abort('gone');
      await expect(call).rejects.toBe('gone');
    }
    expect(client.stats().circuitBreaker).toBe('closed');
  });

  it('failures from more than 10 s ago', async () => {
    const client = clientOf();
    server.always(respond({ status: 503 }));
    await introspect(client, 9);
    now += 10_000;
    await introspect(client, 9);
    expect(server.introspections).toHaveLength(18);
    await introspect(client, 2);
    expect(server.introspections).toHaveLength(19);
  });

  it('any failure, if the option is false', async () => {
    const client = clientOf({ circuitBreaker: false });
    server.always(respond({ status: 503 }));
    await introspect(client, 30);
    expect([server.introspections.length, client.stats().circuitBreaker]).toEqual([30, 'off']);
  });
});
