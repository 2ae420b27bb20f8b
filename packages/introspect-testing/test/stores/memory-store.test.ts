import type { CacheStore } from '@acme/introspect-core';
import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import { type MemoryStore, memoryStore, type StoreContractSetup, storeContractCases } from '../../src/index.js';

const everything = { lease: true, onInvalidate: true };

/** Two stores that share data and a clock. `as` converts each of them. */
function setup(as: (store: MemoryStore) => CacheStore = (store) => store): StoreContractSetup {
  let now = 1_750_000_000_000;
  const store = memoryStore({ now: () => now });
  return {
    store: as(store),
    other: as(memoryStore({ connectTo: store })),
    elapse: (ms) => {
      now += ms;
    },
  };
}

it('the store contract tests the interface CacheStore of the core', () => {
  expectTypeOf<StoreContractSetup['store']>().toEqualTypeOf<CacheStore>();
});

describe('the store in memory', () => {
  it.each(storeContractCases(everything))('$name', ({ check }) => check(setup()));

  it('the memory store uses the clock of the machine by default', async () => {
    const store = memoryStore();
    await store.set('key', 'value', 60_000);
    await expect(store.get('key')).resolves.toBe('value');
    await store.set('key', 'value', -1);
    await expect(store.get('key')).resolves.toBeUndefined();
  });

  it('the memory store shares data only with the stores that it is connected to', async () => {
    const store = memoryStore();
    await store.set('key', 'value', 60_000);
    await expect(memoryStore().get('key')).resolves.toBeUndefined();
    expect(() => memoryStore({ connectTo: { ...store } })).toThrow('"connectTo"');
  });

  it('the memory store drops the oldest of more than 100000 values', async () => {
    const store = memoryStore();
    for (let index = 0; index <= 100_000; index++) await store.set(`${index}`, 'value', 60_000);
    await expect(store.get('0')).resolves.toBeUndefined();
    await expect(store.get('1')).resolves.toBe('value');
    await expect(store.get('100000')).resolves.toBe('value');
  });

  it('the memory store fails or hangs as its "fault" says, without a change of the data', async () => {
    const store = memoryStore();
    const other = memoryStore({ connectTo: store });
    await other.set('key', 'value', 60_000);
    const listener = vi.fn();
    store.onInvalidate(listener);
    const calls = () => [
      store.get('key'),
      store.getMany(['key']),
      store.set('key', 'new', 1),
      store.delete('key'),
      store.lease('key', 60_000),
    ];

    store.fault = 'reject';
    for (const call of calls()) await expect(call).rejects.toThrow('its "fault" is "reject"');
    store.fault = 'hang';
    const settled = vi.fn();
    for (const call of calls()) call.then(settled, settled);
    await other.set('another', 'value', 60_000);
    await expect(other.get('key')).resolves.toBe('value');
    await expect(other.lease('key', 60_000)).resolves.toBe(true);
    expect(settled).not.toHaveBeenCalled();
    expect(listener).not.toHaveBeenCalled();

    store.fault = undefined;
    await expect(store.get('key')).resolves.toBe('value');
    await other.delete('key');
    expect(listener).toHaveBeenCalledExactlyOnceWith('key');
  });
});

describe('a store without the optional functions', () => {
  const plain = (store: MemoryStore): CacheStore => ({
    get: (key) => store.get(key),
    set: (key, value, ttlMs) => store.set(key, value, ttlMs),
    delete: (key) => store.delete(key),
  });

  it.each(storeContractCases({ lease: false, onInvalidate: false }))('$name', ({ check }) => check(setup(plain)));

  it('the contract of a store without the optional functions has a subset of the cases', () => {
    const names = (has: typeof everything) => storeContractCases(has).map(({ name }) => name);
    const base = names({ lease: false, onInvalidate: false }).slice(1);
    const withLease = names({ lease: true, onInvalidate: false }).slice(1);
    const withBoth = names(everything).slice(1);
    expect(withLease).toEqual([...base, ...withLease.filter((name) => name.includes('lease'))]);
    expect(withBoth).toEqual([...withLease, ...withBoth.filter((name) => name.startsWith('reports'))]);
    expect(new Set(withBoth).size).toBe(withBoth.length);
  });
});
