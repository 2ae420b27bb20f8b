import { active, inactive, respond, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { InvalidationTarget } from '../../src/index.js';
import { cachingAuthorizer } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';
import { until } from '../support/event-loop.js';
import { mapStore } from '../support/map-store.js';

let server: ScriptedServer;
let clocks: Clocks;
let store: ReturnType<typeof mapStore>;
beforeEach(async () => {
  server = await startScriptedServer();
  clocks = new Clocks();
  store = mapStore(clocks);
});
afterEach(() => server.close());

const claims = { sub: 's', jti: 'j', client_id: 'c' };
const targets: [InvalidationTarget][] = [
  [{ token: 't' }],
  [{ sub: 's' }],
  [{ jti: 'j' }],
  [{ client_id: 'c' }],
  [{ all: true }],
];

const processOf = () => cachingAuthorizer(server, clocks, { cache: { store } });

/** Two processes that have cached the same response. */
async function twoProcesses(cache: object = {}, versions = [1, 2, 3]) {
  server.next(...versions.map((version) => active({ version, ...claims })));
  const listeners: ((key: string) => void)[] = [];
  const onInvalidate = (listener: (key: string) => void) => {
    listeners.push(listener);
    return () => {};
  };
  const processes = [1, 2].map(() =>
    cachingAuthorizer(server, clocks, { cache: { store: { ...store, onInvalidate }, ...cache } }),
  );
  const [one, other] = processes as [ReturnType<typeof cachingAuthorizer>, ReturnType<typeof cachingAuthorizer>];
  for (const each of processes) {
    await each.authorize();
    await each.settle();
    clocks.pass(1);
  }
  expect(server.introspections).toHaveLength(1);
  const versionOf = async ({ authorizer }: typeof one) => (await authorizer.authorize('Bearer t')).version;
  return { one, other, versionOf, invalidate: (key: string) => listeners[1]?.(key) };
}

describe('an invalidation by one process', () => {
  it.each(targets)(
    'an invalidation by one process takes effect in another at its next read of the store: %j',
    async (target) => {
      const { one, other, versionOf } = await twoProcesses();
      await one.authorizer.invalidate(target);
      expect(await versionOf(other)).toBe(1);
      clocks.pass(5);
      expect(await versionOf(other)).toBe(2);
    },
  );

  it.each(targets)(
    'an invalidation by one process takes effect in another immediately if the store calls onInvalidate: %j',
    async (target) => {
      const { one, other, versionOf, invalidate } = await twoProcesses();
      await one.authorizer.invalidate(target);
      for (const [key] of [...store.set.mock.calls, ...store.delete.mock.calls]) invalidate(key);
      expect(await versionOf(other)).toBe(2);
    },
  );

  it('an invalidation of a token writes the tombstone before it deletes the entry', async () => {
    const { one } = await twoProcesses();
    const writes: string[] = [];
    store.set.mockImplementation(async (key) => void writes.push(key.replace(/\..*/, '')));
    store.delete.mockImplementation(async () => void writes.push('deleted'));
    await one.authorizer.invalidate({ token: 't' });
    expect(writes).toEqual(['tombstone', 'tombstone', 'deleted']); // the tombstone, and the version of all tombstones
  });

  it('an invalidation of a token deletes the entry although the tombstone could not be written', async () => {
    const { one } = await twoProcesses();
    store.set.mockRejectedValue(new Error('the store is down'));
    await expect(one.authorizer.invalidate({ token: 't' })).rejects.toThrow('The cache store failed');
    expect(store.delete).toHaveBeenCalledOnce();
  });

  it.each(targets)(
    'an invalidated response is not used by a new process, even if the store does not delete it: %j',
    async (target) => {
      const { one } = await twoProcesses({ store: { ...store, delete: async () => {} } });
      await one.authorizer.invalidate(target);
      const third = cachingAuthorizer(server, clocks, { cache: { store } });
      expect(await third.authorizer.authorize('Bearer t')).toMatchObject({ version: 2 });
    },
  );

  it.each(targets)('an invalidated response is not served stale by another process: %j', async (target) => {
    const { one, other } = await twoProcesses({ maxAgeIfErrorSeconds: 600 }, [1]);
    await one.authorizer.invalidate(target);
    server.always(respond({ status: 500 }));
    clocks.pass(10);
    expect(await other.authorize()).toBe('unavailable');
  });

  it('a token that another process invalidated is rejected as inactive without a recheck', async () => {
    const { one, other } = await twoProcesses({}, [1]);
    await one.authorizer.invalidate({ sub: 's' });
    clocks.pass(5);
    server.always(inactive());
    expect(await other.authorize()).toBe('inactive');
    expect(server.introspections).toHaveLength(2);
  });

  it('an invalidation of another subject or token does not affect a cached response', async () => {
    const { one, other, versionOf } = await twoProcesses();
    await one.authorizer.invalidate({ sub: 'other' });
    await one.authorizer.invalidate({ token: 'other' });
    clocks.pass(5);
    expect(await versionOf(other)).toBe(1);
  });

  it('after an invalidation, one process introspects again, and all processes use that response', async () => {
    const { one, other, versionOf } = await twoProcesses();
    await one.authorizer.invalidate({ sub: 's' });
    clocks.pass(5.001); // so that no clock that is 5 s apart can confuse the two
    expect(await versionOf(other)).toBe(2);
    await until(() => store.set.mock.calls.filter(([key]) => !key.startsWith('tombstone.')).length === 2);
    expect(await versionOf(one)).toBe(2);
    expect(server.introspections).toHaveLength(2);
  });

  it('a response that was requested after an invalidation is used by a third process, however short after it', async () => {
    const { one, other, versionOf } = await twoProcesses();
    await one.authorizer.invalidate({ sub: 's' });
    clocks.pass(1);
    const third = processOf();
    expect(await versionOf(third)).toBe(2);
    await until(() => store.set.mock.calls.filter(([key]) => !key.startsWith('tombstone.')).length === 2);
    expect(await versionOf(processOf())).toBe(2);
    clocks.pass(5);
    expect(await versionOf(other)).toBe(2);
    expect(server.introspections).toHaveLength(2);
  });

  it('the store is read twice for a look-up while nothing was invalidated, and seven times once after an invalidation', async () => {
    const { one, other, versionOf } = await twoProcesses();
    const reads = async (each: typeof one) => {
      store.get.mockClear();
      expect(await versionOf(each)).toBe(1);
      return store.get.mock.calls.length;
    };
    expect(await reads(processOf())).toBe(2);
    clocks.pass(5);
    expect(await reads(other)).toBe(2);
    await one.authorizer.invalidate({ sub: 'another' });
    clocks.pass(5);
    expect(await reads(other)).toBe(7);
    clocks.pass(5);
    expect(await reads(other)).toBe(2);
    expect(await reads(processOf())).toBe(7);
  });

  it('a tombstone stays in the store for the longest maximum age plus the longest time limit', async () => {
    const { one } = await twoProcesses();
    store.set.mockClear();
    await one.authorizer.invalidate({ sub: 's' });
    expect(store.set.mock.calls).toEqual([
      [expect.stringMatching(/^tombstone\./), String(clocks.wallMs), 86_520_000],
      [expect.stringMatching(/^tombstone\./), expect.stringMatching(/^[\w-]{36}$/), 86_520_000], // their version
    ]);
  });

  it('an older invalidation, by a process whose clock is behind, does not replace a newer tombstone', async () => {
    const { one, other, versionOf } = await twoProcesses();
    await one.authorizer.invalidate({ sub: 's' });
    clocks.stepWall(-60);
    await cachingAuthorizer(server, clocks, { cache: { store } }).authorizer.invalidate({ sub: 's' });
    clocks.stepWall(60);
    clocks.pass(5);
    expect(await versionOf(other)).toBe(2);
  });
});

/** A process that `notify` notifies of changes. `onRead` runs when the store has read a key, before the process gets the value. */
function notifiedProcess(onRead: (key: string) => unknown) {
  let listener: (key: string) => void = () => {};
  const get = vi.fn(async (key: string) => {
    const value = await store.get(key);
    await onRead(key);
    return value;
  });
  const onInvalidate = (given: (key: string) => void) => {
    listener = given;
    return () => {};
  };
  const reader = cachingAuthorizer(server, clocks, { cache: { store: { ...store, get, onInvalidate } } });
  return { reader, get, notify: (key: string) => listener(key) };
}

describe('a notification from the store', () => {
  it('a notification of a tombstone that arrives while a response is being read is not lost', async () => {
    const { one } = await twoProcesses();
    const read = Promise.withResolvers<void>();
    const { reader, get, notify } = notifiedProcess((key) => key.startsWith('tombstone.') && read.promise);
    const pending = reader.authorizer.authorize('Bearer t');
    await until(() => get.mock.calls.length === 2);
    store.set.mockClear();
    await one.authorizer.invalidate({ sub: 's' });
    for (const [key] of store.set.mock.calls) notify(key);
    read.resolve();
    expect(await pending).toMatchObject({ version: 2 });
  });

  it('a notification during a read makes the process read again, so that it finds the tombstone and needs no recheck', async () => {
    server.next(active(claims));
    server.always(inactive());
    const invalidating = processOf();
    await invalidating.authorize();
    await invalidating.settle();
    clocks.pass(1);
    let changeVersion = () => {};
    const { reader, notify } = notifiedProcess((key) => key.startsWith('tombstone.') && changeVersion());
    expect(await reader.authorize()).toBe('ok');
    await invalidating.authorizer.invalidate({ sub: 's' });
    const [tombstone = '', version = ''] = store.set.mock.calls.slice(-2).map(([key]) => key);
    const newVersion = store.entries.get(version) ?? { value: '', until: 0 };
    store.entries.delete(version);
    notify(tombstone);
    changeVersion = () => {
      if (!store.entries.has(version)) {
        store.entries.set(version, newVersion);
        notify(version);
      }
    };
    expect(await reader.authorize()).toBe('inactive');
    expect(reader.count('rechecked')).toBe(0);
    expect(server.introspections).toHaveLength(2);
  });

  it('a notification during a read that takes 50 ms makes the process introspect the token', async () => {
    await twoProcesses();
    const { reader, get, notify } = notifiedProcess(() => {
      clocks.pass(0.025);
      notify('');
    });
    expect(await reader.authorizer.authorize('Bearer t')).toMatchObject({ version: 2 });
    expect(get).toHaveBeenCalledTimes(2); // the entry, and the version of the tombstones
  });

  it('notifications during each of four reads make the process introspect the token', async () => {
    const { one } = await twoProcesses();
    const { reader, get, notify } = notifiedProcess((key) => key.includes('.') && notify(''));
    expect(await reader.authorizer.authorize('Bearer t')).toMatchObject({ version: 2 });
    expect(get).toHaveBeenCalledTimes(8); // the entry, and the version of the tombstones
    expect(one.count('cache_miss')).toBe(1);
  });

  it('a notification of a key makes the process read that entry again, and no other', async () => {
    const { other, versionOf, invalidate } = await twoProcesses();
    const [key = ''] = store.entries.keys();
    store.get.mockClear();
    invalidate('another');
    expect(await versionOf(other)).toBe(1);
    expect(store.get).not.toHaveBeenCalled();
    invalidate(key);
    expect(await versionOf(other)).toBe(1);
    expect(store.get).toHaveBeenCalled();
    store.entries.clear();
    invalidate(key);
    expect(await versionOf(other)).toBe(2);
  });

  it('a notification of a tombstone makes the process read each entry once more', async () => {
    const { other, versionOf, invalidate } = await twoProcesses();
    store.get.mockClear();
    invalidate('tombstone.anything');
    expect(await versionOf(other)).toBe(1);
    expect(store.get).toHaveBeenCalled();
    store.get.mockClear();
    expect(await versionOf(other)).toBe(1);
    expect(store.get).not.toHaveBeenCalled();
    expect(server.introspections).toHaveLength(1);
  });
});
