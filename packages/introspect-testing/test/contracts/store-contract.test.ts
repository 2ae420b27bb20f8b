import { AssertionError } from 'node:assert';
import type { CacheStore } from '@acme/introspect-core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type MemoryStore, memoryStore, storeContractCases } from '../../src/index.js';

type Wrong = (store: MemoryStore, known: Map<string, number>) => Partial<Record<keyof CacheStore, unknown>>;

const cases = storeContractCases({ lease: true, onInvalidate: true });
const day = 86_400_000;
let now = 1_750_000_000_000;

// A case waits for a while before it accepts that a listener is not called.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const writing =
  (change: (value: string) => string): Wrong =>
  (store) => ({ set: (key: string, value: string, ttlMs: number) => store.set(key, change(value), ttlMs) });

const keyedBy =
  (keyOf: (key: string) => string): Wrong =>
  (store) => ({
    get: (key: string) => store.get(keyOf(key)),
    set: (key: string, value: string, ttlMs: number) => store.set(keyOf(key), value, ttlMs),
    delete: (key: string) => store.delete(keyOf(key)),
  });

const timedBy =
  (ttlOf: (ttlMs: number) => number): Wrong =>
  (store) => ({ set: (key: string, value: string, ttlMs: number) => store.set(key, value, ttlOf(ttlMs)) });

const endingAt =
  (choose: (known: number, wanted: number) => number): Wrong =>
  (store, known) => ({
    set: (key: string, value: string, ttlMs: number) => {
      const wanted = now + ttlMs;
      known.set(key, choose(known.get(key) ?? wanted, wanted));
      return store.set(key, value, (known.get(key) ?? wanted) - now);
    },
  });

type Listener = (key: string) => void;

const leasingBy =
  (leased: (store: MemoryStore, key: string, ttlMs: number) => unknown): Wrong =>
  (store) => ({ lease: async (key: string, ttlMs: number) => leased(store, key, ttlMs) });

const reporting =
  (filter: (key: string, report: (key: string) => void) => void): Wrong =>
  (store) => ({
    onInvalidate: (listener: Listener) => store.onInvalidate((key) => filter(key, listener)),
  });

const quietAbout =
  (operation: 'set' | 'delete'): Wrong =>
  (store, known) => ({
    [operation]: async (key: string, value: string, ttlMs: number) => {
      known.set('quiet', 1);
      await (operation === 'set' ? store.set(key, value, ttlMs) : store.delete(key));
      known.delete('quiet');
    },
    onInvalidate: (listener: Listener) => store.onInvalidate((key) => known.has('quiet') || listener(key)),
  });

const wrongs: Record<string, Wrong> = {
  'returns null for an unknown key': (store) => ({ get: async (key: string) => (await store.get(key)) ?? null }),
  'returns several values in the reverse order': (store) => ({
    getMany: async (keys: readonly string[]) => (await store.getMany(keys)).reverse(),
  }),
  'leaves out the keys without a value': (store) => ({
    getMany: async (keys: readonly string[]) => (await store.getMany(keys)).filter((value) => value !== undefined),
  }),
  'reads a key once that is wanted twice': (store) => ({
    getMany: (keys: readonly string[]) => store.getMany([...new Set(keys)]),
  }),
  'treats an empty value as missing': (store) => ({ get: async (key: string) => (await store.get(key)) || undefined }),
  'returns the result of its client': (store) => ({
    set: (key: string, value: string, ttlMs: number) => store.set(key, value, ttlMs).then(() => 'OK'),
    delete: (key: string) => store.delete(key).then(() => 1),
  }),
  'trims values': writing((value) => value.trim()),
  'converts digits into numbers': writing((value) => (/^[\d.]+$/.test(value) ? `${Number(value)}` : value)),
  'writes Latin-1': writing((value) => Buffer.from(value, 'latin1').toString('latin1')),
  'cuts values off': writing((value) => value.slice(0, 65_536)),
  'writes JSON anew': writing((value) => value.replace(/\{.*\}/, (json) => JSON.stringify(JSON.parse(json), null, 1))),
  'stores nothing': () => ({ set: async () => {} }),
  'does not replace the first value': (store) => ({
    set: async (key: string, value: string, ttlMs: number) =>
      (await store.get(key)) === undefined ? store.set(key, value, ttlMs) : undefined,
  }),
  'appends values': (store) => ({
    set: async (key: string, value: string, ttlMs: number) =>
      store.set(key, `${(await store.get(key)) ?? ''}${value}`, ttlMs),
  }),
  'ignores the time to live': timedBy(() => 30 * day),
  'treats milliseconds as seconds': timedBy((ttlMs) => ttlMs * 1000),
  'treats seconds as milliseconds': timedBy((ttlMs) => ttlMs / 1000),
  'rounds a time up to seconds': timedBy((ttlMs) => Math.ceil(ttlMs / 1000) * 1000),
  'stores nothing for longer than a day': timedBy((ttlMs) => Math.min(ttlMs, day)),
  'uses the first time to live': endingAt((known) => known),
  'uses the shortest time to live': endingAt(Math.min),
  'uses the longest time to live': endingAt(Math.max),
  'restarts the time to live at each read': (store) => ({
    get: async (key: string) => {
      const value = await store.get(key);
      if (value !== undefined) await store.set(key, value, 180_000);
      return value;
    },
  }),
  'deletes nothing': () => ({ delete: async () => {} }),
  'deletes for ever': (store, known) => ({
    get: async (key: string) => (known.has(key) ? undefined : store.get(key)),
    delete: async (key: string) => void known.set(key, now),
  }),
  'rejects if there is nothing to delete': (store) => ({
    delete: async (key: string) => {
      if ((await store.get(key)) === undefined) throw new AssertionError({ message: 'nothing to delete' });
      await store.delete(key);
    },
  }),
  'ignores the case of keys': keyedBy((key) => key.toLowerCase()),
  'cuts keys off': keyedBy((key) => key.slice(0, 5)),
  'treats a tombstone as a response': keyedBy((key) => key.replace('tombstone.', '')),
  'mixes up concurrent writes': (store, known) => ({
    set: async (key: string, value: string, ttlMs: number) => {
      known.clear();
      known.set(key, now);
      await store.get(key);
      for (const last of known.keys()) await store.set(last, value, ttlMs);
    },
  }),
  'writes in two pieces': (store, known) => ({
    set: async (key: string, value: string, ttlMs: number) => {
      const turn = (known.get(key) ?? 0) + 1;
      known.set(key, turn);
      await store.set(key, value.slice(0, 9), ttlMs);
      for (let other = turn; other < 9; other++) await store.get(key); // so that the last write ends first
      await store.set(key, `${await store.get(key)}${value.slice(9)}`, ttlMs);
    },
  }),
  'shares nothing': () => storeWith(memoryStore({ now: () => now })),
  'has no lease': () => ({ lease: undefined }),
  'has no onInvalidate': () => ({ onInvalidate: undefined }),
  'grants every lease': leasingBy(() => true),
  'grants no lease': leasingBy(() => false),
  'has one lease for all keys': leasingBy((store, _, ttlMs) => store.lease('all', ttlMs)),
  'returns 1 or 0 for a lease': leasingBy(async (store, key, ttlMs) => Number(await store.lease(key, ttlMs))),
  'never ends a lease': leasingBy((store, key) => store.lease(key, 30 * day)),
  'ends a lease too early': leasingBy((store, key, ttlMs) => store.lease(key, ttlMs / 1000)),
  'reads the lease before it takes it': leasingBy(async (store, key, ttlMs) => {
    const isFree = (await store.get(`lease ${key}`)) === undefined;
    if (isFree) await store.set(`lease ${key}`, '', ttlMs);
    return isFree;
  }),
  'extends a lease that it does not grant': leasingBy(async (store, key, ttlMs) => {
    const isFree = (await store.get(`lease ${key}`)) === undefined;
    await store.set(`lease ${key}`, '', ttlMs);
    return isFree;
  }),
  'treats the value as the lease': leasingBy(async (store, key, ttlMs) => {
    const isFree = (await store.get(key)) === undefined;
    if (isFree) await store.set(key, '', ttlMs);
    return isFree;
  }),
  'replaces the value by the lease': leasingBy(async (store, key, ttlMs) => {
    const isFree = await store.lease(key, ttlMs);
    if (isFree) await store.set(key, '', ttlMs);
    return isFree;
  }),
  'ends a lease with its value': (store, known) => ({
    delete: async (key: string) => {
      await store.delete(key);
      known.set(key, now);
    },
    lease: (key: string, ttlMs: number) => store.lease(`${key} ${known.get(key)}`, ttlMs),
  }),
  'reports nothing': reporting(() => {}),
  'reports a key with its prefix': reporting((key, report) => report(`introspect:${key}`)),
  'does not report tombstones': reporting((key, report) => key.startsWith('tombstone.') || report(key)),
  'does not report writes': quietAbout('set'),
  'does not report deletions': quietAbout('delete'),
  'reports to a listener after its end': (store) => ({
    onInvalidate: (listener: Listener) => {
      store.onInvalidate(listener);
      return () => {};
    },
  }),
  'ends all listeners together with one': (store, known) => ({
    onInvalidate: (listener: Listener) => {
      store.onInvalidate((key) => known.has('ended') || listener(key));
      return () => known.set('ended', now);
    },
  }),
};

/** Returns the cases that a pair of stores fails. Both are correct except for the given fault. */
async function failedBy(wrong: Wrong): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, check } of cases) {
    const known = new Map<string, number>();
    const store = memoryStore({ now: () => now });
    const other = memoryStore({ connectTo: store });
    const elapse = (ms: number) => {
      now += ms;
    };
    const checked = check({ store: storeWith(store, wrong, known), other: storeWith(other, wrong, known), elapse });
    const outcome = checked.then(
      () => 'passed',
      (error: unknown) => error,
    );
    const settled = vi.fn();
    outcome.then(settled);
    while (settled.mock.calls.length === 0) await vi.advanceTimersByTimeAsync(10_000);
    if ((await outcome) === 'passed') continue;
    expect(await outcome, name).toBeInstanceOf(AssertionError);
    failed.push(name);
  }
  return failed;
}

function storeWith(store: MemoryStore, wrong: Wrong = () => ({}), known = new Map<string, number>()): CacheStore {
  const right: CacheStore = {
    get: (key) => store.get(key),
    getMany: (keys) => store.getMany(keys),
    set: (key, value, ttlMs) => store.set(key, value, ttlMs),
    delete: (key) => store.delete(key),
    lease: (key, ttlMs) => store.lease(key, ttlMs),
    onInvalidate: (listener) => store.onInvalidate(listener),
  };
  return { ...right, ...wrong(store, known) } as CacheStore;
}

it('the store contract accepts a correct store', async () => {
  await expect(failedBy(() => ({}))).resolves.toEqual([]);
});

it.each(Object.entries(wrongs))('the store contract rejects a store that %s', async (_, wrong) => {
  await expect(failedBy(wrong)).resolves.not.toEqual([]);
});

it('the store contract has no case that all wrong stores pass', async () => {
  const failed = await Promise.all(Object.values(wrongs).map(failedBy));
  expect(cases.map(({ name }) => name).filter((name) => !failed.flat().includes(name))).toEqual([]);
});
