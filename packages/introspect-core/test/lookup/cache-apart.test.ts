import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { active, inactive, respond, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StoreReports } from '../../src/index.js';
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
  vi.useRealTimers();
  await server.close();
});

/** A process whose wall clock is ahead of the others by a number of seconds. */
function processOf(cache: object = {}, ahead = { seconds: 0 }) {
  const now = () => clocks.wallMs + ahead.seconds * 1000;
  return cachingAuthorizer(server, clocks, { now, cache: { store, ...cache } });
}

describe('an invalidation in a shared store', () => {
  it('an invalidation holds in a process with a longer maxAgeSeconds than the process that invalidated', async () => {
    server.next(active({ sub: 's' }));
    server.always(inactive());
    const longLived = processOf({ maxAgeSeconds: 3600 });
    await longLived.authorize();
    await longLived.settle();
    clocks.pass(1);
    await processOf({ maxAgeSeconds: 10 }).authorizer.invalidate({ sub: 's' });
    clocks.pass(600);
    expect(await longLived.authorize()).toBe('inactive');
    expect(await processOf({ maxAgeSeconds: 3600 }).authorize()).toBe('inactive');
  });

  it.each([2, -2])('an invalidation holds between processes whose wall clocks differ by %i s', async (seconds) => {
    server.next(active({ sub: 's' }));
    server.always(inactive());
    const [one, other] = [processOf(), processOf({}, { seconds })];
    await other.authorize();
    await other.settle();
    clocks.pass(1);
    await one.authorizer.invalidate({ sub: 's' });
    clocks.pass(6);
    expect(await one.authorize()).toBe('inactive');
    expect(await other.authorize()).toBe('inactive');
  });

  it('an invalidation holds if the wall clock of the introspecting process steps forward before the response arrives', async () => {
    const { held, release } = holdResponse(active({ sub: 's' }));
    server.next(held);
    server.always(inactive());
    const clock = { seconds: 0 };
    const [one, other] = [processOf(), processOf({}, clock)];
    const pending = other.authorize();
    await server.introspection(1);
    clocks.pass(1);
    await one.authorizer.invalidate({ sub: 's' });
    clock.seconds = 20;
    release();
    await pending;
    await other.settle();
    clocks.pass(30);
    expect(await one.authorize()).toBe('inactive');
  });

  it('an invalidated response is not served stale, even if the wall clock of the process stepped forward', async () => {
    server.next(active({ sub: 's' }));
    server.always(respond({ status: 500 }));
    const clock = { seconds: 0 };
    const [one, other] = [processOf(), processOf({ maxAgeIfErrorSeconds: 600 }, clock)];
    await other.authorize();
    await other.settle();
    clocks.pass(1);
    await one.authorizer.invalidate({ sub: 's' });
    clock.seconds = 20;
    clocks.pass(10);
    expect(await other.authorize()).toBe('unavailable');
  });
});

describe('a token that is active in the shared store', () => {
  it('a token that is active in the shared store is rechecked before a new process rejects it as inactive', async () => {
    server.next(active(), inactive(), active({ still: true }));
    const one = processOf();
    await one.authorize();
    await one.settle();
    clocks.pass(1);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const pending = processOf().authorize('t', { maxResponseAgeSeconds: 0 });
    await until(
      () => server.introspections.length === 2 && vi.getTimerCount() > 0 && store.delete.mock.calls.length > 0,
    );
    vi.advanceTimersByTime(1250);
    expect(await pending).toBe('ok');
  });

  it('a process without the lease rereads the store and uses the response that the other process refreshed', async () => {
    server.next(active({ version: 1 }), active({ version: 2 }));
    const refreshLease = vi.fn(async () => refreshLease.mock.calls.length === 1);
    const lease = async (key: string) => key.startsWith('miss.') || refreshLease();
    const [one, other] = [1, 2].map(() => processOf({ refreshAfterSeconds: 2, store: { ...store, lease } }));
    for (const each of [one, other]) {
      await each?.authorize();
      await each?.settle();
    }
    clocks.pass(3);
    for (const each of [one, other]) {
      await each?.authorize();
      await each?.settle();
    }
    expect(server.introspections).toHaveLength(2);
    expect(await other?.authorizer.authorize('Bearer t')).toMatchObject({ version: 2 });
  });
});

describe('a store with onInvalidate', () => {
  const notifyingStore = () => {
    const listeners: ((key: string) => void)[] = [];
    const reports: StoreReports[] = [];
    const end = vi.fn();
    const onInvalidate = (listener: (key: string) => void, report?: StoreReports) => {
      listeners.push(listener);
      if (report !== undefined) reports.push(report);
      return end;
    };
    return { listeners, reports, end, store: { ...store, onInvalidate } };
  };

  it.each(['', null, undefined, 5])(
    'a store that reports the invalidation of %j, which is not a key: every entry is read again',
    async (key) => {
      server.always(active());
      const { listeners, store: notifying } = notifyingStore();
      const { authorize, settle } = processOf({ store: notifying });
      await authorize();
      await settle();
      store.get.mockClear();
      for (const listener of listeners) listener(key as string);
      await authorize();
      expect(store.get).toHaveBeenCalled();
    },
  );

  it('a store that reports "reset": every entry is read again', async () => {
    server.always(active());
    const { reports, store: notifying } = notifyingStore();
    const { authorize, settle, events } = processOf({ store: notifying });
    await authorize();
    await settle();
    store.get.mockClear();
    for (const report of reports) report.reset();
    await authorize();
    expect(store.get).toHaveBeenCalled();
    expect(events).not.toContainEqual(expect.objectContaining({ type: 'store_failed' }));
  });

  it.each([
    [30, 1],
    [0.5, 0.5],
  ])(
    'a store that reports "unreliable": with localMaxAgeSeconds %d, each entry is read again now and after %d s, until "reset"',
    async (localMaxAgeSeconds, seconds) => {
      server.always(active());
      const { reports, store: notifying } = notifyingStore();
      const { authorize, settle, events } = processOf({ store: notifying, localMaxAgeSeconds });
      const readsAgain = async () => {
        store.get.mockClear();
        expect(await authorize()).toBe('ok');
        await settle();
        return store.get.mock.calls.length > 0;
      };
      await readsAgain();
      for (const report of reports) report.unreliable();
      expect(events.at(-1)).toEqual({ type: 'store_failed', operation: 'onInvalidate' });
      for (let times = 0; times < 3; times++) {
        expect(await readsAgain()).toBe(true);
        clocks.pass(seconds - 0.001);
        expect(await readsAgain()).toBe(false);
        clocks.pass(0.001);
      }
      for (const report of reports) report.reset();
      expect(await readsAgain()).toBe(true);
      clocks.pass(localMaxAgeSeconds - 0.001);
      expect(await readsAgain()).toBe(false);
      expect(server.introspections).toHaveLength(1);
    },
  );

  it('a store with onInvalidate does not prevent an unused authorizer from being garbage collected', async () => {
    const { listeners, end, store: notifying } = notifyingStore();
    processOf({ store: notifying });
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    await vi.waitFor(() => {
      collect();
      for (const listener of listeners) listener('any');
      expect(end).toHaveBeenCalled();
    }, 60_000);
  });
});

it('a waitUntil that throws does not fail the request', async () => {
  server.always(active());
  const waitUntil = () => {
    throw new TypeError('Illegal invocation');
  };
  expect(await processOf().authorize('t', {}, { waitUntil })).toBe('ok');
});
