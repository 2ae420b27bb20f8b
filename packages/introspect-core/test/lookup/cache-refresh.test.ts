import { active, reset, respond, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ActiveToken, Authorizer } from '../../src/index.js';
import { cachingAuthorizer } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';
import { eventLoopTurns, until } from '../support/event-loop.js';
import { holdResponse } from '../support/held-response.js';

let server: ScriptedServer;
let clocks: Clocks;
beforeEach(async () => {
  server = await startScriptedServer();
  clocks = new Clocks();
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  await server.close();
});

const refreshing = (options: object = {}) =>
  cachingAuthorizer(server, clocks, { cache: { refreshAfterSeconds: 10 }, ...options });
const subjectOf = async (authorizer: Authorizer, request: object = {}) => {
  const { sub }: ActiveToken = await authorizer.authorize({ authorization: 'Bearer t', ...request });
  return sub;
};

describe('a background refresh', () => {
  it('a background refresh is one introspection, and requests get the cached response while it runs', async () => {
    const { held, release } = holdResponse(active({ sub: 'new' }));
    server.next(active({ sub: 'old' }), held);
    const { authorizer, events } = refreshing();
    await subjectOf(authorizer);
    clocks.pass(10);
    const subjects = await Promise.all(Array.from({ length: 20 }, () => subjectOf(authorizer)));
    expect(new Set(subjects)).toEqual(new Set(['old']));
    await server.introspection(2);
    expect(await subjectOf(authorizer)).toBe('old');
    release();
    await until(() => events.some(({ type }) => type === 'refreshed'));
    expect(await subjectOf(authorizer)).toBe('new');
    expect(server.introspections).toHaveLength(2);
    expect(events.filter(({ type }) => type === 'refreshed')).toEqual([{ type: 'refreshed', active: true }]);
  });

  it('a background refresh restarts the age of the cached response', async () => {
    server.always(active());
    const { authorize, settle } = refreshing();
    await authorize();
    for (let i = 2; i < 20; i++) {
      clocks.pass(10);
      expect(await authorize()).toBe('ok');
      await settle();
      expect(server.introspections).toHaveLength(i);
    }
  });

  it('a background refresh runs only for tokens that are in use', async () => {
    server.always(active());
    const { authorize, settle } = refreshing();
    for (const token of ['used', 'unused']) await authorize(token);
    for (let i = 0; i < 3; i++) {
      clocks.pass(10);
      await authorize('used');
      await settle();
    }
    const tokens = server.introspections.map(({ form }) => form.get('token'));
    expect(tokens).toEqual(['used', 'unused', 'used', 'used', 'used']);
  });

  it.each([
    [0, 10],
    [0.5, 9.75],
    [0.999999, 9.501],
  ])(
    'a background refresh starts up to 5 % early: with the random number %d it starts after %d s',
    async (chance, seconds) => {
      vi.spyOn(Math, 'random').mockReturnValue(chance);
      server.always(active());
      const { authorize, settle } = refreshing();
      await authorize();
      clocks.pass(seconds - 0.002);
      await authorize();
      await settle();
      expect(server.introspections).toHaveLength(1);
      clocks.pass(0.002);
      await authorize();
      await settle();
      expect(server.introspections).toHaveLength(2);
    },
  );

  it('a background refresh that fails is retried after 0.5 s, and does not extend the age of the cached response', async () => {
    server.next(active());
    server.always(respond({ status: 500 }));
    const { authorize, settle, count } = refreshing();
    const outcomeAfter = async (seconds: number) => {
      clocks.pass(seconds);
      const outcome = await authorize();
      await settle();
      return [outcome, server.introspections.length];
    };
    expect(await outcomeAfter(0)).toEqual(['ok', 1]);
    expect(await outcomeAfter(10)).toEqual(['ok', 2]);
    expect(await outcomeAfter(0.499)).toEqual(['ok', 2]);
    expect(await outcomeAfter(0.001)).toEqual(['ok', 3]);
    expect(await outcomeAfter(49.499)).toEqual(['ok', 4]);
    expect(await outcomeAfter(0.001)).toEqual(['unavailable', 5]);
    expect(count('refreshed')).toBe(0);
  });

  it('a background refresh that fails causes no unhandled rejection', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    server.next(active(), reset());
    const { authorizer } = refreshing();
    await subjectOf(authorizer);
    clocks.pass(10);
    await subjectOf(authorizer);
    await (await server.introspection(2)).over;
    await eventLoopTurns(10);
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it('a background refresh continues after the caller that started it has hung up', async () => {
    const { held, release } = holdResponse(active({ sub: 'new' }));
    server.next(active({ sub: 'old' }), held);
    const { authorizer, count } = refreshing();
    await subjectOf(authorizer);
    clocks.pass(10);
    const controller = new AbortController();
    await subjectOf(authorizer, { signal: controller.signal });
    await server.introspection(2);
    controller.abort();
    release();
    await until(() => count('refreshed') === 1);
    expect(await subjectOf(authorizer)).toBe('new');
  });

  it('a background refresh is shared with a route that accepts a response of its age, not with one that requires a newer one', async () => {
    const { held, release } = holdResponse(active({ sub: 'renewed' }));
    server.next(active({ sub: 'old' }), held, active({ sub: 'newest' }));
    const { authorizer, count } = refreshing();
    await subjectOf(authorizer);
    clocks.pass(10);
    await subjectOf(authorizer);
    await server.introspection(2);
    const recent = authorizer.authorize('Bearer t', { maxResponseAgeSeconds: 5 });
    const sensitive = authorizer.authorize('Bearer t', { maxResponseAgeSeconds: 0 });
    await until(() => count('coalesced') === 1 && count('cache_miss') === 2);
    release();
    expect(await recent).toMatchObject({ sub: 'renewed' });
    expect(await sensitive).toMatchObject({ sub: 'newest' });
    expect(server.introspections).toHaveLength(3);
  });
});

describe('a background refresh on workerd', () => {
  beforeEach(() => vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' }));

  it('on workerd, a background refresh is passed to waitUntil, and the request does not wait for it', async () => {
    const { held, release } = holdResponse(active({ sub: 'new' }));
    server.next(active({ sub: 'old' }), held);
    const { authorizer } = refreshing();
    await subjectOf(authorizer);
    clocks.pass(10);
    const waitUntil = vi.fn<(promise: Promise<unknown>) => void>();
    expect(await subjectOf(authorizer, { waitUntil })).toBe('old');
    expect(waitUntil).toHaveBeenCalledOnce();
    release();
    await waitUntil.mock.calls[0]?.[0];
    expect(await subjectOf(authorizer)).toBe('new');
    expect(server.introspections).toHaveLength(2);
  });

  it('on workerd without waitUntil, the request waits for the refresh and gets the refreshed response', async () => {
    server.next(active({ sub: 'old' }), active({ sub: 'new' }));
    const { authorizer } = refreshing();
    await subjectOf(authorizer);
    clocks.pass(10);
    expect(await subjectOf(authorizer)).toBe('new');
    expect(server.introspections).toHaveLength(2);
  });

  it('on workerd without waitUntil, a refresh that fails leaves the request with the cached response', async () => {
    server.next(active({ sub: 'old' }));
    server.always(reset());
    const { authorizer } = refreshing();
    await subjectOf(authorizer);
    clocks.pass(10);
    expect(await subjectOf(authorizer)).toBe('old');
    expect(server.introspections).toHaveLength(2);
  });
});
