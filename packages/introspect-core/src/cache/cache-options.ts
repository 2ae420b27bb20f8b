import * as v from 'valibot';
import { optionsObject } from '../options.js';
import type { CacheStore } from './store-client.js';

/** How long answers are used again. What is kept is the server's answer; every request is judged by its own policy. */
export interface CacheOptions {
  /** How old an active answer may be when it is used again; never past its `exp`. What a revocation may take to be seen. */
  maxAgeSeconds: number;
  /** The same for an inactive answer; 3 unless given, 0 keeps none. */
  inactiveMaxAgeSeconds?: number;
  /** An answer older than this serves on while one question in the background renews it. Less than `maxAgeSeconds`. */
  refreshAfterSeconds?: number;
  /** How old an active answer may be, in all, while the server cannot be reached; 0 unless given. */
  maxAgeIfErrorSeconds?: number;
  /** How many active answers are kept in this process, and as many inactive ones; 10000 unless given. */
  maxEntries?: number;
  /**
   * The total size of the active responses that are cached in this process, in characters of the response bodies as
   * received. A response that alone is larger is not cached. A parsed response takes up to four bytes per character.
   *
   * @default 67108864 characters, or `maxEntries` × 6500 if that is more
   */
  maxBytes?: number;
  /** A second tier, shared with other processes. */
  store?: CacheStore;
  /** With a `store`: how long an answer is used in this process before the store is looked at again; 5 unless given. */
  localMaxAgeSeconds?: number;
}

/** The options, checked, with their defaults, in milliseconds. */
export interface CacheSettings {
  maxAgeMs: number;
  inactiveMaxAgeMs: number;
  refreshAfterMs: number;
  maxAgeIfErrorMs: number;
  maxEntries: number;
  maxBytes: number;
  store: CacheStore | undefined;
  localMaxAgeMs: number;
}

const maxSeconds = 2_147_483; // a timer of a store holds no more milliseconds than 2³¹ − 1
const maxEntries = 2 ** 24; // what a Map holds
/** So that marks need not lie in a store for longer, whatever the settings of the processes that share it. */
export const maxSharedSeconds = 86_400;

function seconds() {
  const message = `must be a number of seconds, at least 0 and at most ${maxSeconds}`;
  return v.pipe(v.number(message), v.finite(message), v.minValue(0, message), v.maxValue(maxSeconds, message));
}

function isStore(value: unknown): boolean {
  const store = value as Partial<CacheStore> | null | undefined;
  const isFunction = (member: unknown) => typeof member === 'function';
  return (
    [store?.get, store?.set, store?.delete].every(isFunction) &&
    [store?.onInvalidate, store?.lease].every((member) => member === undefined || isFunction(member))
  );
}

const defaultMaxBytes = 64 * 2 ** 20;
const defaultBytesPerEntry = 6500;
const bytesMessage = 'must be a whole number of characters, at least 1';
const entriesMessage = `must be a whole number of entries, at least 1 and at most ${maxEntries}`;

const schema = optionsObject({
  maxAgeSeconds: seconds(),
  inactiveMaxAgeSeconds: v.optional(seconds(), 3),
  refreshAfterSeconds: v.optional(seconds()),
  maxAgeIfErrorSeconds: v.optional(seconds(), 0),
  maxEntries: v.optional(
    v.pipe(
      v.number(entriesMessage),
      v.integer(entriesMessage),
      v.minValue(1, entriesMessage),
      v.maxValue(maxEntries, entriesMessage),
    ),
    10_000,
  ),
  maxBytes: v.optional(v.pipe(v.number(bytesMessage), v.safeInteger(bytesMessage), v.minValue(1, bytesMessage))),
  store: v.optional(
    v.custom<CacheStore>(
      isStore,
      'must have functions "get", "set" and "delete"; "onInvalidate" and "lease" may follow',
    ),
  ),
  localMaxAgeSeconds: v.optional(seconds(), 5),
});

/** The schema of the option `cache`. */
export const cacheOptions = v.pipe(
  schema,
  v.forward(
    v.check(
      ({ maxAgeSeconds, refreshAfterSeconds }) =>
        refreshAfterSeconds === undefined || refreshAfterSeconds < maxAgeSeconds,
      'must be less than "maxAgeSeconds", or nothing is ever renewed',
    ),
    ['refreshAfterSeconds'],
  ),
  v.forward(
    v.check(
      ({ maxAgeSeconds, maxAgeIfErrorSeconds }) => maxAgeIfErrorSeconds === 0 || maxAgeIfErrorSeconds >= maxAgeSeconds,
      'is the whole age that an answer may reach, so it must not be less than "maxAgeSeconds"',
    ),
    ['maxAgeIfErrorSeconds'],
  ),
  v.forward(
    v.check(
      ({ store, maxAgeSeconds, maxAgeIfErrorSeconds }) =>
        store === undefined || Math.max(maxAgeSeconds, maxAgeIfErrorSeconds) <= maxSharedSeconds,
      `takes no answer that is to be kept for more than ${maxSharedSeconds} seconds ("maxAgeSeconds", "maxAgeIfErrorSeconds")`,
    ),
    ['store'],
  ),
  v.transform(
    (checked): CacheSettings => ({
      maxAgeMs: checked.maxAgeSeconds * 1000,
      inactiveMaxAgeMs: checked.inactiveMaxAgeSeconds * 1000,
      refreshAfterMs: (checked.refreshAfterSeconds ?? Number.POSITIVE_INFINITY) * 1000,
      maxAgeIfErrorMs: checked.maxAgeIfErrorSeconds * 1000,
      maxEntries: checked.maxEntries,
      maxBytes: checked.maxBytes ?? Math.max(defaultMaxBytes, checked.maxEntries * defaultBytesPerEntry),
      store: checked.store,
      localMaxAgeMs: checked.localMaxAgeSeconds * 1000,
    }),
  ),
);
