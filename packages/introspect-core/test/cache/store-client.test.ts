import { describe, expect, it, vi } from 'vitest';
import { type CacheStore, isTombstoneKey, StoreClient } from '../../src/cache/store-client.js';
import type { ActiveToken } from '../../src/index.js';
import { Clocks, mapStore } from '../support/caching.js';

const token: ActiveToken = { active: true, sub: 's', aud: ['a'] };

function stored(members: Partial<CacheStore> = {}) {
  const clocks = new Clocks();
  const store = mapStore(clocks);
  const onFailure = vi.fn();
  const keyOf = (text: string) => `key-of-${text}`;
  return {
    clocks,
    store,
    onFailure,
    client: new StoreClient({ ...store, ...members }, { now: clocks.now, keyOf, onFailure }),
  };
}

describe('a stored token', () => {
  it('is read as it was written, with when it was asked for', async () => {
    const { client, store, clocks, onFailure } = stored();
    await client.write('k', { token, requestedAt: clocks.wallMs + 0.9 }, 1000);
    expect(store.set.mock.calls).toEqual([['k', `1750000000000 ${JSON.stringify(token)}`, 1000]]);
    expect(await client.read('k')).toEqual({
      stored: { token, requestedAt: 1_750_000_000_000 },
      isKnownInvalidated: false,
    });
    expect(onFailure).not.toHaveBeenCalled();
  });

  it('is read with line breaks in it, though it is not written so', async () => {
    const get = async (key: string) => (isTombstoneKey(key) ? undefined : '5 {\n"active": true\n}');
    const { client } = stored({ get });
    expect((await client.read('k'))?.stored).toEqual({ token: { active: true }, requestedAt: 5 });
  });

  it('is not there once it was removed', async () => {
    const { client, clocks } = stored();
    await client.write('k', { token, requestedAt: clocks.wallMs }, 1000);
    await client.delete('k');
    expect(await client.read('k')).toEqual({ isKnownInvalidated: false });
  });

  it('is frozen at every level', async () => {
    const { client, clocks } = stored();
    await client.write('k', { token, requestedAt: clocks.wallMs }, 1000);
    const read = (await client.read('k'))?.stored?.token;
    for (const part of [read, read?.aud]) expect(part).toSatisfy(Object.isFrozen);
  });

  it('is not there where it was marked at or after its question, under any of its names', async () => {
    const { client, clocks } = stored();
    const write = () => client.write('k', { token, requestedAt: clocks.wallMs }, 600_000);
    const read = async () => (await client.read('k'))?.stored;
    await write();
    await client.addTombstone('sub:other', { createdAt: clocks.wallMs, ttlMs: 600_000 });
    expect(await read()).toBeDefined();
    for (const name of ['all:', 'sub:s', 'token:k'] as const) {
      await client.addTombstone(name, { createdAt: clocks.wallMs, ttlMs: 600_000 });
      expect(await read()).toBeUndefined();
      await write();
      expect(await read()).toBeUndefined();
      clocks.pass(5.001);
      await write();
      expect(await read()).toBeDefined();
    }
  });

  it.each(['{"active":true}', '5 {"active":false}', '5 {"active":true,"exp":"never"}', '5 [', '-5 {"active":true}'])(
    'is not there where something else is: %s',
    async (value) => {
      expect(await stored({ get: async () => value }).client.read('k')).toEqual({ isKnownInvalidated: false });
    },
  );

  it('is not there where a mark is none: who knows what was meant', async () => {
    const get = async (key: string) => (isTombstoneKey(key) ? 'soon' : `5 ${JSON.stringify(token)}`);
    expect(await stored({ get }).client.read('k')).toEqual({ isKnownInvalidated: false });
  });
});

describe('a token that this process knows', () => {
  const known = { token, requestedAt: 1_750_000_000_000 };

  it('is forgotten where a mark says so, whether or not the store has another', async () => {
    const { client, clocks } = stored();
    expect(await client.read('k', known)).toEqual({ isKnownInvalidated: false });
    await client.addTombstone('sub:s', { createdAt: clocks.wallMs, ttlMs: 600_000 });
    expect(await client.read('k', known)).toEqual({ isKnownInvalidated: true });
    clocks.pass(6);
    await client.write('k', { token, requestedAt: clocks.wallMs }, 1000);
    const newer = { token, requestedAt: clocks.wallMs };
    expect(await client.read('k', known)).toEqual({ stored: newer, isKnownInvalidated: true });
    expect(await client.read('k', newer)).toEqual({ stored: newer, isKnownInvalidated: false });
  });

  it('does not answer for the marks of another one under the same key', async () => {
    const { client, clocks } = stored();
    const other: ActiveToken = { active: true, sub: 'other' };
    await client.write('k', { token: other, requestedAt: clocks.wallMs }, 1000);
    await client.addTombstone('sub:other', { createdAt: clocks.wallMs, ttlMs: 600_000 });
    expect(await client.read('k', known)).toEqual({ isKnownInvalidated: false });
  });

  it('costs no second look at the marks where it has the same names', async () => {
    const { client, store, clocks } = stored();
    await client.write('k', { token, requestedAt: clocks.wallMs }, 1000);
    await client.read('k', known);
    expect(store.get.mock.calls.flat().sort()).toEqual([
      'k',
      'tombstone.key-of-all:',
      'tombstone.key-of-sub:s',
      'tombstone.key-of-token:k',
    ]);
  });
});

describe('a mark', () => {
  it('lies under a key that is no token’s, made as theirs are, and says when it was left', async () => {
    const { client, clocks, store } = stored();
    await client.addTombstone('sub:s', { createdAt: clocks.wallMs, ttlMs: 1000 });
    expect(store.set.mock.calls).toEqual([['tombstone.key-of-sub:s', '1750000000000', 1000]]);
    expect(isTombstoneKey('tombstone.key-of-sub:s')).toBe(true);
    expect(isTombstoneKey('key-of-t')).toBe(false);
  });

  it('that the store did not take is a fault', async () => {
    const { client, onFailure } = stored({ set: () => Promise.reject(new Error('canary')) });
    const error = await client.addTombstone('sub:s', { createdAt: 5, ttlMs: 1000 }).catch((fault: unknown) => fault);
    expect(error).toMatchObject({
      code: 'unavailable',
      message: 'The cache store failed, or took longer than 250 ms',
    });
    expect(onFailure).toHaveBeenCalledExactlyOnceWith('set');
  });
});

describe('a store', () => {
  it('may be of any class: its functions know what they belong to', async () => {
    class Store implements CacheStore {
      readonly #values = new Map<string, string>();
      async get(key: string) {
        return this.#values.get(key);
      }
      async set(key: string, value: string) {
        this.#values.set(key, value);
      }
      async delete(key: string) {
        this.#values.delete(key);
      }
      async lease(key: string) {
        return !this.#values.has(key);
      }
    }
    const onFailure = vi.fn();
    const client = new StoreClient(new Store(), { now: () => 5, keyOf: async (text) => text, onFailure });
    expect(await client.lease('k', 1)).toBe(true);
    await client.write('k', { token, requestedAt: 5 }, 1);
    expect((await client.read('k'))?.stored).toEqual({ token, requestedAt: 5 });
    expect(await client.lease('k', 1)).toBe(false);
    await client.delete('k');
    expect(await client.read('k')).toEqual({ isKnownInvalidated: false });
    expect(onFailure).not.toHaveBeenCalled();
  });

  it('that has no lease lets everyone renew', async () => {
    expect(await stored().client.lease('k', 1000)).toBe(true);
  });

  it.each<[string, Partial<CacheStore>, (client: StoreClient) => Promise<unknown>, unknown]>([
    ['get', { get: () => Promise.reject(new Error()) }, (client) => client.read('k'), undefined],
    [
      'set',
      { set: () => Promise.reject(new Error()) },
      (client) => client.write('k', { token, requestedAt: 1 }, 1),
      undefined,
    ],
    ['delete', { delete: () => Promise.reject(new Error()) }, (client) => client.delete('k'), undefined],
    ['lease', { lease: () => Promise.reject(new Error()) }, (client) => client.lease('k', 1), true],
  ])('that fails to %s is told of, and counts as not there', async (operation, members, act, outcome) => {
    const { client, onFailure } = stored(members);
    expect(await act(client)).toBe(outcome);
    expect(onFailure).toHaveBeenCalledExactlyOnceWith(operation);
  });
});
