import {
  active,
  drip,
  hangBeforeHeaders,
  hangInBody,
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
import { countForBudget, Retries, retry } from '../../src/client/retry.js';
import { withTraits } from '../../src/errors/failure-traits.js';
import { IntrospectionClient, type IntrospectionClientOptions, UnavailableError } from '../../src/index.js';
import { introspectionCall, introspectionRequest, scriptedNext } from '../support/introspection-call.js';

const transient = (error: UnavailableError) => withTraits(error, { isTransient: true });

describe('the wait before a retry', () => {
  afterEach(() => vi.restoreAllMocks());
  const failure = transient(new UnavailableError('x'));
  const retries = (attempts = 10) => new Retries({ attempts, attemptTimeoutMs: 1000 }, () => 0);

  it.each([
    [1, 100],
    [2, 200],
    [3, 400],
    [6, 2000],
    [9, 2000],
  ])('after attempt %d is random, between 0 and %d ms', (attempt, mostMs) => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0);
    expect(retries().waitMs(failure, { attempt, leftMs: 60_000 })).toBe(0);
    random.mockReturnValue(0.75);
    expect(retries().waitMs(failure, { attempt, leftMs: 60_000 })).toBe(0.75 * mostMs);
  });

  it('is at most half of the time that is left', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999);
    expect(retries().waitMs(failure, { attempt: 9, leftMs: 100 })).toBeCloseTo(49.95);
  });

  it('is the Retry-After of the server, if that is less than the time that is left', () => {
    const busy = transient(new UnavailableError('x', 2));
    expect(retries().waitMs(busy, { attempt: 1, leftMs: 2001 })).toBe(2000);
    expect(retries().waitMs(busy, { attempt: 1, leftMs: 2000 })).toBeUndefined();
  });

  it('is undefined after three retries in 10 s, or after a tenth of all calls if that is more', () => {
    let now = 0;
    const budget = new Retries({ attempts: 2, attemptTimeoutMs: 1000 }, () => now);
    let times = 0;
    for (let calls = 1; calls <= 500; calls++) {
      budget.count();
      if (budget.waitMs(failure, { attempt: 1, leftMs: 1000 }) !== undefined) times++;
      expect(times).toBe(Math.max(Math.min(3, calls), Math.floor(calls / 10)));
    }
    now += 10_000;
    budget.count();
    expect(budget.waitMs(failure, { attempt: 1, leftMs: 1000 })).toBeTypeOf('number');
  });

  it('is undefined after the last attempt, and after a failure that is not transient', () => {
    expect(retries(2).waitMs(failure, { attempt: 2, leftMs: 1000 })).toBeUndefined();
    expect(retries().waitMs(new UnavailableError('x'), { attempt: 1, leftMs: 1000 })).toBeUndefined();
    expect(retries().waitMs(undefined, { attempt: 1, leftMs: 1000 })).toBeUndefined();
  });
});

describe('a call', () => {
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
      ...options,
    });
  const errorOf = (call: Promise<unknown>) => call.catch((error: unknown) => error);

  it.each([
    ['a reset', reset()],
    ['a response that breaks off', truncated('{"active":true}', 5)],
    ['429', respond({ status: 429 })],
    ['429 with Retry-After', respond({ status: 429, headers: { 'retry-after': '0' } })],
    ['502', respond({ status: 502 })],
    ['503', respond({ status: 503 })],
    ['504', respond({ status: 504 })],
  ] satisfies [string, ScriptedResponse][])('is retried after %s', async (_, reply) => {
    server.next(reply, active({ sub: 'mickey' }));
    await expect(clientOf().introspect('token')).resolves.toEqual({ active: true, sub: 'mickey' });
    expect(server.introspections.map(({ body }) => body)).toEqual(
      Array(2).fill('token=token&token_type_hint=access_token'),
    );
  });

  it.each([
    ['hangs', hangBeforeHeaders()],
    ['hangs in its body', hangInBody()],
    ['drips', drip('{"active":true,"sub":"mickey"}', { everyMs: 50 })],
  ] satisfies [string, ScriptedResponse][])('is retried after an attempt that %s', async (_, reply) => {
    server.next(reply);
    server.always(active({ sub: 'mickey' }));
    const client = clientOf({ retry: { attempts: 4, attemptTimeoutMs: 150 }, timeoutMs: 20_000 });
    await expect(client.introspect('token')).resolves.toEqual({ active: true, sub: 'mickey' });
    await server.introspections[0]?.over;
    expect(server.introspections.length).toBeGreaterThan(1);
  });

  it('names the option that ended its last attempt', async () => {
    server.always(hangBeforeHeaders());
    const client = clientOf({ retry: { attemptTimeoutMs: 30 }, timeoutMs: 20_000 });
    await expect(client.introspect('token')).rejects.toThrow(
      `${server.origin} did not respond within 30 ms ("retry.attemptTimeoutMs")`,
    );
  });

  it.each([
    ['500', respond({ status: 500 }), 'unavailable'],
    ['400', json({ error: 'invalid_request' }, { status: 400 }), 'invalid_response'],
    ['404', respond({ status: 404 }), 'invalid_response'],
    ['a redirect', redirect('/elsewhere'), 'invalid_response'],
    ['garbage', respond({ body: '<html>' }), 'invalid_response'],
    ['"active": "true"', json({ active: 'true' }), 'invalid_response'],
    ['401', zitadelResponses.invalidClient(), 'invalid_client'],
    ['unauthorized_client', zitadelResponses.unauthorizedClient(), 'invalid_client'],
    ['403 without JSON', respond({ status: 403 }), 'invalid_client'],
  ] satisfies [string, ScriptedResponse, string][])('is not retried after %s', async (_, reply, code) => {
    server.next(reply);
    await expect(clientOf().introspect('token')).rejects.toHaveProperty('code', code);
    expect(server.introspections).toHaveLength(1);
  });

  it('is not retried after an inactive response', async () => {
    server.next(inactive());
    await expect(clientOf().introspect('token')).resolves.toEqual({ active: false });
    expect(server.introspections).toHaveLength(1);
  });

  it('is not retried for a caller who has aborted', async () => {
    server.next(hangBeforeHeaders());
    const controller = new AbortController();
    const call = clientOf().introspect('token', { signal: controller.signal });
    await server.introspection(1);
    controller.abort('gone');
    await expect(call).rejects.toBe('gone');
    expect(server.introspections).toHaveLength(1);
  });

  it.each([1, 2, 3])('has as many attempts as configured, %d, including the first', async (attempts) => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    server.always(respond({ status: 503 }));
    const client = clientOf({ retry: { attempts } });
    expect(await errorOf(client.introspect('token'))).toBeInstanceOf(UnavailableError);
    expect(server.introspections).toHaveLength(attempts);
    vi.restoreAllMocks();
  });

  it('returns the response to the third of three attempts', async () => {
    server.next(reset(), respond({ status: 502 }), active());
    await expect(clientOf({ retry: { attempts: 3 } }).introspect('token')).resolves.toEqual({ active: true });
  });

  it('has fresh credentials for each attempt', async () => {
    const afterRejections: boolean[] = [];
    const client = new IntrospectionClient({
      introspectionEndpoint: server.introspectionEndpoint,
      clientAuthentication: {
        clientId: 'api',
        apply({ headers }, { afterRejection }) {
          headers.authorization = `Custom ${afterRejections.push(afterRejection)}`;
        },
      },
      retry: { attempts: 3 },
    });
    server.next(reset(), respond({ status: 503 }), active());
    await client.introspect('token');
    const sent = server.introspections.map((request) => request.field('authorization'));
    expect(sent).toEqual([['Custom 1'], ['Custom 2'], ['Custom 3']]);
    expect(afterRejections).toEqual([false, false, false]);
  });

  it('retries discovery too', async () => {
    const client = new IntrospectionClient({ issuer: server.origin, clientId: 'api', clientSecret: 'secret' });
    server.at('/.well-known/openid-configuration', (response, request) => {
      server.at('/.well-known/openid-configuration', json({ issuer: server.origin, introspection_endpoint: endpoint }));
      reset()(response, request);
    });
    const endpoint = server.introspectionEndpoint;
    await expect(client.introspect('token')).resolves.toEqual({ active: false });
  });
});

describe('the stage retry', () => {
  beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0));
  afterEach(() => vi.restoreAllMocks());
  const failure = () => transient(new UnavailableError('down'));
  const shed = () => withTraits(new UnavailableError('no slot'), { shedBy: 'limits' });
  const stage = (attempts = 3) => retry(new Retries({ attempts, attemptTimeoutMs: 1000 }, () => 0));

  it('numbers the attempts, and passes the request of the call to the first one only', async () => {
    const { next, calls } = scriptedNext(failure(), { active: true });
    const call = introspectionCall({ attempt: 2, request: introspectionRequest() });
    await expect(stage()(call, next)).resolves.toEqual({ active: true });
    expect(calls.map(({ attempt, request }) => [attempt, request])).toEqual([
      [2, introspectionRequest()],
      [3, undefined],
    ]);
  });

  it('counts earlier attempts too, and throws after the last permitted one', async () => {
    const error = failure();
    const { next, calls } = scriptedNext(error);
    await expect(stage(2)(introspectionCall({ attempt: 2 }), next)).rejects.toBe(error);
    expect(calls).toHaveLength(1);
  });

  it('throws a failure that is not transient', async () => {
    const error = new UnavailableError('broken');
    const { next, calls } = scriptedNext(error);
    await expect(stage()(introspectionCall(), next)).rejects.toBe(error);
    expect(calls).toHaveLength(1);
  });

  it('throws the last failure of the server when our own limits permit no further attempt', async () => {
    const error = failure();
    await expect(stage()(introspectionCall(), scriptedNext(error, shed()).next)).rejects.toBe(error);
    const rejected = shed();
    await expect(stage()(introspectionCall(), scriptedNext(rejected).next)).rejects.toBe(rejected);
  });

  it('throws the reason of the abort when the caller has aborted', async () => {
    const { next, calls } = scriptedNext(failure());
    await expect(stage()(introspectionCall({ signal: AbortSignal.abort('gone') }), next)).rejects.toBe('gone');
    expect(calls).toHaveLength(1);
  });
});

it('the stage countForBudget counts first attempts, and no others', async () => {
  const retries = new Retries({ attempts: 2, attemptTimeoutMs: 1000 }, () => 0);
  const count = vi.spyOn(retries, 'count');
  for (const attempt of [1, 2, 3, 1])
    await countForBudget(retries)(introspectionCall({ attempt }), scriptedNext().next);
  expect(count).toHaveBeenCalledTimes(2);
});
