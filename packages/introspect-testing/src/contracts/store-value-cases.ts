import assert from 'node:assert/strict';
import type { CacheStore } from '@acme/introspect-core';
import type { StoreCases, StoreContractSetup } from './store-cases.js';
import { key, keys, minute, otherKey } from './store-keys.js';

const maxTtlMs = 2 ** 31 - 1;

const values: Readonly<Record<string, string>> = {
  'an introspection response': '1750000000000 {"active":true,"sub":"mickey","exp":1750000600}',
  'characters of many kinds': 'é ß \u4f60\u597d \u{1f511} \u202e \u0000 "\\"',
  'several lines': '\r\n one\n\ntwo \r',
  'digits with zeros at both ends': '007.50',
  '300 kB': '0123456789'.repeat(30_000),
  'an empty string': '',
};

/** The cases for `get`, `set` and `delete`, by their names. */
export const valueCases: StoreCases<CacheStore> = {
  ...Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      `returns a value as it was set: ${name}`,
      async ({ store }: StoreContractSetup) => {
        assert.equal(await store.set(key, value, minute), undefined);
        assert.equal(await store.get(key), value);
      },
    ]),
  ),
  'returns undefined for an unknown key': async ({ store }) => {
    assert.equal(await store.get(key), undefined);
  },
  'returns the values of several keys in their order, if it has "getMany"': async ({ store }) => {
    if (store.getMany === undefined) return;
    await store.set(key, 'value', minute);
    await store.set(otherKey, '', minute);
    assert.deepEqual(await store.getMany([otherKey, 'unknown', key, key]), ['', undefined, 'value', 'value']);
    assert.deepEqual(await store.getMany(['unknown']), [undefined]);
  },
  'replaces an older value': async ({ store }) => {
    await store.set(key, 'a longer one', minute);
    await store.set(key, 'new', minute);
    assert.equal(await store.get(key), 'new');
  },
  'stores a value for its time, and no longer': async ({ store, elapse }) => {
    for (const ttlMs of [minute, maxTtlMs]) {
      await store.set(key, 'value', ttlMs);
      const halfMs = Math.ceil(ttlMs / 2);
      await elapse(halfMs);
      assert.equal(await store.get(key), 'value', `half of ${ttlMs} ms have passed`);
      await elapse(halfMs);
      assert.equal(await store.get(key), undefined, `${ttlMs} ms have passed`);
    }
  },
  'accepts a time of one millisecond': async ({ store, elapse }) => {
    await store.set(key, 'value', 1);
    await elapse(1);
    assert.equal(await store.get(key), undefined);
  },
  'stores a value for its own time after a value with less time': async ({ store, elapse }) => {
    await store.set(key, 'old', minute);
    await store.set(key, 'new', 10 * minute);
    await elapse(2 * minute);
    assert.equal(await store.get(key), 'new');
  },
  'stores a value for its own time after a value with more time': async ({ store, elapse }) => {
    await store.set(key, 'old', 10 * minute);
    await store.set(key, 'new', minute);
    await elapse(2 * minute);
    assert.equal(await store.get(key), undefined);
  },
  'does not store a value for longer because it is read': async ({ store, elapse }) => {
    await store.set(key, 'value', 3 * minute);
    await elapse(2 * minute);
    await store.get(key);
    await elapse(2 * minute);
    assert.equal(await store.get(key), undefined);
  },
  'deletes a value': async ({ store }) => {
    await store.set(key, 'value', minute);
    assert.equal(await store.delete(key), undefined);
    assert.equal(await store.get(key), undefined);
  },
  'accepts a value for a key that was deleted': async ({ store }) => {
    await store.set(key, 'old', minute);
    await store.delete(key);
    await store.set(key, 'new', minute);
    assert.equal(await store.get(key), 'new');
  },
  'resolves when an unknown key is deleted': async ({ store }) => {
    assert.equal(await store.delete(key), undefined);
  },
  'has a value of its own for each key': async ({ store }) => {
    for (const each of keys) await store.set(each, `of ${each}`, minute);
    for (const each of keys) assert.equal(await store.get(each), `of ${each}`);
    await store.delete(key);
    for (const each of keys) assert.equal(await store.get(each), each === key ? undefined : `of ${each}`);
  },
  'accepts many concurrent values': async ({ store, other }) => {
    const many = Array.from({ length: 100 }, (_, index) => `${otherKey}${index}`);
    await Promise.all(many.map((each, index) => (index % 2 ? store : other).set(each, `of ${each}`, minute)));
    const read = await Promise.all(many.map((each) => store.get(each)));
    assert.deepEqual(
      read,
      many.map((each) => `of ${each}`),
    );
  },
  'stores one of several values that are set concurrently for one key, and no mixture': async ({ store, other }) => {
    const written = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(100_000));
    await Promise.all(written.map((value, index) => (index % 2 ? store : other).set(key, value, minute)));
    const read = (await store.get(key)) ?? '';
    assert(written.includes(read), 'the value is not one of those that were set');
  },
  'shows another process the values that it sets, replaces and deletes': async ({ store, other }) => {
    await store.set(key, 'old', minute);
    assert.equal(await other.get(key), 'old');
    await other.set(key, 'new', minute);
    assert.equal(await store.get(key), 'new');
    await store.delete(key);
    assert.equal(await other.get(key), undefined);
  },
};
