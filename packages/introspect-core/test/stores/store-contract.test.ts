import { AssertionError } from 'node:assert';
import { type MemoryStore, memoryStore, type StoreUnderTest, storeContractCases } from '@acme/introspect-testing';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

type Wrong = (store: MemoryStore, known: Map<string, number>) => Partial<Record<keyof StoreUnderTest, unknown>>;

const cases = storeContractCases({ lease: true, onInvalidate: true });
const day = 86_400_000;
let now = 1_750_000_000_000;

// A case waits for a while before it believes that a listener is not called.
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

const leasingBy =
  (leased: (store: MemoryStore, key: string, ttlMs: number) => unknown): Wrong =>
  (store) => ({ lease: async (key: string, ttlMs: number) => leased(store, key, ttlMs) });

const telling =
  (told: (key: string, tell: (key: string) => void) => void): Wrong =>
  (store) => ({ onInvalidate: (tell: (key: string) => void) => store.onInvalidate((key) => told(key, tell)) });

const quietAbout =
  (operation: 'set' | 'delete'): Wrong =>
  (store, known) => ({
    [operation]: async (key: string, value: string, ttlMs: number) => {
      known.set('quiet', 1);
      await (operation === 'set' ? store.set(key, value, ttlMs) : store.delete(key));
      known.delete('quiet');
    },
    onInvalidate: (tell: (key: string) => void) => store.onInvalidate((key) => known.has('quiet') || tell(key)),
  });

const wrongs: Record<string, Wrong> = {
  'says null for what it does not know': (store) => ({ get: async (key: string) => (await store.get(key)) ?? null }),
  'takes an empty value for none': (store) => ({ get: async (key: string) => (await store.get(key)) || undefined }),
  'hands on what its client says': (store) => ({
    set: (key: string, value: string, ttlMs: number) => store.set(key, value, ttlMs).then(() => 'OK'),
    delete: (key: string) => store.delete(key).then(() => 1),
  }),
  'trims values': writing((value) => value.trim()),
  'makes numbers of digits': writing((value) => (/^[\d.]+$/.test(value) ? `${Number(value)}` : value)),
  'writes Latin-1': writing((value) => Buffer.from(value, 'latin1').toString('latin1')),
  'cuts values off': writing((value) => value.slice(0, 65_536)),
  'writes JSON anew': writing((value) => value.replace(/\{.*\}/, (json) => JSON.stringify(JSON.parse(json), null, 1))),
  'keeps nothing': () => ({ set: async () => {} }),
  'keeps the first value': (store) => ({
    set: async (key: string, value: string, ttlMs: number) =>
      (await store.get(key)) === undefined ? store.set(key, value, ttlMs) : undefined,
  }),
  'appends values': (store) => ({
    set: async (key: string, value: string, ttlMs: number) =>
      store.set(key, `${(await store.get(key)) ?? ''}${value}`, ttlMs),
  }),
  'knows no time': timedBy(() => 30 * day),
  'takes milliseconds for seconds': timedBy((ttlMs) => ttlMs * 1000),
  'takes seconds for milliseconds': timedBy((ttlMs) => ttlMs / 1000),
  'rounds a time up to seconds': timedBy((ttlMs) => Math.ceil(ttlMs / 1000) * 1000),
  'keeps nothing for longer than a day': timedBy((ttlMs) => Math.min(ttlMs, day)),
  'goes by the first time': endingAt((known) => known),
  'goes by the shortest time': endingAt(Math.min),
  'goes by the longest time': endingAt(Math.max),
  'begins the time anew when it reads': (store) => ({
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
  'rejects where there is nothing to delete': (store) => ({
    delete: async (key: string) => {
      if ((await store.get(key)) === undefined) throw new AssertionError({ message: 'nothing to delete' });
      await store.delete(key);
    },
  }),
  'ignores the case of keys': keyedBy((key) => key.toLowerCase()),
  'cuts keys off': keyedBy((key) => key.slice(0, 5)),
  'takes a mark for an answer': keyedBy((key) => key.replace('tombstone.', '')),
  'mixes up what is set at a time': (store, known) => ({
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
      for (let other = turn; other < 9; other++) await store.get(key); // so that the last ends first
      await store.set(key, `${await store.get(key)}${value.slice(9)}`, ttlMs);
    },
  }),
  'shares nothing': () => made(memoryStore({ now: () => now })),
  'has no lease': () => ({ lease: undefined }),
  'has no onInvalidate': () => ({ onInvalidate: undefined }),
  'gives every lease': leasingBy(() => true),
  'gives no lease': leasingBy(() => false),
  'has one lease for all keys': leasingBy((store, _, ttlMs) => store.lease('all', ttlMs)),
  'answers 1 or 0 about a lease': leasingBy(async (store, key, ttlMs) => Number(await store.lease(key, ttlMs))),
  'never ends a lease': leasingBy((store, key) => store.lease(key, 30 * day)),
  'ends a lease too early': leasingBy((store, key, ttlMs) => store.lease(key, ttlMs / 1000)),
  'looks, and then takes the lease': leasingBy(async (store, key, ttlMs) => {
    const isFree = (await store.get(`lease ${key}`)) === undefined;
    if (isFree) await store.set(`lease ${key}`, '', ttlMs);
    return isFree;
  }),
  'lengthens a lease that it refuses': leasingBy(async (store, key, ttlMs) => {
    const isFree = (await store.get(`lease ${key}`)) === undefined;
    await store.set(`lease ${key}`, '', ttlMs);
    return isFree;
  }),
  'takes the value for the lease': leasingBy(async (store, key, ttlMs) => {
    const isFree = (await store.get(key)) === undefined;
    if (isFree) await store.set(key, '', ttlMs);
    return isFree;
  }),
  'writes the lease over the value': leasingBy(async (store, key, ttlMs) => {
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
  'tells nothing': telling(() => {}),
  'tells a key as it has written it': telling((key, tell) => tell(`introspect:${key}`)),
  'tells nothing of marks': telling((key, tell) => key.startsWith('tombstone.') || tell(key)),
  'tells nothing of what is set': quietAbout('set'),
  'tells nothing of what is deleted': quietAbout('delete'),
  'tells on after the end': (store) => ({
    onInvalidate: (tell: (key: string) => void) => {
      store.onInvalidate(tell);
      return () => {};
    },
  }),
  'ends all listeners with one': (store, known) => ({
    onInvalidate: (tell: (key: string) => void) => {
      store.onInvalidate((key) => known.has('ended') || tell(key));
      return () => known.set('ended', now);
    },
  }),
};

/** The cases that a pair of stores fails, each of which is right but for what is wrong with it. */
async function failedBy(wrong: Wrong): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, check } of cases) {
    const known = new Map<string, number>();
    const store = memoryStore({ now: () => now });
    const other = memoryStore({ connectTo: store });
    const elapse = (ms: number) => {
      now += ms;
    };
    const checked = check({ store: made(store, wrong, known), other: made(other, wrong, known), elapse });
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

function made(store: MemoryStore, wrong: Wrong = () => ({}), known = new Map<string, number>()): StoreUnderTest {
  const right: StoreUnderTest = {
    get: (key) => store.get(key),
    set: (key, value, ttlMs) => store.set(key, value, ttlMs),
    delete: (key) => store.delete(key),
    lease: (key, ttlMs) => store.lease(key, ttlMs),
    onInvalidate: (listener) => store.onInvalidate(listener),
  };
  return { ...right, ...wrong(store, known) } as StoreUnderTest;
}

it('has nothing against a store that is right', async () => {
  await expect(failedBy(() => ({}))).resolves.toEqual([]);
});

it.each(Object.entries(wrongs))('finds out a store that %s', async (_, wrong) => {
  await expect(failedBy(wrong)).resolves.not.toEqual([]);
});

it('has no case that every wrong store passes', async () => {
  const failed = await Promise.all(Object.values(wrongs).map(failedBy));
  expect(cases.map(({ name }) => name).filter((name) => !failed.flat().includes(name))).toEqual([]);
});
