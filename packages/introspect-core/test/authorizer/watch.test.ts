import { active, respond, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { contextOfConnection } from '../../src/authorizer/connection-context.js';
import {
  AccessDeniedError,
  Authorizer,
  type AuthorizerOptions,
  issuers,
  type Policy,
  tenants,
} from '../../src/index.js';
import { onAbort } from '../../src/runtime/on-abort.js';
import { outcomeOf, rejectionOf } from '../support/authorizer.js';
import { eventLoopTurns } from '../support/event-loop.js';
import { holdResponse } from '../support/held-response.js';
import { virtualTime } from '../support/virtual-time.js';

let server: ScriptedServer;
let time: ReturnType<typeof virtualTime>;
beforeEach(async () => {
  server = await startScriptedServer();
  time = virtualTime();
});
afterEach(async () => {
  vi.useRealTimers();
  await server.close();
});

const authorizerOf = (options: Partial<AuthorizerOptions> = {}) =>
  new Authorizer({
    introspectionEndpoint: server.introspectionEndpoint,
    clientId: 'api',
    clientSecret: 'secret',
    retry: { attempts: 1 },
    log: false,
    cache: { maxAgeSeconds: 60, refreshAfterSeconds: false },
    ...time.clocks,
    ...options,
  } as AuthorizerOptions);

const inSeconds = (seconds: number) => time.clocks.now() / 1000 + seconds;
/** Resolves with the reason of the signal, when it is aborted. */
const ended = (signal: AbortSignal) =>
  new Promise<unknown>((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    else signal.addEventListener('abort', () => resolve(signal.reason));
  });

describe('watch: when the signal is aborted', () => {
  it('resolves with the token, and aborts with "expired" at its exp, without a request', async () => {
    server.tokens.set('t', { sub: 'alice', exp: inSeconds(30) });
    const { token, signal } = await authorizerOf().watch('Bearer t');
    expect(token).toMatchObject({ sub: 'alice' });
    await time.pass(29_900);
    expect(signal.aborted).toBe(false);
    await time.pass(200);
    expect(await ended(signal)).toMatchObject({ code: 'invalid_token', reason: 'expired' });
    expect(server.introspections).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('counts clockSkewSeconds for exp', async () => {
    server.tokens.set('t', { exp: inSeconds(30) });
    const { signal } = await authorizerOf({ clockSkewSeconds: 5 }).watch('Bearer t');
    await time.pass(34_000);
    expect(signal.aborted).toBe(false);
    await time.pass(1100);
    expect(await ended(signal)).toMatchObject({ reason: 'expired' });
  });

  it('aborts with "inactive" when the cached response is too old and the server says so', async () => {
    server.tokens.set('t', {});
    const { signal } = await authorizerOf().watch({ token: 't' });
    server.tokens.delete('t');
    await time.pass(59_000);
    expect([signal.aborted, server.introspections.length]).toEqual([false, 1]);
    await time.pass(1100);
    expect(await ended(signal)).toMatchObject({ code: 'invalid_token', reason: 'inactive' });
  });

  it('aborts with the error of the policy when the token no longer satisfies it', async () => {
    server.tokens.set('t', { scope: 'read write' });
    const authorizer = authorizerOf();
    const read = await authorizer.watch('Bearer t', { scopes: ['read'] });
    const write = await authorizer.watch('Bearer t', { scopes: ['write'] });
    server.tokens.set('t', { scope: 'read' });
    await time.pass(60_100);
    expect(await ended(write.signal)).toMatchObject({ code: 'insufficient_scope', status: 403 });
    expect(read.signal.aborted).toBe(false);
  });

  it('aborts with the error that a check throws', async () => {
    server.tokens.set('t', {});
    const fault = new Error('database');
    const check = vi
      .fn(() => true)
      .mockImplementationOnce(() => true)
      .mockImplementation(() => {
        throw fault;
      });
    const { signal } = await authorizerOf().watch({ authorization: 'Bearer t', url: '/x' }, { check });
    await time.pass(60_100);
    expect(await ended(signal)).toBe(fault);
    expect(check).toHaveBeenLastCalledWith(expect.anything(), expect.objectContaining({ url: '/x' }));
  });

  it('does not end a connection because the server fails, and checks again', async () => {
    server.tokens.set('t', { exp: inSeconds(3600) });
    const authorizer = authorizerOf({ circuitBreaker: false });
    const { signal } = await authorizer.watch('Bearer t');
    server.always(respond({ status: 500 }));
    await time.pass(60_100);
    await server.introspection(2);
    while (authorizer.stats().inFlight > 0) await eventLoopTurns();
    await eventLoopTurns();
    await time.pass(5100);
    await server.introspection(3);
    expect(signal.aborted).toBe(false);
  });
});

describe('watch: invalidation', () => {
  it('introspects the watched tokens again immediately, and ends only those that fail', async () => {
    for (const token of ['a', 'b', 'c']) server.tokens.set(token, { sub: token === 'c' ? 'other' : 'alice' });
    const authorizer = authorizerOf();
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((token) => authorizer.watch({ token })));
    server.tokens.delete('a');
    await authorizer.invalidate({ sub: 'alice' });
    expect(await ended(a?.signal as AbortSignal)).toMatchObject({ reason: 'inactive' });
    await server.introspection(5);
    await eventLoopTurns();
    expect([b?.signal.aborted, c?.signal.aborted]).toEqual([false, false]);
    expect(server.introspections.slice(3).map(({ form }) => form.get('token'))).toEqual(['a', 'b']);
  });

  it.each([[{ token: 't' }], [{ all: true }], [{ jti: 'j' }], [{ client_id: 'c' }]] as const)(
    'ends a revoked token after invalidate(%o)',
    async (target) => {
      server.tokens.set('t', { jti: 'j', client_id: 'c' });
      const authorizer = authorizerOf();
      const { signal } = await authorizer.watch({ token: 't' });
      server.tokens.delete('t');
      await authorizer.invalidate(target);
      expect(await ended(signal)).toMatchObject({ reason: 'inactive' });
    },
  );
});

describe('watch: invalidations during a check', () => {
  it('cause one more check, however many they are', async () => {
    server.tokens.set('t', { sub: 'alice' });
    const authorizer = authorizerOf();
    const check = vi.fn(() => true);
    const { signal } = await authorizer.watch('Bearer t', { check });
    const { held, release } = holdResponse(active({ sub: 'alice' }));
    server.next(held);
    await authorizer.invalidate({ sub: 'alice' });
    await server.introspection(2);
    for (let i = 0; i < 3; i++) await authorizer.invalidate({ sub: 'alice' });
    expect(check).toHaveBeenCalledTimes(1);
    release();
    while (authorizer.stats().inFlight > 0 || check.mock.calls.length < 3) await eventLoopTurns();
    await eventLoopTurns(10);
    expect([check.mock.calls.length, signal.aborted]).toEqual([3, false]);
  });
});

describe('watch: the context of later decisions', () => {
  const { signal } = new AbortController();

  it('has the members of the request, except its credentials and its signal', () => {
    const request = {
      authorization: 'Bearer t',
      method: 'GET',
      url: '/x',
      clientCertificate: new Uint8Array([1]),
      native: {},
      header: (name: string) => [name],
      signal: new AbortController().signal,
    };
    const { header, ...context } = contextOfConnection(request, signal);
    const { clientCertificate, native } = request;
    expect(context).toStrictEqual({
      authorization: undefined,
      signal,
      clientCertificate,
      native,
      method: 'GET',
      url: '/x',
    });
    expect(header?.('a')).toEqual(['a']);
  });

  it('has no method, no URL and no field lines if the request has none', () => {
    const context = contextOfConnection({ authorization: undefined }, signal);
    expect(['method' in context, 'url' in context, context.header?.('a')]).toEqual([false, false, []]);
  });
});

describe('watch: the end of a watch', () => {
  it('ends with the signal of the caller, and frees the timer', async () => {
    server.tokens.set('t', {});
    const authorizer = authorizerOf();
    const caller = new AbortController();
    const one = await authorizer.watch('Bearer t', {}, { signal: caller.signal });
    const two = await authorizer.watch('Bearer t');
    expect(vi.getTimerCount()).toBe(1);
    caller.abort('closed');
    expect([one.signal.reason, two.signal.aborted, vi.getTimerCount()]).toEqual(['closed', false, 1]);
    await authorizer.close();
    expect([two.signal.reason.name, vi.getTimerCount()]).toEqual(['AbortError', 0]);
    await expect(authorizer.watch('Bearer t')).rejects.toThrow('The authorizer was closed');
    await expect(authorizer.watch('Bearer unknown')).rejects.toThrow('The authorizer was closed');
    expect(server.introspections).toHaveLength(1);
    await expect(authorizerOf().watch('Bearer t', {}, { signal: caller.signal })).rejects.toBe('closed');
  });

  it('rejects like authorize, and then starts no timer', async () => {
    const authorizer = authorizerOf();
    expect(await outcomeOf(authorizer.watch(undefined))).toBe('missing_token');
    expect(await outcomeOf(authorizer.watch('Bearer x'))).toBe('inactive');
    expect(() => authorizer.watch('Bearer x', { scope: 'x' } as Policy)).toThrow(TypeError);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('watches nothing for an optional policy without a token, until close', async () => {
    const authorizer = authorizerOf();
    const { token, signal } = await authorizer.watch(undefined, { optional: true });
    expect([token, signal.aborted, vi.getTimerCount()]).toEqual([null, false, 0]);
    await authorizer.close();
    expect(signal.aborted).toBe(true);
  });
});

describe('watch: the cost', () => {
  it('10,000 connections of 1,000 tokens cost one request for each token and age, and one timer', async () => {
    for (let i = 0; i < 1000; i++) server.tokens.set(`t${i}`, { sub: `${i}` });
    const authorizer = authorizerOf();
    const connections = Array.from({ length: 10_000 }, (_, i) => `t${i % 1000}`);
    const timers = vi.spyOn(globalThis, 'setTimeout');
    const watches = await Promise.all(connections.map((token) => authorizer.watch({ token })));
    expect(server.introspections).toHaveLength(1000);
    // The time limits of requests are 5 s and shorter.
    expect(timers.mock.calls.filter(([, ms]) => Number(ms) > 50_000)).toHaveLength(1);
    timers.mockRestore();
    for (const round of [2, 3]) {
      await time.pass(60_100);
      await server.introspection(round * 1000);
      while (authorizer.stats().inFlight > 0) await eventLoopTurns();
      await eventLoopTurns();
      expect(server.introspections).toHaveLength(round * 1000);
    }
    expect(watches.filter(({ signal }) => signal.aborted)).toEqual([]);
    await authorizer.close();
    expect(watches.filter(({ signal }) => !signal.aborted)).toEqual([]);
  }, 120_000);

  it('uses the responses that other requests have cached', async () => {
    server.tokens.set('t', {});
    const authorizer = authorizerOf();
    await authorizer.authorize('Bearer t');
    await time.pass(40_000);
    const { signal } = await authorizer.watch('Bearer t');
    expect(server.introspections).toHaveLength(1);
    await time.pass(20_100);
    await server.introspection(2);
    expect(signal.aborted).toBe(false);
  });

  it('keeps the age limit of the policy', async () => {
    server.tokens.set('t', {});
    await authorizerOf().watch('Bearer t', { maxResponseAgeSeconds: 10 });
    await time.pass(10_100);
    await server.introspection(2);
  });

  it('keeps an age limit below 5 s also for the context of a framework, whose guards share a response', async () => {
    server.tokens.set('t', {});
    const context = { authorization: 'Bearer t', native: {} };
    await authorizerOf().watch(context, { maxResponseAgeSeconds: 2 });
    await time.pass(2100);
    await server.introspection(2);
  });

  it('introspects a watched token every 60 s without a cache', async () => {
    server.tokens.set('t', {});
    const { clocks } = time;
    const { introspectionEndpoint } = server;
    const authorizer = new Authorizer({ introspectionEndpoint, clientId: 'api', clientSecret: 'secret', ...clocks });
    await Promise.all([1, 2, 3].map(() => authorizer.watch('Bearer t')));
    const before = server.introspections.length;
    await time.pass(59_000);
    expect(server.introspections).toHaveLength(before);
    await time.pass(1100);
    await server.introspection(before + 1);
    while (authorizer.stats().inFlight > 0) await eventLoopTurns();
    expect(server.introspections).toHaveLength(before + 1);
  });
});

describe('watch: several issuers and tenants', () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const jwt = (iss: string) => `${part({ alg: 'RS256' })}.${part({ iss })}.c2ln`;

  it('issuers: watches with the authorizer of the token, and rejects an unknown issuer', async () => {
    const [one, other] = ['https://a.example', 'https://b.example'].map((issuer) => authorizerOf({ issuer }));
    const authorizer = issuers([one, other] as [Authorizer, Authorizer], { opaque: one as Authorizer });
    const token = jwt('https://b.example');
    server.tokens.set(token, { exp: inSeconds(30) });
    const { signal } = await authorizer.watch({ token });
    expect(await outcomeOf(authorizer.watch({ token: jwt('https://c.example') }))).toBe('issuer_mismatch');
    expect(await outcomeOf(authorizer.watch({ token: `${token}x` }))).toBe('inactive');
    expect(await outcomeOf(authorizer.watch({ token: 'opaque' }))).toBe('inactive');
    await time.pass(30_100);
    expect(await ended(signal)).toMatchObject({ reason: 'expired' });
  });

  it('issuers: a watch ends without an error if the authorizers have no cache', async () => {
    const { introspectionEndpoint } = server;
    const issuer = 'https://a.example';
    const member = new Authorizer({
      issuer,
      introspectionEndpoint,
      clientId: 'api',
      clientSecret: 'secret',
      ...time.clocks,
    });
    const token = jwt(issuer);
    server.tokens.set(token, {});
    const { signal } = await issuers([member]).watch({ token });
    const listener = vi.fn();
    onAbort(signal, listener);
    await member.close();
    expect(listener).toHaveBeenCalledOnce();
  });

  it('tenants: watches nothing for an unknown tenant, and rejects its token', async () => {
    const authorizer = tenants(
      ({ url }) => url,
      () => undefined,
    );
    const { signal: given } = new AbortController();
    for (const options of [undefined, { signal: given }]) {
      const request = { authorization: undefined, url: 'unknown' };
      const { token, signal } = await authorizer.watch(request, { optional: true }, options);
      expect([token, signal.aborted, signal === given]).toEqual([null, false, options !== undefined]);
    }
    const withToken = { authorization: 'Bearer t', url: 'unknown' };
    expect(await outcomeOf(authorizer.watch(withToken, { optional: true }))).toBe('issuer_mismatch');
  });

  it('tenants: keeps the authorizer of an evicted tenant open until its watches end', async () => {
    const closed = vi.fn();
    const authorizer = tenants(
      ({ url }) => url,
      (tenant) => {
        if (tenant === 'denied') throw new AccessDeniedError();
        const made = authorizerOf();
        const close = made.close.bind(made);
        made.close = () => {
          closed(tenant);
          return close();
        };
        return made;
      },
      { max: 1 },
    );
    server.tokens.set('t', { sub: 'alice' });
    const { signal } = await authorizer.watch({ authorization: 'Bearer t', url: 'one' });
    await authorizer.authorize({ authorization: 'Bearer t', url: 'two' });
    await eventLoopTurns();
    expect([closed.mock.calls, signal.aborted]).toEqual([[], false]);
    server.tokens.delete('t');
    await authorizer.invalidate({ sub: 'alice' });
    expect(await ended(signal)).toMatchObject({ reason: 'inactive' });
    expect(closed.mock.calls).toEqual([['one']]);
    expect(await rejectionOf(authorizer.watch({ authorization: 'Bearer t', url: 'denied' }))).toBeInstanceOf(
      AccessDeniedError,
    );
    expect(await outcomeOf(authorizer.watch({ authorization: 'Bearer t', url: 'three' }))).toBe('inactive');
    await authorizer.authorize({ authorization: undefined, url: 'four' }, { optional: true });
    await eventLoopTurns();
    expect(closed.mock.calls).toEqual([['one'], ['two'], ['three']]);
  });
});
