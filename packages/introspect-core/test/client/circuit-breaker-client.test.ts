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
  zitadelAnswers,
} from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Authorizer, IntrospectionClient, type IntrospectionClientOptions } from '../../src/index.js';

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

/** How questions end, asked one after the other: `active`, `inactive`, or the code of an error. */
async function ask(client: IntrospectionClient, times: number): Promise<string[]> {
  const outcomes: string[] = [];
  for (let i = 0; i < times; i++) outcomes.push(await outcomeOf(client.introspect(`token-${i}`)));
  return outcomes;
}
const outcomeOf = (question: Promise<{ active: boolean }>) =>
  question.then(
    ({ active }) => (active ? 'active' : 'inactive'),
    (error: { code?: string }) => error.code ?? String(error),
  );
const errorOf = (question: Promise<unknown>) => question.catch((error: unknown) => error);
const atOnce = <Value>(times: number, ask: () => Promise<Value>) => Array.from({ length: times }, ask);

/** A client whose breaker has just opened, after ten questions. */
async function opened(options: Partial<IntrospectionClientOptions> = {}) {
  const client = clientOf(options);
  server.always(respond({ status: 503 }));
  await ask(client, 10);
  expect(client.stats().circuitBreaker).toBe('open');
  return client;
}

describe('an open breaker', () => {
  it('answers 503 at once with Retry-After, and the server sees nothing of it', async () => {
    const client = await opened({ circuitBreaker: { openMs: 1500 } });
    server.always(active());
    const errors = await Promise.all(atOnce(100, () => errorOf(client.introspect('token'))));
    for (const error of errors) expect(error).toMatchObject({ code: 'unavailable', status: 503, retryAfterSeconds: 2 });
    expect(errors[0]).toHaveProperty('headers', [
      ['Cache-Control', 'no-store'],
      ['Retry-After', '2'],
    ]);
    expect(server.introspections).toHaveLength(10);
  });

  it('is shared by two authorizers on one client, and answers ready() too', async () => {
    const client = await opened();
    const [one, other] = [new Authorizer({ client }), new Authorizer({ client, realm: 'other' })];
    server.always(active());
    await expect(one.authorize('Bearer a')).rejects.toMatchObject({ code: 'unavailable', retryAfterSeconds: 1 });
    await expect(other.authorize('Bearer b')).rejects.toMatchObject({ code: 'unavailable', retryAfterSeconds: 1 });
    await expect(other.ready()).rejects.toMatchObject({ code: 'unavailable', retryAfterSeconds: 1 });
    expect(server.introspections).toHaveLength(10);
  });

  it('does not count what it turned away as questions', async () => {
    const client = await opened();
    await ask(client, 5);
    expect(client.stats()).toMatchObject({ requests: { unavailable: 10 }, inFlight: 0, circuitBreaker: 'open' });
  });
});

describe('the probe', () => {
  /** Its answer, held back, and the 100 questions that came with it. */
  async function probed(options: Partial<IntrospectionClientOptions> = {}) {
    const client = await opened(options);
    now += 500;
    const { promise, resolve } = Promise.withResolvers<ScriptedResponse>();
    server.next((response, request) => void promise.then((answer) => answer(response, request)));
    const questions = atOnce(100, () => outcomeOf(client.introspect('token')));
    await server.introspection(11);
    const others = await Promise.all(questions.slice(1));
    expect(others).toEqual(Array(99).fill('unavailable'));
    expect(server.introspections).toHaveLength(11);
    return { client, answer: resolve, probe: questions[0] };
  }

  it('is one question of a hundred, and answered it closes the breaker', async () => {
    const { client, answer, probe } = await probed();
    server.always(active());
    answer(inactive());
    expect(await probe).toBe('inactive');
    expect(await Promise.all(atOnce(100, () => outcomeOf(client.introspect('token'))))).toEqual(
      Array(100).fill('active'),
    );
    expect(server.introspections).toHaveLength(111);
  });

  it('that fails keeps it open, for as long again', async () => {
    const { client, answer, probe } = await probed();
    server.always(active());
    answer(respond({ status: 500 }));
    expect(await probe).toBe('unavailable');
    now += 499;
    expect(await ask(client, 1)).toEqual(['unavailable']);
    now += 1;
    expect(await ask(client, 2)).toEqual(['active', 'active']);
    expect(server.introspections).toHaveLength(13);
  });

  it.each([
    ['garbage', respond({ body: '<html>' })],
    ['400', json({ error: 'invalid_request' }, { status: 400 })],
  ])('answered with %s closes it: the server is there', async (_, garbage) => {
    const { client, answer, probe } = await probed();
    answer(garbage);
    expect(await probe).toBe('invalid_response');
    expect(client.stats().circuitBreaker).toBe('closed');
  });

  it('whose caller has gone makes room for the next one', async () => {
    const client = await opened();
    now += 500;
    server.next(hangBeforeHeaders());
    const controller = new AbortController();
    const probe = client.introspect('token', { signal: controller.signal });
    await server.introspection(11);
    expect(await ask(client, 1)).toEqual(['unavailable']);
    controller.abort('gone');
    await expect(probe).rejects.toBe('gone');
    server.always(active());
    expect(await ask(client, 2)).toEqual(['active', 'active']);
  });

  it('that never was sent, since the secret could not be had, makes room for the next one', async () => {
    let fails = false;
    const clientSecret = () => (fails ? Promise.reject(new Error()) : 'secret');
    const client = await opened({ clientSecret });
    now += 500;
    fails = true;
    expect(await ask(client, 3)).toEqual(['unavailable', 'unavailable', 'unavailable']);
    expect(server.introspections).toHaveLength(10);
    fails = false;
    server.always(active());
    expect(await ask(client, 2)).toEqual(['active', 'active']);
  });
});

describe('what opens it', () => {
  it.each([
    ['a reset', reset()],
    ['an answer that breaks off', truncated('{"active":true}', 5)],
    ['no answer in time', hangBeforeHeaders()],
    ['429', respond({ status: 429 })],
    ['500', respond({ status: 500 })],
    ['502', respond({ status: 502 })],
    ['503', respond({ status: 503 })],
    ['504', respond({ status: 504 })],
  ] satisfies [string, ScriptedResponse][])('%s', async (_, answer) => {
    const client = clientOf({ timeoutMs: 400, circuitBreaker: { minimumRequests: 3 } });
    server.always(answer);
    expect(await ask(client, 2)).toEqual(['unavailable', 'unavailable']);
    expect(client.stats().circuitBreaker).toBe('closed');
    expect(await ask(client, 3)).toEqual(['unavailable', 'unavailable', 'unavailable']);
    expect(server.introspections).toHaveLength(3);
  });

  it('metadata that cannot be had: the server is asked for it no more', async () => {
    server.at('/.well-known/openid-configuration', respond({ status: 503 }));
    const client = new IntrospectionClient({
      issuer: server.origin,
      clientId: 'api',
      clientSecret: 'secret',
      monotonicNow: () => now,
    });
    await ask(client, 30);
    const { length } = server.requests;
    await ask(client, 30);
    expect(server.requests).toHaveLength(length);
    expect(client.stats().circuitBreaker).toBe('open');
  });

  it.each([
    ['401', zitadelAnswers.invalidClient()],
    ['400 that says so', zitadelAnswers.unauthorizedClient()],
  ])('our own credentials refused, by %s, and that is what it then tells', async (_, answer) => {
    const client = clientOf();
    server.always(answer);
    await ask(client, 10);
    const error = await errorOf(client.introspect('token'));
    expect(error).toMatchObject({ code: 'invalid_client', status: 503 });
    expect(error).toHaveProperty('headers', [
      ['Cache-Control', 'no-store'],
      ['Retry-After', '1'],
    ]);
    expect(server.introspections).toHaveLength(10);
  });

  it('the part of failures that is configured', async () => {
    const client = clientOf({ circuitBreaker: { failureRate: 0.1, minimumRequests: 10 } });
    server.next(...Array<ScriptedResponse>(9).fill(active()), respond({ status: 503 }));
    await ask(client, 10);
    expect(client.stats().circuitBreaker).toBe('open');
  });
});

describe('what does not', () => {
  it.each([
    ['an inactive token', inactive()],
    ['400', json({ error: 'invalid_request' }, { status: 400 })],
    ['404', respond({ status: 404 })],
    ['a redirect', redirect('https://elsewhere.example/')],
    ['garbage', respond({ body: '<html>' })],
    ['an answer that is none', json({ active: 'true' })],
    ['403 without JSON: perhaps a filter disliked the token', respond({ status: 403, body: 'Forbidden' })],
  ])('%s', async (_, answer) => {
    server.always(answer);
    const client = clientOf();
    await ask(client, 30);
    expect([server.introspections.length, client.stats().circuitBreaker]).toEqual([30, 'closed']);
  });

  it('a secret function that fails', async () => {
    let fails = true;
    const client = clientOf({ clientSecret: () => (fails ? Promise.reject(new Error()) : 'secret') });
    expect(await ask(client, 30)).toEqual(Array(30).fill('unavailable'));
    fails = false;
    server.always(active());
    expect(await ask(client, 1)).toEqual(['active']);
  });

  it('callers who leave', async () => {
    server.always(hangBeforeHeaders());
    const client = clientOf();
    for (let i = 1; i <= 30; i++) {
      const controller = new AbortController();
      const question = client.introspect('token', { signal: controller.signal });
      await server.introspection(i);
      controller.abort('gone');
      await expect(question).rejects.toBe('gone');
    }
    expect(client.stats().circuitBreaker).toBe('closed');
  });

  it('failures of more than ten seconds ago', async () => {
    const client = clientOf();
    server.always(respond({ status: 503 }));
    await ask(client, 9);
    now += 10_000;
    await ask(client, 9);
    expect(server.introspections).toHaveLength(18);
    await ask(client, 2);
    expect(server.introspections).toHaveLength(19);
  });

  it('anything, where it is false', async () => {
    const client = clientOf({ circuitBreaker: false });
    server.always(respond({ status: 503 }));
    await ask(client, 30);
    expect([server.introspections.length, client.stats().circuitBreaker]).toEqual([30, 'off']);
  });
});
