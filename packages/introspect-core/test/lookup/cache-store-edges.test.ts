import { active, inactive, reset, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cachingAuthorizer } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';
import { until } from '../support/event-loop.js';
import { holdResponse } from '../support/held-response.js';
import { mapStore } from '../support/map-store.js';

let server: ScriptedServer;
let clocks: Clocks;
let store: ReturnType<typeof mapStore>;
beforeEach(async () => {
  server = await startScriptedServer();
  clocks = new Clocks();
  store = mapStore(clocks);
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await server.close();
});

describe('a wall clock that is set back, with a shared store', () => {
  it.each([
    ['past its exp', { exp: 1_750_000_020 }, 19],
    ['past its age', {}, 59],
  ])('the wall clock is set back: a response in the store is not used %s', async (_, claims, seconds) => {
    server.always(active(claims));
    const { authorize, settle } = cachingAuthorizer(server, clocks, {
      cache: { store, localMaxAgeSeconds: seconds - 1 },
    });
    await authorize();
    await settle();
    clocks.pass(seconds);
    clocks.stepWall(-seconds);
    await authorize();
    expect(server.introspections).toHaveLength(1);
    clocks.pass(1);
    await authorize();
    expect(server.introspections).toHaveLength(2);
  });

  it('the wall clock is set back before an invalidation: the invalidated response in the store is not used', async () => {
    server.next(active({ sub: 's' }));
    server.always(inactive());
    const { authorize, settle, authorizer } = cachingAuthorizer(server, clocks, {
      cache: { store, maxAgeSeconds: 7200 },
    });
    await authorize();
    await settle();
    clocks.stepWall(-3600);
    await authorizer.invalidate({ sub: 's' });
    clocks.pass(3601);
    expect(await authorize()).toBe('inactive');
  });
});

describe('a notification from the store', () => {
  it('a notification of a key that arrives while that key is being read is not lost', async () => {
    server.next(active());
    server.always(inactive());
    const one = cachingAuthorizer(server, clocks, { cache: { store } });
    await one.authorize();
    await one.settle();
    let notify = (_: string) => {};
    const gate = Promise.withResolvers<void>();
    const get = vi.fn(async (key: string) => {
      const value = await store.get(key);
      await gate.promise;
      return value;
    });
    const onInvalidate = (listener: (key: string) => void) => {
      notify = listener;
      return () => {};
    };
    const other = cachingAuthorizer(server, clocks, { cache: { store: { ...store, get, onInvalidate } } });
    clocks.pass(1);
    const pending = other.authorize();
    await until(() => get.mock.calls.length === 2);
    const [key = ''] = store.entries.keys();
    store.entries.delete(key);
    notify(key);
    gate.resolve();
    expect(await pending).toBe('inactive');
  });

  it('an onInvalidate that throws does not fail the constructor, and emits "store_failed"', () => {
    const onInvalidate = () => {
      throw new Error('no connection');
    };
    const { events } = cachingAuthorizer(server, clocks, { cache: { store: { ...store, onInvalidate } } });
    expect(events).toEqual([{ type: 'store_failed', operation: 'onInvalidate' }]);
  });
});

describe('garbage in the store', () => {
  it('garbage in place of a response emits "store_failed"', async () => {
    server.always(active());
    const { authorize, events } = cachingAuthorizer(server, clocks, {
      cache: { store: { ...store, get: async () => 'garbage' } },
    });
    expect(await authorize()).toBe('ok');
    expect(events).toContainEqual({ type: 'store_failed', operation: 'get' });
  });

  it.each(['', '  ', 'soon'])('garbage in place of a tombstone counts as an invalidation: %j', async (tombstone) => {
    const get = async (key: string) => (key.startsWith('tombstone.') ? tombstone : `${clocks.wallMs} {"active":true}`);
    expect(await cachingAuthorizer(server, clocks, { cache: { store: { ...store, get } } }).authorize()).toBe(
      'inactive',
    );
  });
});

it('a store that hangs on workerd delays a request by 250 ms, and does not fail it', async () => {
  vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
  server.always(active());
  const set = () => new Promise<never>(() => {});
  const options = { timeoutMs: 200, now: Date.now, monotonicNow: () => performance.now() };
  const { authorizer } = cachingAuthorizer(server, clocks, { ...options, cache: { store: { ...store, set } } });
  await expect(authorizer.authorize('Bearer t')).resolves.toEqual({ active: true });
});

it('a response that is still being written to the store is not shared as a running introspection', async () => {
  server.next(active({ version: 1 }), active({ version: 2 }), active({ version: 3 }));
  const gate = Promise.withResolvers<void>();
  const set = vi.fn(() => gate.promise);
  const options = { refreshAfterSeconds: 10, store: { ...store, set } };
  const { authorize, authorizer, settle } = cachingAuthorizer(server, clocks, { cache: options });
  await authorize();
  clocks.pass(10);
  await authorize();
  await until(() => set.mock.calls.length === 2);
  expect(await authorizer.authorize('Bearer t', { maxResponseAgeSeconds: 0 })).toMatchObject({ version: 3 });
  gate.resolve();
  await settle();
});

it('a response that is invalidated while it is being written to the store is requested again on workerd', async () => {
  vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
  server.next(active({ version: 1 }), active({ version: 2 }));
  const gate = Promise.withResolvers<void>();
  const set = vi.fn(() => gate.promise);
  const { authorizer } = cachingAuthorizer(server, clocks, { cache: { store: { ...store, set } } });
  const pending = authorizer.authorize('Bearer t');
  await until(() => set.mock.calls.length === 1);
  const invalidated = authorizer.invalidate({ all: true });
  gate.resolve();
  expect(await pending).toMatchObject({ version: 2 });
  await invalidated;
});

it('a caller that hangs up on workerd does not wait for the refresh', async () => {
  vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
  const { held, release } = holdResponse(active());
  server.next(active(), held);
  const { authorizer } = cachingAuthorizer(server, clocks, { cache: { refreshAfterSeconds: 10 } });
  await authorizer.authorize('Bearer t');
  clocks.pass(10);
  const controller = new AbortController();
  const leaving = authorizer.authorize({ authorization: 'Bearer t', signal: controller.signal });
  await server.introspection(2);
  controller.abort('left');
  await expect(leaving).rejects.toBe('left');
  release();
});

it('without maxAgeIfErrorSeconds no stale response is served, even with maxAgeSeconds 0', async () => {
  server.next(active());
  server.always(reset());
  const { authorize } = cachingAuthorizer(server, clocks, { cache: { maxAgeSeconds: 0 } });
  expect(await authorize()).toBe('ok');
  expect(await authorize()).toBe('unavailable');
});
