import { active, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CacheOptions, LogEntry } from '../../src/index.js';
import { cachingAuthorizer, cachingAuthorizerOnWebCrypto } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';
import { mapStore } from '../support/map-store.js';

const secret = 'a secret of the store, for tests';
const nextSecret = 'the next secret, also for tests!';

let server: ScriptedServer;
let clocks: Clocks;
let store: ReturnType<typeof mapStore>;
beforeEach(async () => {
  server = await startScriptedServer();
  clocks = new Clocks();
  store = mapStore(clocks);
});
afterEach(() => server.close());

type Options = Parameters<typeof cachingAuthorizer>[2];
const processOf = (cache: Partial<CacheOptions> = {}, options: Options = {}) =>
  cachingAuthorizer(server, clocks, { cache: { store, storeSecret: secret, ...cache }, ...options });
const onWebCrypto = () => cachingAuthorizerOnWebCrypto(server, clocks, { cache: { store, storeSecret: secret } });
type Process = ReturnType<typeof processOf>;

/** A process that has introspected these tokens and written their entries. */
async function writer(tokens = ['t'], cache: Partial<CacheOptions> = {}): Promise<Process> {
  const process = processOf(cache);
  for (const token of tokens) await process.authorize(token);
  await process.settle();
  return process;
}

/** Returns how many introspections a request in this process costs. */
async function introspections({ authorize, settle }: Process, token = 't'): Promise<number> {
  const before = server.introspections.length;
  expect(await authorize(token)).toBe('ok');
  await settle();
  return server.introspections.length - before;
}

/** Each text as it is, and decoded from hexadecimal, base64 and base64url digits in it. */
function decoded(texts: string[]): string {
  const parts = texts.flatMap((text) => text.split(/[^\w+/=-]+/));
  const decodedParts = parts.flatMap((part) =>
    [0, 1, 2, 3].flatMap((skip) =>
      (['hex', 'base64'] as const).map((encoding) => Buffer.from(part.slice(skip), encoding).toString('latin1')),
    ),
  );
  return [...texts, ...decodedParts].join('\n');
}

describe('a sealed store', () => {
  it('contains no claim, no subject and no token, even decoded', async () => {
    const numbers = Array.from({ length: 20 }, (_, i) => i);
    server.always(active({ sub: 'canary-sub', email: 'canary@example.com', jti: 'canary-jti' }));
    const { authorizer } = await writer(numbers.map((i) => `canary-token-${i}`));
    await authorizer.invalidate({ sub: 'canary-sub' });
    await authorizer.invalidate({ token: 'canary-token-0' });
    await authorizer.invalidate({ jti: 'canary-jti' });
    expect(store.entries.size).toBe(23);
    const dump = [...store.entries].flatMap(([key, { value }]) => [key, value]);
    expect(decoded(dump)).not.toMatch(/canary|active|example/i);
    // The search itself finds what an unsealed store reveals.
    const unsealed = mapStore(clocks);
    const other = cachingAuthorizer(server, clocks, { cache: { store: unsealed }, log: false });
    await other.authorize('canary-token-0');
    await other.settle();
    const value = String([...unsealed.entries.values()][0]?.value);
    for (const text of [value, Buffer.from(value).toString('base64'), Buffer.from(value).toString('hex')]) {
      expect(decoded([text])).toContain('canary');
    }
  });

  it('shares entries and invalidations between processes, on Node and with Web Crypto', async () => {
    server.always(active({ sub: 's' }));
    const tokens = Array.from({ length: 20 }, (_, i) => `token${i}`); // some values then hold the letters - and _
    const first = await writer(tokens);
    const other = onWebCrypto();
    for (const token of tokens) expect(await introspections(other, token)).toBe(0);
    const third = onWebCrypto();
    expect(await introspections(third, 'new')).toBe(1);
    expect(await introspections(first, 'new')).toBe(0);
    await third.authorizer.invalidate({ sub: 's' });
    clocks.pass(5);
    expect(await introspections(first, 'new')).toBe(1);
    expect([...first.events, ...other.events].filter(({ type }) => type === 'store_failed')).toEqual([]);
  });

  it('keeps the claims of a long response, with letters of any language', async () => {
    const name = 'Ж€😀"\\'.repeat(20_000);
    server.always(active({ name }));
    await writer();
    for (const process of [processOf(), onWebCrypto()]) {
      expect(await process.authorizer.authorize('Bearer t')).toMatchObject({ name });
    }
    expect(server.introspections).toHaveLength(1);
  });

  it('uses no entry of which a character was changed', async () => {
    server.always(active());
    await writer();
    const [[key, entry] = []] = [...store.entries];
    const { value = '', until = 0 } = entry ?? {};
    for (let i = 0; i < value.length; i++) {
      const changed = value.slice(0, i) + (value[i] === 'B' ? 'A' : 'B') + value.slice(i + 1);
      for (const process of [processOf(), onWebCrypto()]) {
        store.entries.set(String(key), { value: changed, until });
        expect(await introspections(process), `character ${i}`).toBe(1);
        expect(process.events).toContainEqual({ type: 'store_failed', operation: 'get' });
      }
    }
  }, 60_000);

  it('uses no entry with a later time of its request', async () => {
    server.always(active());
    await writer();
    clocks.pass(30);
    const [[key, entry] = []] = [...store.entries];
    const { value = '', until = 0 } = entry ?? {};
    const [version, time, sealed] = value.split(' ');
    store.entries.set(String(key), { value: `${version} ${Number(time) + 10_000} ${sealed}`, until });
    expect(await introspections(processOf())).toBe(1);
  });

  it('uses no entry that was copied from another token', async () => {
    server.always(active());
    const first = await writer(['admin']);
    const [[, admin] = []] = [...store.entries];
    await introspections(first, 'guest');
    const guestKey = [...store.entries.keys()][1] ?? '';
    store.entries.set(guestKey, admin ?? { value: '', until: 0 });
    const other = processOf();
    expect(await introspections(other, 'guest')).toBe(1);
    expect(other.events).toContainEqual({ type: 'store_failed', operation: 'get' });
  });

  it('uses no entry that was written without the secret, under either key', async () => {
    server.always(active());
    await writer();
    const sealedKey = [...store.entries.keys()][0] ?? '';
    const unsealed = cachingAuthorizer(server, clocks, { cache: { store }, log: false });
    await introspections(unsealed);
    const [, plain] = [...store.entries.values()];
    if (plain !== undefined) store.entries.set(sealedKey, plain);
    const other = processOf();
    expect(await introspections(other)).toBe(1);
    expect(other.events).toContainEqual({ type: 'store_failed', operation: 'get' });
    expect(await introspections(processOf({ storeSecret: nextSecret }))).toBe(1);
  });

  it('derives nothing for a hit of the cache in memory', async () => {
    server.always(active());
    const first = await writer();
    store.get.mockClear();
    const importKey = vi.spyOn(crypto.subtle, 'importKey');
    const other = onWebCrypto();
    await introspections(other);
    expect(importKey).toHaveBeenCalled();
    importKey.mockClear();
    expect([await introspections(first), await introspections(other)]).toEqual([0, 0]);
    expect(importKey).not.toHaveBeenCalled();
    importKey.mockRestore();
  });

  it('revalidates an entry whose change the store reports', async () => {
    const listeners: ((key: string) => void)[] = [];
    const onInvalidate = (listener: (key: string) => void) => {
      listeners.push(listener);
      return () => {};
    };
    server.next(...[1, 2].map((version) => active({ version })));
    const reading = processOf({ store: { ...store, onInvalidate }, localMaxAgeSeconds: 60 });
    expect(await introspections(reading)).toBe(1);
    const [key = ''] = store.entries.keys();
    clocks.pass(1);
    const other = processOf();
    await other.authorize('t', { maxResponseAgeSeconds: 0 });
    await other.settle();
    for (const listener of listeners) listener(`${key}x`);
    expect(await reading.authorizer.authorize('Bearer t')).toMatchObject({ version: 1 });
    for (const listener of listeners) listener(key);
    expect(await reading.authorizer.authorize('Bearer t')).toMatchObject({ version: 2 });
    expect(server.introspections).toHaveLength(2);
  });
});

describe('a store with two secrets', () => {
  const rotating = [nextSecret, secret] as const;

  it('is read with both, and written with the current one', async () => {
    server.always(active());
    await writer(['old']);
    const both = processOf({ storeSecret: rotating });
    expect(await introspections(both, 'old')).toBe(0);
    expect(await introspections(both, 'new')).toBe(1);
    expect(await introspections(processOf({ storeSecret: nextSecret }), 'new')).toBe(0);
    expect(await introspections(processOf({ storeSecret: secret }), 'new')).toBe(1);
    expect(both.count('store_failed')).toBe(0);
  });

  it('uses the newer one of two entries', async () => {
    server.next(...[1, 2].map((version) => active({ version })));
    await writer(['t'], { storeSecret: nextSecret });
    clocks.pass(1);
    await writer();
    const both = processOf({ storeSecret: rotating });
    expect(await both.authorizer.authorize('Bearer t')).toMatchObject({ version: 2 });
  });

  it.each([
    ['sub', { sub: 's' }],
    ['token', { token: 't' }],
  ])('carries an invalidation by %s between the old secret, both and the new one', async (_, target) => {
    server.always(active({ sub: 's' }));
    for (const [invalidating, using] of [
      [rotating, secret],
      [rotating, nextSecret],
      [secret, rotating],
      [nextSecret, rotating],
    ] as const) {
      const user = processOf({ storeSecret: using });
      await introspections(user);
      clocks.pass(5.001);
      await processOf({ storeSecret: invalidating }).authorizer.invalidate(target);
      expect(await introspections(user)).toBe(1);
      clocks.pass(61);
    }
  });
});

describe('a store without a secret', () => {
  const linesOf = async (cache: Partial<CacheOptions>) => {
    server.always(active());
    const lines: LogEntry[] = [];
    const { authorize } = cachingAuthorizer(server, clocks, { cache, log: (entry) => void lines.push(entry) });
    await authorize();
    await authorize('other');
    return lines;
  };

  it('is logged once, with the option to set', async () => {
    const message =
      'The cache has a "store" but no "cache.storeSecret": anyone who can read the store sees the claims of all tokens, and ' +
      'anyone who can write to it can make a token active. Set "cache.storeSecret" to a secret of at least 32 characters';
    const lines = await linesOf({ store });
    expect(lines).toEqual([{ level: 'warn', code: 'unsealed_store', message, suppressed: 0 }]);
  });

  it('is not logged if there is a secret, or no store', async () => {
    expect(await linesOf({ store, storeSecret: secret })).toEqual([]);
    expect(await linesOf({})).toEqual([]);
  });
});
