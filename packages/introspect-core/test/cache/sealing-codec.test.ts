import { hkdfSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { sealingCodec } from '../../src/cache/sealing-codec.js';
import { storeCipher } from '../../src/cache/store-cipher.js';

const [current, previous] = ['a current secret of 32 characters', 'the previous secret of 32 letters'];
const textOf = (text: string) => `text of ${text}`;
const codecOf = (secrets: readonly [string, ...string[]] = [current], maxEntries = 10) =>
  sealingCodec({ secrets, textOf, maxEntries });
const lookup = (token: string) => ({ key: `key of ${token}`, token });
/** Derives bytes from a text, as other versions and other processes do. */
const derived = (text: string, secret: string, use: string, length: number) =>
  new Uint8Array(hkdfSync('sha256', textOf(text), secret, `introspect store 1: ${use}`, length));
const keysOf = (token: string, secret: string) => derived(token, secret, 'entry keys', 64);
const keyOf = (token: string, secret = current) =>
  Buffer.from(keysOf(token, secret).subarray(0, 32)).toString('base64url');

describe('sealingCodec', () => {
  it('derives the keys of entries and tombstones with each secret, the current one first', async () => {
    const codec = codecOf([current, previous]);
    const places = await codec.placesOf(lookup('t'));
    expect(places.map(({ storeKey }) => storeKey)).toEqual([keyOf('t', current), keyOf('t', previous)]);
    expect(await codec.tombstoneKeys('sub:a' as never)).toEqual(
      [current, previous].map((secret) =>
        Buffer.from(derived('sub:a', secret, 'tombstone key', 32)).toString('base64url'),
      ),
    );
  });

  it('reads a value that was encrypted for this token, this secret and this time', async () => {
    const [place] = await codecOf().placesOf(lookup('t'));
    const encryptionKey = keysOf('t', current).subarray(32);
    const sealed = await storeCipher().encrypt(encryptionKey, '{"a":1}', `sealed1 ${keyOf('t')} 5`);
    expect(await place.decode(`sealed1 5 ${sealed}`)).toEqual({ requestedAt: 5, body: '{"a":1}' });
    await expect(Promise.resolve(place.decode(`sealed1 6 ${sealed}`))).rejects.toThrow();
  });

  it('writes a value that it can read, with the time of the request in front', async () => {
    const [place] = await codecOf().placesOf(lookup('t'));
    const value = await place.encode({ requestedAt: 999_999_999_999_999, body: '{"a":1}' });
    expect(value).toMatch(/^sealed1 999999999999999 [\w-]+$/);
    expect(await place.decode(value)).toEqual({ requestedAt: 999_999_999_999_999, body: '{"a":1}' });
  });

  it.each([
    '',
    '5 {}',
    'sealed1 5',
    'sealed1 5 ',
    'sealed1 x abc',
    'sealed1 1000000000000000 abc',
    'sealed2 5 abc',
    'x sealed1 5 abc',
    'sealed1 5 abc ',
    'sealed1 5 a+bc',
  ])('reads %j as no entry', async (value) => {
    const [place] = await codecOf().placesOf(lookup('t'));
    expect(await place.decode(value)).toBeUndefined();
  });

  it('remembers which entry a key of the store belongs to, for maxEntries tokens with all secrets', async () => {
    const codec = codecOf([current, previous], 2);
    for (const token of ['a', 'b']) await codec.placesOf(lookup(token));
    const found = (token: string) => [current, previous].map((secret) => codec.cacheKeyOf(keyOf(token, secret)));
    expect([found('a'), found('b'), found('c')]).toEqual([
      ['key of a', 'key of a'],
      ['key of b', 'key of b'],
      [undefined, undefined],
    ]);
    await codec.placesOf(lookup('c'));
    expect([found('a'), found('c')]).toEqual([
      [undefined, undefined],
      ['key of c', 'key of c'],
    ]);
  });
});
