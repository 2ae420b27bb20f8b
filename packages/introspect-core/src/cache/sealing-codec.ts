import { BoundedEntries } from './bounded-entries.js';
import { base64url, keyBytes, type StoreCipher, storeCipher } from './store-cipher.js';
import type { EntryPlace, LookupKey, StoreCodec } from './store-codec.js';

/** HKDF `info`: no key has two uses. */
const info = {
  entryKeys: 'introspect store 1: entry keys',
  tombstoneKey: 'introspect store 1: tombstone key',
};
const version = 'sealed1';

export interface SealingOptions {
  /** The current secret first. */
  readonly secrets: readonly [string, ...string[]];
  /** Binds a token, or the name of a tombstone, to the settings that the response depends on. */
  readonly textOf: (text: string) => string;
  /** How many keys of entries are remembered, to recognize the changes that other processes report. */
  readonly maxEntries: number;
  readonly cipher?: StoreCipher;
}

/**
 * Seals entries: without the secret, nobody can read one, make one, change it, or use it for another token.
 *
 * The key of an entry and its encryption key are derived from the token and the secret, so that the secret alone opens
 * nothing either. The time of the request is readable, but authenticated. A store can still return an older entry of the
 * same token, or none.
 *
 * Entries are read with each secret, and written with the current one. Names of tombstones are keyed hashes.
 */
export function sealingCodec({ secrets, textOf, maxEntries, cipher = storeCipher() }: SealingOptions): StoreCodec {
  const size = maxEntries * secrets.length;
  const cacheKeys = new BoundedEntries<{ key: string }>({ maxEntries: size, maxSize: size });
  const placeOf = async ({ key, token }: LookupKey, secret: string): Promise<EntryPlace> => {
    const text = textOf(token);
    const derived = await cipher.derive(text, secret, info.entryKeys, 2 * keyBytes);
    const storeKey = base64url(derived.subarray(0, keyBytes));
    const encryptionKey = derived.subarray(keyBytes);
    const bound = (time: string) => `${version} ${storeKey} ${time}`;
    cacheKeys.set(storeKey, { key }, 1);
    return {
      storeKey,
      async encode({ requestedAt, body }) {
        const time = String(requestedAt);
        return `${version} ${time} ${await cipher.encrypt(encryptionKey, body, bound(time))}`;
      },
      async decode(value) {
        const [, time, encrypted] = /^sealed1 (\d{1,15}) ([\w-]+)$/.exec(value) ?? [];
        if (time === undefined || encrypted === undefined) return undefined;
        return { requestedAt: Number(time), body: await cipher.decrypt(encryptionKey, encrypted, bound(time)) };
      },
    };
  };
  return {
    placesOf: (lookup) => {
      const [current, ...others] = secrets;
      return Promise.all([placeOf(lookup, current), ...others.map((secret) => placeOf(lookup, secret))]);
    },
    tombstoneKeys: (name) =>
      Promise.all(
        secrets.map(async (secret) =>
          base64url(await cipher.derive(textOf(name), secret, info.tombstoneKey, keyBytes)),
        ),
      ),
    cacheKeyOf: (storeKey) => cacheKeys.get(storeKey)?.key,
  };
}
