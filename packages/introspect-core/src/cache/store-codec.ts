import type { TombstoneName } from './invalidations.js';

/** A token, and the key of its entry in the cache in memory. */
export interface LookupKey {
  readonly key: string;
  readonly token: string;
}

/** What the value of an entry contains. */
interface StoredEntry {
  /** In whole milliseconds since the epoch. */
  readonly requestedAt: number;
  /** The version of the tombstones and the response as JSON: see `StoreClient`. */
  readonly body: string;
}

/** The place of one entry in a store. */
export interface EntryPlace {
  readonly storeKey: string;
  /** Returns the value to store. */
  encode(entry: StoredEntry): string | Promise<string>;
  /** Returns the content of a stored value. Returns `undefined`, or rejects, if this cache did not write it here. */
  decode(value: string): StoredEntry | undefined | Promise<StoredEntry | undefined>;
}

type EntryPlaces = readonly [EntryPlace, ...EntryPlace[]];

/**
 * Says under which keys, and as what values, entries and tombstones are stored.
 *
 * Entries may be in several places: each is read, and the first one is written. Tombstones are written to each.
 */
export interface StoreCodec {
  placesOf(lookup: LookupKey): EntryPlaces | Promise<EntryPlaces>;
  /** Returns the keys of a tombstone, or of their version, without the prefix of tombstones. */
  tombstoneKeys(name: TombstoneName | 'version:'): Promise<readonly string[]>;
  /** Returns the cache key of an entry. `undefined` if this process has not used that entry recently. */
  cacheKeyOf(storeKey: string): string | undefined;
}

/** Stores entries as they are, under the keys that they have in memory. */
export function plainCodec(keyOf: (text: string) => string | Promise<string>): StoreCodec {
  return {
    placesOf: ({ key }) => [
      {
        storeKey: key,
        encode: ({ requestedAt, body }) => `${requestedAt} ${body}`,
        decode: (value) => {
          const [, digits, body = ''] = /^(\d{1,15}) (.*)$/s.exec(value) ?? [];
          return digits === undefined ? undefined : { requestedAt: Number(digits), body };
        },
      },
    ],
    tombstoneKeys: async (name) => [await keyOf(name)],
    cacheKeyOf: (storeKey) => storeKey,
  };
}
