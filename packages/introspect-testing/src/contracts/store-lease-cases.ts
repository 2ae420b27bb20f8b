import assert from 'node:assert/strict';
import type { LeasingStore, StoreCases } from './store-cases.js';
import { key, keys, minute } from './store-keys.js';

/** The cases for `lease`, by their names. */
export const leaseCases: StoreCases<LeasingStore> = {
  'gives a lease to the first process that requests it, and to no other': async ({ store, other }) => {
    assert.equal(await store.lease(key, minute), true);
    assert.equal(await other.lease(key, minute), false);
  },
  'gives a lease to one of many concurrent requests': async ({ store, other }) => {
    const requested = Array.from({ length: 20 }, (_, index) => (index % 2 ? store : other).lease(key, minute));
    assert.equal((await Promise.all(requested)).filter((isGiven) => isGiven).length, 1);
  },
  'gives a lease again after its time': async ({ store, other, elapse }) => {
    await store.lease(key, minute);
    await elapse(minute / 2);
    assert.equal(await other.lease(key, minute), false, 'half of its time has passed');
    await elapse(minute / 2);
    assert.equal(await other.lease(key, minute), true, 'its time has passed');
  },
  'does not prolong a lease by denying it to another process': async ({ store, other, elapse }) => {
    await store.lease(key, minute);
    await elapse(minute / 2);
    await other.lease(key, 10 * minute);
    await elapse(minute / 2);
    assert.equal(await other.lease(key, minute), true);
  },
  'gives a lease of its own for each key': async ({ store, other }) => {
    for (const each of keys) assert.equal(await store.lease(each, minute), true);
    for (const each of keys) assert.equal(await other.lease(each, minute), false);
  },
  'stores no value for a lease': async ({ store }) => {
    await store.lease(key, minute);
    assert.equal(await store.get(key), undefined);
  },
  'gives a lease for a key that has a value, and does not change the value': async ({ store, elapse }) => {
    await store.set(key, 'value', 10 * minute);
    assert.equal(await store.lease(key, minute), true);
    assert.equal(await store.get(key), 'value');
    await elapse(2 * minute);
    assert.equal(await store.get(key), 'value', 'the lease has ended');
  },
  'does not change a lease when the value is set or deleted': async ({ store, other }) => {
    await store.lease(key, minute);
    await store.set(key, 'value', minute);
    assert.equal(await other.lease(key, minute), false, 'the value was set');
    await store.delete(key);
    assert.equal(await other.lease(key, minute), false, 'the value was deleted');
  },
};
