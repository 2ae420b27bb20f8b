import * as v from 'valibot';
import { narrowing, optionsObject } from '../options.js';
import type { CacheStore } from './cache-store.js';

/**
 * How long introspection responses are used again. Each number of seconds is an age: the time since the response was
 * requested.
 *
 * The cache contains responses, not decisions: each request is checked against the policy of its own route.
 *
 * @example
 * ```ts
 * const authorizer = new Authorizer({ ...options, cache: { maxAgeSeconds: 60, maxAgeIfErrorSeconds: 300 } });
 * ```
 */
export interface CacheOptions {
  /**
   * How old a cached active response may be, in seconds, at most 2147483. It is never used after the token's `exp`.
   *
   * This is also how long a revoked token may stay usable if `invalidate` is not called. While the server is
   * unavailable, it is `maxAgeIfErrorSeconds`.
   */
  maxAgeSeconds: number;
  /**
   * How old a cached inactive response may be, in seconds. 0: inactive responses are not used again.
   *
   * @default 3
   */
  inactiveMaxAgeSeconds?: number;
  /**
   * At which age a response is refreshed in the background, in seconds. The cached response is used meanwhile. Must be
   * less than `maxAgeSeconds`. A refresh begins up to 5 % earlier, at random.
   *
   * Only a request with the token begins a refresh: a token that is not used is not refreshed. For a token in
   * constant use, the default costs about 30 % more introspection requests, and no request with it waits. `false` turns
   * it off.
   *
   * @default 0.8 × `maxAgeSeconds`
   */
  refreshAfterSeconds?: number | false;
  /**
   * How old an active response may be, in seconds, while the server is unavailable (RFC 5861 §4). It is the total age,
   * so it must be at least `maxAgeSeconds`. 0: no stale response is used.
   *
   * @default 0
   */
  maxAgeIfErrorSeconds?: number;
  /**
   * How many active responses this process caches at most, and how many inactive ones.
   *
   * @default 10000
   */
  maxEntries?: number;
  /**
   * The largest total size of the active responses in this process's cache, in characters of the received bodies. A
   * response that alone is larger is not cached. A parsed response takes up to four bytes per character.
   *
   * @default 67108864 characters, or `maxEntries` × 6500 if that is more
   */
  maxBytes?: number;
  /**
   * How many recently used tokens this process remembers with their cache keys, so that a cache hit needs no hash. The
   * tokens themselves then stay in memory for some time. 0: none.
   *
   * @default 512
   */
  frontEntries?: number;
  /**
   * A cache that several processes share. With it, `maxAgeSeconds` and `maxAgeIfErrorSeconds` may be at most 86400.
   *
   * @default no shared cache
   */
  store?: CacheStore;
  /**
   * With a `store`: the secret that seals what this process writes there, or the current secret and the previous one. Each
   * has at least 32 characters, for example of `openssl rand -base64 32`. Nobody without the secret can read an entry,
   * make a token active, or see whose tokens were invalidated.
   *
   * All processes need the same secret. To replace it, first set `[new, old]` in all processes, then the new one alone.
   *
   * `undefined` and an empty string are errors, because an environment variable may be unset.
   *
   * @default none: without this member, entries are not sealed, which is logged once
   */
  storeSecret?: string | readonly [current: string, previous: string] | undefined;
  /**
   * With a `store`: how long this process uses an active response before it reads the store again, in seconds.
   *
   * @default 5
   */
  localMaxAgeSeconds?: number;
}

/** The checked options with their defaults. Times are in milliseconds. */
export interface CacheSettings {
  maxAgeMs: number;
  inactiveMaxAgeMs: number;
  refreshAfterMs: number;
  maxAgeIfErrorMs: number;
  maxEntries: number;
  maxBytes: number;
  frontEntries: number;
  store: CacheStore | undefined;
  /** The current secret first. `undefined`: entries are not sealed. */
  storeSecrets: readonly [string, ...string[]] | undefined;
  localMaxAgeMs: number;
}

const maxSeconds = 2_147_483; // a store may use a timer, which is limited to 2³¹ − 1 ms
const maxEntries = 2 ** 24; // the size limit of a Map
/**
 * How old a shared response may be at most, whatever the options of a process say. So every process knows how long the
 * record of an `invalidate` (a tombstone) must stay in the store.
 */
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
    [store?.getMany, store?.onInvalidate, store?.lease, store?.close].every(
      (member) => member === undefined || isFunction(member),
    )
  );
}

const defaultMaxBytes = 64 * 2 ** 20;
const defaultBytesPerEntry = 6500;
const bytesMessage = 'must be a whole number of characters, at least 1';

function count(min: number) {
  const message = `must be a whole number of entries, at least ${min} and at most ${maxEntries}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(min, message), v.maxValue(maxEntries, message));
}

const secretMessage =
  'must be a secret of at least 32 characters, or a list of the current secret and the previous one';

function isStoreSecret(value: unknown): boolean {
  const secrets = Array.isArray(value) && value.length === 2 ? value : [value];
  return secrets.every((secret) => typeof secret === 'string' && secret.length >= 32);
}

function secretsOf(given: CacheOptions['storeSecret']): CacheSettings['storeSecrets'] {
  return typeof given === 'string' ? [given] : given;
}

/** The part of `maxAgeSeconds` after which a response is refreshed by default. */
const defaultRefreshPart = 0.8;

function refreshAfterSeconds(options: {
  maxAgeSeconds: number;
  refreshAfterSeconds?: number | false | undefined;
}): number {
  const { maxAgeSeconds, refreshAfterSeconds = maxAgeSeconds > 0 && maxAgeSeconds * defaultRefreshPart } = options;
  return refreshAfterSeconds === false ? Number.POSITIVE_INFINITY : refreshAfterSeconds;
}

const schema = optionsObject({
  maxAgeSeconds: seconds(),
  inactiveMaxAgeSeconds: v.optional(seconds(), 3),
  refreshAfterSeconds: v.optional(v.lazy((given) => (given === false ? v.literal(false) : seconds()))),
  maxAgeIfErrorSeconds: v.optional(seconds(), 0),
  maxEntries: v.optional(count(1), 10_000),
  maxBytes: v.optional(v.pipe(v.number(bytesMessage), v.safeInteger(bytesMessage), v.minValue(1, bytesMessage))),
  frontEntries: v.optional(count(0), 512),
  store: v.optional(
    v.custom<CacheStore>(
      isStore,
      'must have functions "get", "set" and "delete", and may have functions "getMany", "onInvalidate", "lease" and "close"',
    ),
  ),
  storeSecret: narrowing(v.custom<NonNullable<CacheOptions['storeSecret']>>(isStoreSecret, secretMessage)),
  localMaxAgeSeconds: v.optional(seconds(), 5),
});

/** The schema of the option `cache`. */
export const cacheOptions = v.pipe(
  schema,
  v.forward(
    v.check(
      ({ maxAgeSeconds, refreshAfterSeconds }) =>
        typeof refreshAfterSeconds !== 'number' || refreshAfterSeconds < maxAgeSeconds,
      'must be less than "maxAgeSeconds"; false turns refreshes off',
    ),
    ['refreshAfterSeconds'],
  ),
  v.forward(
    v.check(
      ({ maxAgeSeconds, maxAgeIfErrorSeconds }) => maxAgeIfErrorSeconds === 0 || maxAgeIfErrorSeconds >= maxAgeSeconds,
      'must be at least "maxAgeSeconds", because it is the total age that a response may have',
    ),
    ['maxAgeIfErrorSeconds'],
  ),
  v.forward(
    v.check(
      ({ store, maxAgeSeconds, maxAgeIfErrorSeconds }) =>
        store === undefined || Math.max(maxAgeSeconds, maxAgeIfErrorSeconds) <= maxSharedSeconds,
      `allows "maxAgeSeconds" and "maxAgeIfErrorSeconds" of at most ${maxSharedSeconds}`,
    ),
    ['store'],
  ),
  v.transform(
    (checked): CacheSettings => ({
      maxAgeMs: checked.maxAgeSeconds * 1000,
      inactiveMaxAgeMs: checked.inactiveMaxAgeSeconds * 1000,
      refreshAfterMs: refreshAfterSeconds(checked) * 1000,
      maxAgeIfErrorMs: checked.maxAgeIfErrorSeconds * 1000,
      maxEntries: checked.maxEntries,
      maxBytes: checked.maxBytes ?? Math.max(defaultMaxBytes, checked.maxEntries * defaultBytesPerEntry),
      frontEntries: checked.frontEntries,
      store: checked.store,
      storeSecrets: secretsOf(checked.storeSecret),
      localMaxAgeMs: checked.localMaxAgeSeconds * 1000,
    }),
  ),
);
