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

/** Two processes that have the same answer, the first of the server's. */
async function two(cache: object = {}, versions = [1, 2, 3]) {
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

describe('what one process forgets', () => {
  it.each(targets)('another has forgotten at its next look: %j', async (target) => {
    const { one, other, versionOf } = await two();
    await one.authorizer.invalidate(target);
    expect(await versionOf(other)).toBe(1);
    clocks.pass(5);
    expect(await versionOf(other)).toBe(2);
  });

  it.each(targets)('another has forgotten at once where the store tells of it: %j', async (target) => {
    const { one, other, versionOf, invalidate } = await two();
    await one.authorizer.invalidate(target);
    for (const [key] of [...store.set.mock.calls, ...store.delete.mock.calls]) invalidate(key);
    expect(await versionOf(other)).toBe(2);
  });

  it.each(targets)('a new one never reads, though the store should not let go of it: %j', async (target) => {
    const { one } = await two({ store: { ...store, delete: async () => {} } });
    await one.authorizer.invalidate(target);
    const third = cachingAuthorizer(server, clocks, { cache: { store } });
    expect(await third.authorizer.authorize('Bearer t')).toMatchObject({ version: 2 });
  });

  it.each(targets)('another does not serve while the server is unreachable: %j', async (target) => {
    const { one, other } = await two({ maxAgeIfErrorSeconds: 600 }, [1]);
    await one.authorizer.invalidate(target);
    server.always(respond({ status: 500 }));
    clocks.pass(10);
    expect(await other.authorize()).toBe('unavailable');
  });

  it('another believes to be inactive without asking twice', async () => {
    const { one, other } = await two({}, [1]);
    await one.authorizer.invalidate({ sub: 's' });
    clocks.pass(5);
    server.always(inactive());
    expect(await other.authorize()).toBe('inactive');
    expect(server.introspections).toHaveLength(2);
  });

  it('another has not where it is not concerned', async () => {
    const { one, other, versionOf } = await two();
    await one.authorizer.invalidate({ sub: 'other' });
    await one.authorizer.invalidate({ token: 'other' });
    clocks.pass(5);
    expect(await versionOf(other)).toBe(1);
  });

  it('another asks for anew, and may then be used everywhere', async () => {
    const { one, other, versionOf } = await two();
    await one.authorizer.invalidate({ sub: 's' });
    clocks.pass(5.001); // so that no clock that is 5 s apart can confuse the two
    expect(await versionOf(other)).toBe(2);
    await until(() => store.set.mock.calls.filter(([key]) => !key.startsWith('tombstone.')).length === 2);
    expect(await versionOf(one)).toBe(2);
    expect(server.introspections).toHaveLength(2);
  });

  it('is remembered there for as long as any process may use an answer, and a question run', async () => {
    const { one } = await two();
    store.set.mockClear();
    await one.authorizer.invalidate({ sub: 's' });
    expect(store.set.mock.calls).toEqual([[expect.stringMatching(/^forget\./), String(clocks.wallMs), 86_520_000]]);
  });

  it('is not forgotten again by one whose clock is behind', async () => {
    const { one, other, versionOf } = await two();
    await one.authorizer.invalidate({ sub: 's' });
    clocks.stepWall(-60);
    await cachingAuthorizer(server, clocks, { cache: { store } }).authorizer.invalidate({ sub: 's' });
    clocks.stepWall(60);
    clocks.pass(5);
    expect(await versionOf(other)).toBe(2);
  });
});

describe('news from the store', () => {
  it('of a mark that was left while an answer was being read is not lost', async () => {
    const { one } = await two();
    const listeners: ((key: string) => void)[] = [];
    const read = Promise.withResolvers<void>();
    const get = vi.fn(async (key: string) => {
      const value = await store.get(key);
      if (key.startsWith('tombstone.')) await read.promise;
      return value;
    });
    const onInvalidate = (listener: (key: string) => void) => {
      listeners.push(listener);
      return () => {};
    };
    const reader = cachingAuthorizer(server, clocks, { cache: { store: { ...store, get, onInvalidate } } });
    const asked = reader.authorizer.authorize('Bearer t');
    await until(() => get.mock.calls.length === 6);
    store.set.mockClear();
    await one.authorizer.invalidate({ sub: 's' });
    for (const [key] of store.set.mock.calls) for (const listener of listeners) listener(key);
    read.resolve();
    expect(await asked).toMatchObject({ version: 2 });
  });

  it('of a key has its answer looked at again, and no other', async () => {
    const { other, versionOf, invalidate } = await two();
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

  it('of a mark has every answer looked at again', async () => {
    const { other, versionOf, invalidate } = await two();
    store.get.mockClear();
    invalidate('forget.anything');
    expect(await versionOf(other)).toBe(1);
    expect(store.get).toHaveBeenCalled();
    store.get.mockClear();
    expect(await versionOf(other)).toBe(1);
    expect(store.get).not.toHaveBeenCalled();
    expect(server.introspections).toHaveLength(1);
  });
});
