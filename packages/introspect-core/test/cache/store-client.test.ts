import { describe, expect, it, vi } from 'vitest';
import type { CacheStore } from '../../src/cache/cache-store.js';
import { StoreClient } from '../../src/cache/store-client.js';
import { type EntryPlace, plainCodec, type StoreCodec } from '../../src/cache/store-codec.js';
import { isTombstoneKey } from '../../src/cache/stored-tombstones.js';
import type { ActiveToken } from '../../src/index.js';
import { Clocks } from '../support/clocks.js';
import { mapStore } from '../support/map-store.js';

const k = { key: 'k', token: 't' };
/** What a read finds if there is neither an entry nor a tombstone. */
const nothing = { isLocalInvalidated: false, isLocalCurrent: false, storeVersion: '' };
const token: ActiveToken = { active: true, sub: 's', aud: ['a'] };

function setUp(members: Partial<CacheStore> = {}) {
  const clocks = new Clocks();
  const store = mapStore(clocks);
  const onFailure = vi.fn();
  const codec = plainCodec((text) => `key-of-${text}`);
  return {
    clocks,
    store,
    onFailure,
    client: new StoreClient(
      { ...store, ...members },
      { now: clocks.now, monotonicNow: clocks.monotonicNow, codec, onFailure },
    ),
  };
}

describe('an entry in the store', () => {
  it('is read as it was written, with the time of its request', async () => {
    const { client, store, clocks, onFailure } = setUp();
    await client.write(k, { token, requestedAt: clocks.wallMs + 0.9, storeVersion: '' }, 1000);
    expect(store.set.mock.calls).toEqual([['k', `1750000000000 ${JSON.stringify(token)}`, 1000]]);
    expect(await client.read(k)).toEqual({
      ...nothing,
      entry: { token, requestedAt: 1_750_000_000_000, storeVersion: '' },
    });
    expect(onFailure).not.toHaveBeenCalled();
  });

  it('is read even if another program has written line breaks into it', async () => {
    const get = async (key: string) => (isTombstoneKey(key) ? undefined : '5 {\n"active": true\n}');
    const { client } = setUp({ get });
    expect((await client.read(k))?.entry).toEqual({ token: { active: true }, requestedAt: 5, storeVersion: '' });
  });

  it('is not read after it was deleted', async () => {
    const { client, clocks } = setUp();
    await client.write(k, { token, requestedAt: clocks.wallMs }, 1000);
    await client.delete(k);
    expect(await client.read(k)).toEqual(nothing);
  });

  it('is frozen at every level', async () => {
    const { client, clocks } = setUp();
    await client.write(k, { token, requestedAt: clocks.wallMs }, 1000);
    const read = (await client.read(k))?.entry?.token;
    for (const part of [read, read?.aud]) expect(part).toSatisfy(Object.isFrozen);
  });

  it('is not read if a tombstone of one of its names was created at or after its request', async () => {
    const { client, clocks } = setUp();
    const write = () => client.write(k, { token, requestedAt: clocks.wallMs }, 600_000);
    const read = async () => (await client.read(k))?.entry;
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
    'is not read from an invalid value: %s',
    async (value) => {
      expect(await setUp({ get: async () => value }).client.read(k)).toEqual({ ...nothing, storeVersion: undefined });
    },
  );

  it('is not read if a tombstone is unreadable, because its time is unknown', async () => {
    const get = async (key: string) => (isTombstoneKey(key) ? 'soon' : `5 ${JSON.stringify(token)}`);
    expect(await setUp({ get }).client.read(k)).toEqual({ ...nothing, storeVersion: 'soon' });
  });
});

describe('a read with the entry that this process has in memory', () => {
  const local = { token, requestedAt: 1_750_000_000_000 };

  it('says that a tombstone invalidates the entry in memory, whether or not the store has a newer one', async () => {
    const { client, clocks } = setUp();
    const anyVersion = { storeVersion: expect.stringMatching(/^[\w-]{36}$/) };
    expect(await client.read(k, local)).toEqual(nothing);
    await client.addTombstone('sub:s', { createdAt: clocks.wallMs, ttlMs: 600_000 });
    expect(await client.read(k, local)).toEqual({ ...nothing, ...anyVersion, isLocalInvalidated: true });
    clocks.pass(6);
    await client.write(k, { token, requestedAt: clocks.wallMs }, 1000);
    const newer = { token, requestedAt: clocks.wallMs };
    expect(await client.read(k, local)).toEqual({
      ...nothing,
      ...anyVersion,
      entry: { ...newer, storeVersion: '?' },
      isLocalInvalidated: true,
    });
    expect(await client.read(k, newer)).toEqual({ ...nothing, ...anyVersion, isLocalCurrent: true });
  });

  it('does not apply the tombstones of a different entry in the store to the entry in memory', async () => {
    const { client, clocks } = setUp();
    const other: ActiveToken = { active: true, sub: 'other' };
    await client.write(k, { token: other, requestedAt: clocks.wallMs }, 1000);
    await client.addTombstone('sub:other', { createdAt: clocks.wallMs, ttlMs: 600_000 });
    expect(await client.read(k, local)).toEqual({ ...nothing, storeVersion: expect.any(String) });
  });

  it('reads each tombstone once if both entries have the same names', async () => {
    const { client, store, clocks } = setUp();
    await client.write(k, { token, requestedAt: clocks.wallMs }, 1000);
    await client.read(k, local);
    expect(store.get.mock.calls.flat().sort()).toEqual([
      'k',
      'tombstone.key-of-all:',
      'tombstone.key-of-sub:s',
      'tombstone.key-of-token:k',
      'tombstone.key-of-version:',
    ]);
  });

  it('reads each tombstone once if the entry in the store is a newer one with the same names', async () => {
    const { client, store, clocks } = setUp();
    await client.write(k, { token, requestedAt: clocks.wallMs + 500 }, 1000);
    await client.read(k, local);
    expect(store.get).toHaveBeenCalledTimes(5);
  });

  it('reads no tombstone while their version is that of both entries, and all after a new one', async () => {
    const { client, store, clocks } = setUp();
    const read = async (entry?: Parameters<StoreClient['read']>[1]) => {
      store.get.mockClear();
      return { result: await client.read(k, entry), reads: store.get.mock.calls.length };
    };
    await client.write(k, { token, requestedAt: clocks.wallMs + 500, storeVersion: '' }, 60_000);
    expect(await read()).toMatchObject({ reads: 2, result: { entry: { token } } });
    expect(await read({ ...local, storeVersion: '' })).toMatchObject({ reads: 2, result: { entry: { token } } });
    await client.addTombstone('sub:other', { createdAt: clocks.wallMs - 60_000, ttlMs: 600_000 });
    const { reads, result } = await read({ ...local, storeVersion: '' });
    expect(reads).toBe(5);
    expect(result).toMatchObject({ entry: { token }, isLocalInvalidated: false });
    const { storeVersion } = result ?? {};
    await client.write(k, { token, requestedAt: clocks.wallMs + 500, storeVersion }, 60_000);
    expect(await read()).toMatchObject({ reads: 2, result: { entry: { token, storeVersion } } });
    await client.addTombstone('sub:s', { createdAt: clocks.wallMs, ttlMs: 600_000 });
    expect(await read()).toMatchObject({ reads: 5, result: { isLocalInvalidated: false } });
    expect((await read()).result).not.toHaveProperty('entry');
  });
});

describe('a store with "getMany"', () => {
  it('gets one call for an entry and the version of the tombstones, and one for all tombstones', async () => {
    const getMany = vi.fn((keys: readonly string[]) => Promise.all(keys.map((key) => store.get(key))));
    const { client, store, clocks } = setUp({ getMany, get: () => Promise.reject(new Error('not to be called')) });
    await client.write(k, { token, requestedAt: clocks.wallMs + 6000 }, 60_000);
    expect(await client.read(k)).toMatchObject({ entry: { token } });
    expect(getMany.mock.calls).toEqual([
      [['k', 'tombstone.key-of-version:']],
      [['tombstone.key-of-all:', 'tombstone.key-of-token:k', 'tombstone.key-of-sub:s']],
    ]);
  });

  it.each([[['5 {"active":true}']], [['5 {"active":true}', undefined, undefined]], [undefined]])(
    'has failed if it does not return one value for each key, but %j',
    async (values) => {
      const { client, onFailure } = setUp({ getMany: async () => values as string[] });
      expect(await client.read(k)).toBeUndefined();
      expect(onFailure.mock.calls).toEqual([['get']]);
    },
  );
});

describe('an inactive response for processes that wait', () => {
  const inactive = { active: false } as const;

  it('has a key of its own, and is read as it was written', async () => {
    const { client, store, clocks, onFailure } = setUp();
    await client.write(k, { token: inactive, requestedAt: clocks.wallMs }, 500);
    expect(store.set.mock.calls).toEqual([['miss.k', '1750000000000 {"active":false}', 500]]);
    expect(await client.readInactive(k)).toMatchObject({ token: inactive, requestedAt: 1_750_000_000_000 });
    expect(await client.read(k)).toEqual(nothing);
    expect(onFailure).not.toHaveBeenCalled();
  });

  it.each([undefined, 'garbage', '5 {"active":true}'])('is not read from the value %j', async (value) => {
    const { client, onFailure } = setUp({ get: async () => value });
    expect(await client.readInactive(k)).toBeUndefined();
    expect(onFailure.mock.calls).toEqual(value === undefined ? [] : [['get']]);
  });

  it('is not read if the store fails', async () => {
    expect(await setUp({ get: () => Promise.reject(new Error('down')) }).client.readInactive(k)).toBeUndefined();
  });
});

describe('a tombstone', () => {
  it('has a key that no token has, and the time of its creation as value', async () => {
    const { client, clocks, store } = setUp();
    await client.addTombstone('sub:s', { createdAt: clocks.wallMs, ttlMs: 1000 });
    expect(store.set.mock.calls).toEqual([
      ['tombstone.key-of-sub:s', '1750000000000', 1000],
      ['tombstone.key-of-version:', expect.stringMatching(/^[\w-]{36}$/), 1000],
    ]);
    expect(isTombstoneKey('tombstone.key-of-sub:s')).toBe(true);
    expect(isTombstoneKey('key-of-t')).toBe(false);
  });

  it('that the store does not accept throws an error without the cause', async () => {
    const { client, onFailure } = setUp({ set: () => Promise.reject(new Error('canary')) });
    const error = await client.addTombstone('sub:s', { createdAt: 5, ttlMs: 1000 }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'unavailable',
      message: 'The cache store failed, or took longer than 250 ms',
    });
    expect(onFailure).toHaveBeenCalledExactlyOnceWith('set');
  });
});

describe('a store', () => {
  it('may be an instance of a class, whose methods use `this`', async () => {
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
    const client = new StoreClient(new Store(), {
      now: () => 5,
      monotonicNow: () => 5,
      codec: plainCodec(async (text) => text),
      onFailure,
    });
    expect(await client.lease(k, 1)).toBe(true);
    await client.write(k, { token, requestedAt: 5 }, 1);
    expect((await client.read(k))?.entry).toMatchObject({ token, requestedAt: 5 });
    expect(await client.lease(k, 1)).toBe(false);
    await client.delete(k);
    expect(await client.read(k)).toEqual(nothing);
    expect(onFailure).not.toHaveBeenCalled();
  });

  it('without leases lets every process refresh', async () => {
    expect(await setUp().client.lease(k, 1000)).toBe(true);
  });

  it.each<[string, Partial<CacheStore>, (client: StoreClient) => Promise<unknown>, unknown]>([
    ['get', { get: () => Promise.reject(new Error()) }, (client) => client.read(k), undefined],
    [
      'set',
      { set: () => Promise.reject(new Error()) },
      (client) => client.write(k, { token, requestedAt: 1 }, 1),
      undefined,
    ],
    ['delete', { delete: () => Promise.reject(new Error()) }, (client) => client.delete(k), undefined],
    ['lease', { lease: () => Promise.reject(new Error()) }, (client) => client.lease(k, 1), true],
  ])('that fails to %s is reported, and counts as a miss', async (operation, members, act, outcome) => {
    const { client, onFailure } = setUp(members);
    expect(await act(client)).toBe(outcome);
    expect(onFailure).toHaveBeenCalledExactlyOnceWith(operation);
  });
});

describe('the time of a request in the store and in memory', () => {
  it.each([-1, 1])('means the same entry if it differs by %d ms', async (ms) => {
    const { client, clocks } = setUp();
    await client.write(k, { token, requestedAt: clocks.wallMs }, 1000);
    const result = await client.read(k, { token, requestedAt: clocks.wallMs + ms });
    expect(result).toEqual({ ...nothing, isLocalCurrent: true });
  });

  it.each([-1.5, 1.5])('means another entry if it differs by %d ms', async (ms) => {
    const { client, clocks } = setUp();
    await client.write(k, { token, requestedAt: clocks.wallMs }, 1000);
    const result = await client.read(k, { token, requestedAt: clocks.wallMs + ms });
    expect(result).toMatchObject({ entry: { token }, isLocalCurrent: false });
  });
});

describe('an entry that may be in two places', () => {
  const readOf = async (first: string | undefined, second: string | undefined) => {
    const clocks = new Clocks();
    const [place] = plainCodec((text) => text).placesOf(k) as [EntryPlace];
    const codec: StoreCodec = {
      ...plainCodec((text) => text),
      placesOf: () => [
        { ...place, storeKey: 'first' },
        { ...place, storeKey: 'second' },
      ],
    };
    const values: Record<string, string | undefined> = { first, second };
    const store = { ...mapStore(clocks), get: async (key: string) => values[key] };
    const client = new StoreClient(store, { ...clocks, codec, onFailure: () => {} });
    return (await client.read(k))?.entry?.token.sub;
  };
  const stored = (requestedAt: number, sub: string) => `${requestedAt} ${JSON.stringify({ active: true, sub })}`;

  it.each([
    ['first', stored(6, 'first'), stored(5, 'second')],
    ['second', stored(5, 'first'), stored(6, 'second')],
    ['first', stored(5, 'first'), stored(5, 'second')],
    ['first', stored(5, 'first'), undefined],
    ['second', undefined, stored(5, 'second')],
    ['first', stored(5, 'first'), 'garbage'],
  ])('is read from the %s place, which has the last request: %s, %s', async (place, first, second) => {
    expect(await readOf(first, second)).toBe(place);
  });
});

describe('the end of a store', () => {
  it('closes a store that can be closed, and reports its failure', async () => {
    const close = vi.fn(() => Promise.reject(new Error('down')));
    const { client, onFailure } = setUp({ close });
    await client.close();
    expect(close).toHaveBeenCalledOnce();
    expect(onFailure).toHaveBeenCalledExactlyOnceWith('close');
  });

  it('does not fail for a store that cannot be closed', async () => {
    const { client, onFailure } = setUp();
    await client.close();
    expect(onFailure).not.toHaveBeenCalled();
  });
});
