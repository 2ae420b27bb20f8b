import { active, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Authorizer, type CacheOptions } from '../../src/index.js';
import { cachingAuthorizer } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';
import { until } from '../support/event-loop.js';
import { mapStore } from '../support/map-store.js';

let server: ScriptedServer;
let clocks: Clocks;
beforeEach(async () => {
  server = await startScriptedServer();
  clocks = new Clocks();
});
afterEach(() => server.close());

/** Returns an active response whose body has that many characters. */
function activeOf(characters: number) {
  const claims = { active: true, filler: '' };
  return active({ filler: 'ß'.repeat(characters - JSON.stringify(claims).length) });
}

describe('maxBytes', () => {
  it('maxBytes limits the characters of the cached response bodies, and the least recently used token is evicted', async () => {
    server.always(activeOf(1000));
    const { authorize, authorizer, count } = cachingAuthorizer(server, clocks, { cache: { maxBytes: 3999 } });
    for (const token of ['a', 'b', 'c', 'a', 'd']) await authorize(token);
    expect(authorizer.stats().entries.active).toBe(3);
    expect(count('cache_hit')).toBe(1);
    for (const token of ['a', 'c', 'd']) await authorize(token);
    expect(count('cache_hit')).toBe(4);
    await authorize('b');
    expect(count('cache_hit')).toBe(4);
  });

  it('maxBytes limits large responses when maxEntries would allow more of them', async () => {
    server.always(activeOf(100_000));
    const { authorize, authorizer } = cachingAuthorizer(server, clocks, { cache: { maxBytes: 5_000_000 } });
    for (let i = 0; i < 60; i++) await authorize(`token-${i}`);
    expect(authorizer.stats().entries.active).toBe(50);
  });

  it('a response larger than maxBytes is used but not cached, emits "too_large_to_cache" and is counted in the stats', async () => {
    server.always(activeOf(1001));
    const { authorize, events, authorizer } = cachingAuthorizer(server, clocks, { cache: { maxBytes: 1000 } });
    expect([await authorize(), await authorize()]).toEqual(['ok', 'ok']);
    expect(server.introspections).toHaveLength(2);
    expect(events.map(({ type }) => type)).toEqual([
      'cache_miss',
      'too_large_to_cache',
      'cache_miss',
      'too_large_to_cache',
    ]);
    expect(authorizer.stats()).toMatchObject({ lookups: { too_large_to_cache: 2 }, entries: { active: 0 } });
    server.always(activeOf(1000));
    expect([await authorize(), await authorize()]).toEqual(['ok', 'ok']);
    expect(server.introspections).toHaveLength(3);
  });

  it('maxBytes counts a response from a store too', async () => {
    server.always(activeOf(600));
    const store = mapStore(clocks);
    const writer = cachingAuthorizer(server, clocks, { cache: { store } });
    for (const token of ['a', 'b']) await writer.authorize(token);
    await until(() => store.entries.size === 2);
    const reader = cachingAuthorizer(server, clocks, { cache: { store, maxBytes: 1000 } });
    for (const token of ['a', 'b']) expect(await reader.authorize(token)).toBe('ok');
    expect([server.introspections.length, reader.authorizer.stats().entries.active]).toEqual([2, 1]);
  });

  it('maxBytes does not apply to inactive tokens, which only maxEntries limits', async () => {
    const { authorize, authorizer } = cachingAuthorizer(server, clocks, { cache: { maxBytes: 1, maxEntries: 3 } });
    for (let i = 0; i < 5; i++) expect(await authorize(`unknown-${i}`)).toBe('inactive');
    expect(authorizer.stats().entries.inactive).toBe(3);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '1000'])(
    'the value %j is rejected with an error that names cache.maxBytes',
    (maxBytes) => {
      expect(() => cachingAuthorizer(server, clocks, { cache: { maxBytes } as CacheOptions })).toThrow(
        /"cache\.maxBytes" must be/,
      );
    },
  );
});

it('the constructor of a cache allocates no memory in proportion to maxEntries', () => {
  const authorizers: Authorizer[] = [];
  const usage = () => {
    const { heapUsed, arrayBuffers, external } = process.memoryUsage();
    return heapUsed + arrayBuffers + external;
  };
  const construct = (maxEntries: number) => {
    const before = usage();
    const options = { introspectionEndpoint: server.introspectionEndpoint, clientId: 'c', clientSecret: 's' };
    authorizers.push(new Authorizer({ ...options, cache: { maxAgeSeconds: 60, maxEntries } }));
    return usage() - before;
  };
  construct(1);
  expect(construct(2 ** 24)).toBeLessThan(2 ** 20);
});
