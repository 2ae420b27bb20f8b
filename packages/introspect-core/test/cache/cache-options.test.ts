import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { cacheOptions } from '../../src/cache/cache-options.js';
import { Authorizer, type CacheOptions } from '../../src/index.js';

const store = { get: async () => undefined, set: async () => {}, delete: async () => {} };
const construct = (cache: unknown) => () =>
  new Authorizer({
    introspectionEndpoint: 'https://as.example.com/introspect',
    clientId: 'c',
    clientSecret: 's',
    cache: cache as CacheOptions,
  });

describe('the option "cache"', () => {
  it.each([
    [{ maxAgeSeconds: 60 }, 48_000],
    [{ maxAgeSeconds: 60, refreshAfterSeconds: 10 }, 10_000],
    [{ maxAgeSeconds: 60, refreshAfterSeconds: 0 }, 0],
    [{ maxAgeSeconds: 60, refreshAfterSeconds: false as const }, Number.POSITIVE_INFINITY],
    [{ maxAgeSeconds: 0 }, Number.POSITIVE_INFINITY],
  ])('%j: a response is refreshed after %d ms', (options, expected) => {
    expect(v.parse(cacheOptions, options).refreshAfterMs).toBe(expected);
  });

  it('without "maxAgeSeconds": the error says that it is missing', () => {
    expect(construct({})).toThrow(new TypeError('Authorizer: "cache.maxAgeSeconds" is missing'));
  });

  it('is converted to milliseconds, with its defaults', () => {
    expect(v.parse(cacheOptions, { maxAgeSeconds: 60 })).toEqual({
      maxAgeMs: 60_000,
      inactiveMaxAgeMs: 3000,
      refreshAfterMs: 48_000,
      maxAgeIfErrorMs: 0,
      maxEntries: 10_000,
      maxBytes: 67_108_864,
      frontEntries: 512,
      store: undefined,
      storeSecrets: undefined,
      localMaxAgeMs: 5000,
    });
    const all = {
      maxAgeSeconds: 0.5,
      inactiveMaxAgeSeconds: 0,
      refreshAfterSeconds: 0.25,
      maxAgeIfErrorSeconds: 0.5,
      maxEntries: 1,
      maxBytes: 1,
      frontEntries: 0,
      store,
      localMaxAgeSeconds: 0,
    };
    expect(v.parse(cacheOptions, all)).toEqual({
      maxAgeMs: 500,
      inactiveMaxAgeMs: 0,
      refreshAfterMs: 250,
      maxAgeIfErrorMs: 500,
      maxEntries: 1,
      maxBytes: 1,
      frontEntries: 0,
      store,
      localMaxAgeMs: 0,
    });
  });

  it('allows 6500 characters for each entry by default, and at least 67,108,864 characters in total', () => {
    const maxBytesOf = (maxEntries: number) => v.parse(cacheOptions, { maxAgeSeconds: 60, maxEntries }).maxBytes;
    expect([1, 10_324, 10_325, 1_000_000].map(maxBytesOf)).toEqual([67_108_864, 67_108_864, 67_112_500, 6_500_000_000]);
  });

  it('passes on the store itself, even if it is an instance of a class', () => {
    class Store {
      get = store.get;
      set = store.set;
      delete = store.delete;
      lease = async () => true;
      onInvalidate = () => () => {};
    }
    const instance = new Store();
    expect(v.parse(cacheOptions, { maxAgeSeconds: 1, store: instance }).store).toBe(instance);
  });

  it.each([
    [{ maxAgeSeconds: 0 }],
    [{ maxAgeSeconds: 2_147_483, maxAgeIfErrorSeconds: 2_147_483, refreshAfterSeconds: 0 }],
    [{ maxAgeSeconds: 60, refreshAfterSeconds: 59.999, maxAgeIfErrorSeconds: 60 }],
    [{ maxAgeSeconds: 60, maxEntries: 2 ** 24 }],
    [{ maxAgeSeconds: 60, maxAgeIfErrorSeconds: 0 }],
    [{ maxAgeSeconds: 60, refreshAfterSeconds: undefined, store: undefined }],
  ])('accepts %j', (cache) => {
    expect(v.safeParse(cacheOptions, cache).success).toBe(true);
  });

  const names = [
    'maxAgeSeconds',
    'inactiveMaxAgeSeconds',
    'refreshAfterSeconds',
    'maxAgeIfErrorSeconds',
    'localMaxAgeSeconds',
  ];
  const values = [-1, Number.NaN, Number.POSITIVE_INFINITY, 2_147_484, '60', null];
  const badSeconds = names.flatMap((name) =>
    values.map((value): [object, string] => [
      { maxAgeSeconds: 60, [name]: value },
      `"cache.${name}" must be a number of seconds, at least 0 and at most 2147483`,
    ]),
  );
  const badEntries = [0, -1, 1.5, 2 ** 24 + 1, Number.NaN, '10', null].map((maxEntries): [object, string] => [
    { maxAgeSeconds: 60, maxEntries },
    '"cache.maxEntries" must be a whole number of entries, at least 1 and at most 16777216',
  ]);
  const badStores = [
    null,
    5,
    {},
    { ...store, get: undefined },
    { ...store, set: 'set' },
    { ...store, delete: null },
    { ...store, lease: true },
    { ...store, onInvalidate: null },
    { ...store, getMany: {} },
  ].map((each): [object, string] => [
    { maxAgeSeconds: 60, store: each },
    '"cache.store" must have functions "get", "set" and "delete"',
  ]);

  const secret = 'canary-0123456789-0123456789-012';
  const badSecrets = [null, 5, '', secret.slice(1), [], [secret], [secret, secret.slice(1)], [secret, secret, secret]];
  const badStoreSecrets = badSecrets.map((storeSecret): [object, string] => [
    { maxAgeSeconds: 60, store, storeSecret },
    '"cache.storeSecret" must be a secret of at least 32 characters, or a list of the current secret and the previous one',
  ]);

  it('rejects a secret that is undefined, because an environment variable may be unset', () => {
    expect(construct({ maxAgeSeconds: 60, store, storeSecret: undefined })).toThrow(
      '"cache.storeSecret" is undefined: leave it out, or give a value; is an environment variable unset?',
    );
  });

  it.each([
    [secret, [secret]],
    [
      [secret, 'x'.repeat(32)],
      [secret, 'x'.repeat(32)],
    ],
  ])('has the current secret first: %j', (storeSecret, expected) => {
    const parsed = v.parse(cacheOptions, { maxAgeSeconds: 60, store, storeSecret: storeSecret as string });
    expect(parsed.storeSecrets).toEqual(expected);
  });

  it('with a secret that is too short: the error does not contain the secret', () => {
    expect(construct({ maxAgeSeconds: 60, store, storeSecret: 'canary' })).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('canary') }),
    );
  });

  it.each<[unknown, string]>([
    ...badSeconds,
    ...badEntries,
    ...badStores,
    ...badStoreSecrets,
    [true, '"cache" must be an object'],
    [null, '"cache" must be an object'],
    [60, '"cache" must be an object'],
    [{}, '"cache.maxAgeSeconds"'],
    [
      { maxAgeSeconds: 60, maxAge: 60 },
      'unknown option "cache.maxAge"; known options: maxAgeSeconds, inactiveMaxAgeSeconds',
    ],
    [{ maxAgeSeconds: 60, refreshAfterSeconds: 60 }, '"cache.refreshAfterSeconds" must be less than "maxAgeSeconds"'],
    [{ maxAgeSeconds: 60, refreshAfterSeconds: 61 }, '"cache.refreshAfterSeconds" must be less than "maxAgeSeconds"'],
    [{ maxAgeSeconds: 60, maxAgeIfErrorSeconds: 59 }, '"cache.maxAgeIfErrorSeconds" must be at least "maxAgeSeconds"'],
    [
      { maxAgeSeconds: 86_401, store },
      '"cache.store" allows "maxAgeSeconds" and "maxAgeIfErrorSeconds" of at most 86400',
    ],
    [
      { maxAgeSeconds: 60, maxAgeIfErrorSeconds: 86_401, store },
      '"cache.store" allows "maxAgeSeconds" and "maxAgeIfErrorSeconds" of at most 86400',
    ],
  ])('is rejected if it is %j', (cache, message) => {
    expect(construct(cache)).toThrow(TypeError);
    expect(construct(cache)).toThrow(`Authorizer: ${message}`);
  });
});
