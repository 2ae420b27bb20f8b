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

const renewing = (options: object = {}) =>
  cachingAuthorizer(server, clocks, { cache: { refreshAfterSeconds: 10 }, ...options });
const subjectOf = async (authorizer: Authorizer, request: object = {}) => {
  const { sub }: ActiveToken = await authorizer.authorize({ authorization: 'Bearer t', ...request });
  return sub;
};

describe('a renewal', () => {
  it('is not waited for: requests are answered while the server is not, and it is one question', async () => {
    const { held, release } = holdResponse(active({ sub: 'new' }));
    server.next(active({ sub: 'old' }), held);
    const { authorizer, events } = renewing();
    await subjectOf(authorizer);
    clocks.pass(10);
    const answers = await Promise.all(Array.from({ length: 20 }, () => subjectOf(authorizer)));
    expect(new Set(answers)).toEqual(new Set(['old']));
    await server.introspection(2);
    expect(await subjectOf(authorizer)).toBe('old');
    release();
    await until(() => events.some(({ type }) => type === 'refreshed'));
    expect(await subjectOf(authorizer)).toBe('new');
    expect(server.introspections).toHaveLength(2);
    expect(events.filter(({ type }) => type === 'refreshed')).toEqual([{ type: 'refreshed', active: true }]);
  });

  it('begins the life of an answer anew', async () => {
    server.always(active());
    const { authorize, settle } = renewing();
    await authorize();
    for (let i = 2; i < 20; i++) {
      clocks.pass(10);
      expect(await authorize()).toBe('ok');
      await settle();
      expect(server.introspections).toHaveLength(i);
    }
  });

  it('is for tokens in use alone', async () => {
    server.always(active());
    const { authorize, settle } = renewing();
    for (const token of ['used', 'unused']) await authorize(token);
    for (let i = 0; i < 3; i++) {
      clocks.pass(10);
      await authorize('used');
      await settle();
    }
    const asked = server.introspections.map(({ form }) => form.get('token'));
    expect(asked).toEqual(['used', 'unused', 'used', 'used', 'used']);
  });

  it.each([
    [0, 10],
    [0.5, 9.75],
    [0.999999, 9.501],
  ])('comes by chance (%d) up to a twentieth earlier: after %d s', async (chance, seconds) => {
    vi.spyOn(Math, 'random').mockReturnValue(chance);
    server.always(active());
    const { authorize, settle } = renewing();
    await authorize();
    clocks.pass(seconds - 0.002);
    await authorize();
    await settle();
    expect(server.introspections).toHaveLength(1);
    clocks.pass(0.002);
    await authorize();
    await settle();
    expect(server.introspections).toHaveLength(2);
  });

  it('that fails leaves the answer to serve on, is tried again after half a second, and never lengthens its life', async () => {
    server.next(active());
    server.always(respond({ status: 500 }));
    const { authorize, settle, count } = renewing();
    const asked = async (seconds: number) => {
      clocks.pass(seconds);
      const outcome = await authorize();
      await settle();
      return [outcome, server.introspections.length];
    };
    expect(await asked(0)).toEqual(['ok', 1]);
    expect(await asked(10)).toEqual(['ok', 2]);
    expect(await asked(0.499)).toEqual(['ok', 2]);
    expect(await asked(0.001)).toEqual(['ok', 3]);
    expect(await asked(49.499)).toEqual(['ok', 4]);
    expect(await asked(0.001)).toEqual(['unavailable', 5]);
    expect(count('refreshed')).toBe(0);
  });

  it('that fails is nobody’s unhandled fault', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    server.next(active(), reset());
    const { authorizer } = renewing();
    await subjectOf(authorizer);
    clocks.pass(10);
    await subjectOf(authorizer);
    await (await server.introspection(2)).over;
    await eventLoopTurns(10);
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it('goes on when the one who began it leaves', async () => {
    const { held, release } = holdResponse(active({ sub: 'new' }));
    server.next(active({ sub: 'old' }), held);
    const { authorizer, count } = renewing();
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

  it('is shared by a route that accepts a response of its age, and not by one that requires a newer response', async () => {
    const { held, release } = holdResponse(active({ sub: 'renewed' }));
    server.next(active({ sub: 'old' }), held, active({ sub: 'newest' }));
    const { authorizer, count } = renewing();
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

describe('on workerd, a renewal', () => {
  beforeEach(() => vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' }));

  it('goes through waitUntil, and the answer does not wait', async () => {
    const { held, release } = holdResponse(active({ sub: 'new' }));
    server.next(active({ sub: 'old' }), held);
    const { authorizer } = renewing();
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

  it('is waited for where there is no waitUntil, and its answer given', async () => {
    server.next(active({ sub: 'old' }), active({ sub: 'new' }));
    const { authorizer } = renewing();
    await subjectOf(authorizer);
    clocks.pass(10);
    expect(await subjectOf(authorizer)).toBe('new');
    expect(server.introspections).toHaveLength(2);
  });

  it('that is waited for and fails gives the answer that is kept', async () => {
    server.next(active({ sub: 'old' }));
    server.always(reset());
    const { authorizer } = renewing();
    await subjectOf(authorizer);
    clocks.pass(10);
    expect(await subjectOf(authorizer)).toBe('old');
    expect(server.introspections).toHaveLength(2);
  });
});
