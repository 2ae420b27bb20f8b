import { active, inactive, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  Authorizer,
  type AuthorizerOptions,
  type IntrospectEvent,
  type Prefilter,
  type PrefilterVerdict,
} from '../../src/index.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
  server.always(active());
});
afterEach(() => server.close());

function filtered(prefilter: Prefilter, options: Partial<AuthorizerOptions> = {}) {
  const events: IntrospectEvent[] = [];
  const authorizer = new Authorizer({
    issuer: server.origin,
    clientId: 'api',
    clientSecret: 'secret',
    retry: { attempts: 1 },
    onEvent: (event) => void events.push(event),
    prefilter,
    ...options,
  });
  return { authorizer, events };
}

describe('a prefilter', () => {
  it('a prefilter receives the token and its context before the request is sent, and never the HTTP request', async () => {
    const prefilter = vi.fn<Prefilter>(async () => 'introspect');
    const { authorizer } = filtered(prefilter);
    await authorizer.authorize({ authorization: 'Bearer abc', method: 'GET', native: {} });
    expect(prefilter.mock.calls).toEqual([
      [
        'abc',
        {
          issuer: server.origin,
          now: expect.any(Function),
          monotonicNow: expect.any(Function),
          fetchKeys: expect.any(Function),
          invalidReason: expect.any(Function),
        },
      ],
    ]);
    expect(server.introspections).toHaveLength(1);
  });

  it('a prefilter is called once for concurrent requests with the same token, which share its verdict', async () => {
    const verdict = Promise.withResolvers<PrefilterVerdict>();
    const prefilter = vi.fn<Prefilter>(() => verdict.promise);
    const { authorizer } = filtered(prefilter);
    const urls = ['https://api.example/first', 'https://api.example/second'];
    const requests = urls.map((url) => authorizer.authorize({ authorization: 'Bearer abc', method: 'GET', url }));
    verdict.resolve({ reject: 'bad_signature' });
    const rejected = { status: 'rejected', reason: { reason: 'bad_signature' } };
    expect(await Promise.allSettled(requests)).toMatchObject([rejected, rejected]);
    expect(prefilter).toHaveBeenCalledOnce();
    expect(server.introspections).toEqual([]);
  });

  it('a prefilter that rejects: the request fails with the challenge of the route and one event, without an introspection', async () => {
    const { authorizer, events } = filtered(async () => ({ reject: 'bad_signature' }), { realm: 'here' });
    await expect(authorizer.authorize('Bearer abc', { scopes: ['a'] })).rejects.toMatchObject({
      code: 'invalid_token',
      reason: 'bad_signature',
      status: 401,
      headers: expect.arrayContaining([
        [
          'WWW-Authenticate',
          'Bearer realm="here", error="invalid_token", error_description="The access token has a wrong signature"',
        ],
      ]),
    });
    expect(server.requests).toEqual([]);
    expect(events).toEqual([{ type: 'prefilter_rejected', reason: 'bad_signature' }]);
    expect(authorizer.stats().lookups.prefilter_rejected).toBe(1);
  });

  it.each([
    ['introspect', 'normal'],
    ['deprioritize', 'low'],
  ] as const)(
    'a prefilter that returns %s: the token is introspected with the priority %s',
    async (verdict, priority) => {
      const { authorizer, events } = filtered(async () => verdict, { limits: { concurrent: 1 }, timeoutMs: 200 });
      server.always(() => {});
      const requests = [authorizer.authorize('Bearer a'), authorizer.authorize('Bearer b')];
      for (const { status } of await Promise.allSettled(requests)) expect(status).toBe('rejected');
      expect(events).toContainEqual(expect.objectContaining({ type: 'shed', priority }));
    },
  );

  it('a prefilter is called once for concurrent equal tokens, and not on a cache hit', async () => {
    const prefilter = vi.fn(async () => 'introspect' as const);
    const { authorizer } = filtered(prefilter, { cache: { maxAgeSeconds: 60 } });
    await Promise.all([authorizer.authorize('Bearer abc'), authorizer.authorize('Bearer abc')]);
    await authorizer.authorize('Bearer abc');
    expect(prefilter).toHaveBeenCalledOnce();
  });

  it('a prefilter is not called for a token that is cached as active', async () => {
    const prefilter = vi.fn(async () => 'introspect' as const);
    const { authorizer } = filtered(prefilter, { cache: { maxAgeSeconds: 60 } });
    await authorizer.authorize('Bearer abc');
    await authorizer.authorize('Bearer abc', { maxResponseAgeSeconds: 0 });
    expect(server.introspections).toHaveLength(2);
    expect(prefilter).toHaveBeenCalledOnce();
  });

  it('a verdict of the prefilter is not cached: a token that it rejected can pass later', async () => {
    const prefilter = vi.fn<Prefilter>(async () => 'introspect').mockResolvedValueOnce({ reject: 'expired' });
    const { authorizer } = filtered(prefilter, { cache: { maxAgeSeconds: 60 } });
    await expect(authorizer.authorize('Bearer abc')).rejects.toMatchObject({ reason: 'expired' });
    await expect(authorizer.authorize('Bearer abc')).resolves.toMatchObject({ active: true });
  });

  it('a prefilter that rejects with an error fails the request with that error', async () => {
    const bug = new Error('a bug');
    const { authorizer } = filtered(() => Promise.reject(bug));
    await expect(authorizer.authorize('Bearer abc')).rejects.toBe(bug);
  });

  it('a prefilter that throws synchronously leaves no timer behind', async () => {
    const bug = new Error('a bug');
    const set = vi.spyOn(globalThis, 'setTimeout');
    const clear = vi.spyOn(globalThis, 'clearTimeout');
    const { authorizer } = filtered(
      () => {
        throw bug;
      },
      { timeoutMs: 54_321 },
    );
    await expect(authorizer.authorize('Bearer abc')).rejects.toBe(bug);
    const timer = set.mock.results[set.mock.calls.findIndex(([, delay = 0]) => delay > 50_000)]?.value;
    expect(clear.mock.calls.flat()).toContain(timer);
    vi.restoreAllMocks();
  });

  it('a prefilter may return its verdict without a promise', async () => {
    const { authorizer } = filtered((() => 'introspect') as unknown as Prefilter);
    await expect(authorizer.authorize('Bearer abc')).resolves.toMatchObject({ active: true });
  });

  it.each([undefined, null, true, 'refuse', 'normal'])(
    'a prefilter that returns %j fails the request with a TypeError that names the verdicts',
    async (verdict) => {
      const { authorizer } = filtered((async () => verdict) as unknown as Prefilter);
      await expect(authorizer.authorize('Bearer abc')).rejects.toThrow(
        new TypeError('"prefilter" must return "introspect", "deprioritize" or { reject: reason }'),
      );
      expect(server.introspections).toEqual([]);
    },
  );

  it('a prefilter that hangs ends with the time limit', async () => {
    const { authorizer } = filtered(() => new Promise(() => {}), { timeoutMs: 100 });
    await expect(authorizer.authorize('Bearer abc')).rejects.toMatchObject({
      code: 'unavailable',
      message: 'The "prefilter" gave no verdict within 100 ms ("timeoutMs")',
    });
  });

  it('a prefilter and the introspection share one time limit', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const verdict = Promise.withResolvers<'introspect'>();
    const { authorizer } = filtered(() => verdict.promise, { timeoutMs: 300, transport: () => new Promise(() => {}) });
    const outcome = authorizer.authorize('Bearer abc').catch(({ code }) => code);
    await vi.advanceTimersByTimeAsync(200);
    verdict.resolve('introspect');
    await vi.advanceTimersByTimeAsync(100);
    vi.useRealTimers();
    expect(await outcome).toBe('unavailable');
  });

  it('a prefilter that is not a function is rejected by the constructor', () => {
    expect(() => filtered('introspect' as never)).toThrow(new TypeError('Authorizer: "prefilter" must be a function'));
  });

  it('a prefilter that needs the issuer is rejected by the constructor if there is none', () => {
    const prefilter = Object.assign(async () => 'introspect' as const, { needsIssuer: true });
    const options = {
      clientId: 'a',
      clientSecret: 'b',
      introspectionEndpoint: server.introspectionEndpoint,
      prefilter,
    };
    expect(() => new Authorizer(options)).toThrow(new TypeError('Authorizer: "issuer" is needed by this "prefilter"'));
  });
});

describe('explainInactive', () => {
  const context = expect.objectContaining({ issuer: expect.any(String), fetchKeys: expect.any(Function) });
  const why = { cause: 'expired', message: 'It expired 3 min ago.' };

  it('explainInactive: its explanation is emitted as an event, and the caller does not see it', async () => {
    server.next(inactive());
    const explainInactive = vi.fn(async () => why);
    const { authorizer, events } = filtered(async () => 'introspect', { explainInactive });
    const error = await authorizer.authorize('Bearer abc').catch((error: unknown) => error);
    expect(error).toMatchObject({ reason: 'inactive' });
    expect(JSON.stringify(error)).not.toContain('3 min');
    expect(explainInactive).toHaveBeenCalledExactlyOnceWith('abc', context);
    await vi.waitFor(() => expect(events).toContainEqual({ type: 'inactive_explained', ...why }), 60_000);
  });

  it('explainInactive is not called for active tokens', async () => {
    const explainInactive = vi.fn(async () => why);
    await filtered(async () => 'introspect', { explainInactive }).authorizer.authorize('Bearer abc');
    expect(explainInactive).not.toHaveBeenCalled();
  });

  it('an explainInactive that fails does not affect the request, and emits nothing', async () => {
    server.always(inactive());
    const explainInactive = vi.fn(() => Promise.reject(new Error('no')));
    const { authorizer, events } = filtered(async () => 'introspect', { explainInactive });
    await expect(authorizer.authorize('Bearer a')).rejects.toMatchObject({ reason: 'inactive' });
    await expect(authorizer.authorize('Bearer b')).rejects.toMatchObject({ reason: 'inactive' });
    expect(explainInactive).toHaveBeenCalledTimes(2);
    expect(events.filter(({ type }) => type === 'inactive_explained')).toEqual([]);
  });

  it('explainInactive runs for one token at a time', async () => {
    server.always(inactive());
    const explainInactive = vi.fn(() => new Promise<never>(() => {}));
    const { authorizer } = filtered(async () => 'introspect', { explainInactive });
    for (const token of ['a', 'b']) await authorizer.authorize(`Bearer ${token}`).catch(() => {});
    expect(explainInactive).toHaveBeenCalledExactlyOnceWith('a', context);
  });
});
