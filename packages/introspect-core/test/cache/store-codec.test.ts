import { describe, expect, it } from 'vitest';
import { plainCodec } from '../../src/cache/store-codec.js';

const codec = plainCodec(async (text) => `key of ${text}`);
const placeOf = async (key: string) => (await codec.placesOf({ key, token: 't' }))[0];

describe('plainCodec', () => {
  it('stores an entry under the key that it has in memory, and a tombstone under the key of its name', async () => {
    expect((await codec.placesOf({ key: 'k', token: 't' })).map(({ storeKey }) => storeKey)).toEqual(['k']);
    expect(await codec.tombstoneKeys('sub:a' as never)).toEqual(['key of sub:a']);
    expect(codec.cacheKeyOf('k')).toBe('k');
  });

  it('writes the time of the request before the response', async () => {
    expect(await (await placeOf('k')).encode({ requestedAt: 5, body: '{"a":1}' })).toBe('5 {"a":1}');
  });

  it.each([
    ['5 {}', { requestedAt: 5, body: '{}' }],
    ['999999999999999 {}', { requestedAt: 999_999_999_999_999, body: '{}' }],
    ['5  \n', { requestedAt: 5, body: ' \n' }],
    ['5 ', { requestedAt: 5, body: '' }],
    ['1000000000000000 {}', undefined],
    ['5', undefined],
    [' 5 {}', undefined],
    ['x5 {}', undefined],
    ['-5 {}', undefined],
    ['{}', undefined],
    ['', undefined],
  ])('reads %j as %j', async (value, entry) => {
    expect(await (await placeOf('k')).decode(value)).toEqual(entry);
  });
});
