import nodeCrypto from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { base64url, storeCipher } from '../../src/cache/store-cipher.js';

afterEach(() => void vi.restoreAllMocks());

/** Returns the cipher of a platform whose `node:crypto` is this module, or is missing. */
function cipherWith(module: object | undefined) {
  const spy = vi.spyOn(process, 'getBuiltinModule').mockReturnValue(module as never);
  const cipher = storeCipher();
  spy.mockRestore();
  return cipher;
}
const ciphers = { node: cipherWith(nodeCrypto), web: cipherWith(undefined) };
const names = ['node', 'web'] as const;
const key = new Uint8Array(32).fill(7);

describe.each(names)('the cipher of %s', (name) => {
  const cipher = ciphers[name];

  it.each(names)('decrypts what the cipher of %s has encrypted', async (other) => {
    for (const text of ['', '{"a":"Ж€😀"}', 'x'.repeat(100_000)]) {
      expect(await cipher.decrypt(key, await ciphers[other].encrypt(key, text, 'data'), 'data')).toBe(text);
    }
  });

  it('derives keys with HKDF and SHA-256 (RFC 5869)', async () => {
    for (const length of [32, 64]) {
      const expected = new Uint8Array(nodeCrypto.hkdfSync('sha256', 'material', 'salt', 'info', length));
      expect(await cipher.derive('material', 'salt', 'info', length)).toEqual(expected);
    }
  });

  it('encrypts the same text differently each time', async () => {
    const [one, other] = await Promise.all([1, 2].map(() => cipher.encrypt(key, 'text', 'data')));
    expect(one).not.toBe(other);
    expect(Buffer.from(one ?? '', 'base64url')).toHaveLength(12 + 4 + 16);
  });

  it('rejects another key, other data and a value that is too short', async () => {
    const sealed = await cipher.encrypt(key, 'text', 'data');
    for (const wrong of [
      () => cipher.decrypt(new Uint8Array(32), sealed, 'data'),
      () => cipher.decrypt(key, sealed, 'other data'),
      ...[0, 4, 12, 16, 27, 28].map((bytes) => () => cipher.decrypt(key, base64url(Array(bytes).fill(1)), 'data')),
    ]) {
      await expect(wrong()).rejects.toThrow();
    }
  });

  it('rejects a second way to write the same bytes', async () => {
    const sealed = await cipher.encrypt(key, 'abc', 'data'); // 31 bytes: four bits of the last letter do not count
    const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const next = digits[digits.indexOf(sealed.at(-1) ?? '') + 1];
    const message = 'The value of the store is not canonical base64url';
    await expect(cipher.decrypt(key, `${sealed.slice(0, -1)}${next}`, 'data')).rejects.toThrow(new Error(message));
  });
});

describe('storeCipher', () => {
  it.each([
    ['is missing', undefined, true],
    ['lacks hkdfSync', { ...nodeCrypto, hkdfSync: undefined }, true],
    ['lacks createCipheriv', { ...nodeCrypto, createCipheriv: undefined }, true],
    ['is complete', nodeCrypto, false],
  ])('uses Web Crypto exactly if node:crypto lacks a function: it %s', async (_, module, isWeb) => {
    const importKey = vi.spyOn(crypto.subtle, 'importKey');
    await cipherWith(module).derive('a', 'b', 'c', 32);
    expect(importKey.mock.calls.length > 0).toBe(isWeb);
  });

  it.each([
    [[], ''],
    [[0xfb, 0xff, 0xfe], '-__-'],
    [[0xfb, 0xff, 0xbf, 0xff], '-_-__w'],
    [[1], 'AQ'],
  ])('base64url of %j is %j', (bytes, text) => {
    expect(base64url(bytes)).toBe(text);
  });
});

describe('the keys in Web Crypto', () => {
  it('cannot be exported, and are for one use each', async () => {
    const importKey = vi.spyOn(crypto.subtle, 'importKey');
    await ciphers.web.derive('a', 'b', 'c', 32);
    await ciphers.web.decrypt(key, await ciphers.web.encrypt(key, 'text', 'data'), 'data');
    expect(importKey.mock.calls.map(([, , , ...extractableAndUses]) => extractableAndUses)).toEqual([
      [false, ['deriveBits']],
      [false, ['encrypt']],
      [false, ['decrypt']],
    ]);
  });
});

it.each([
  ['process', undefined],
  ['getBuiltinModule', {}],
])('storeCipher uses Web Crypto on a platform without %s', async (_, process) => {
  vi.stubGlobal('process', process);
  const cipher = storeCipher();
  vi.unstubAllGlobals();
  const importKey = vi.spyOn(crypto.subtle, 'importKey');
  await cipher.derive('a', 'b', 'c', 32);
  expect(importKey).toHaveBeenCalledOnce();
});
