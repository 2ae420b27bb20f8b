import { active, startScriptedServer } from '@acme/introspect-testing';
import { describe, expect, it } from 'vitest';
import { FrontTable } from '../../src/cache/front-table.js';
import { Authorizer } from '../../src/index.js';

const end = 'e'.repeat(43);

describe('FrontTable', () => {
  it('returns the key of a token that was added, and of no other', () => {
    const table = new FrontTable(10);
    table.add(`one${end}`, 'key of one');
    expect(table.find(`one${end}`)?.key).toBe('key of one');
    for (const other of [`two${end}`, end, `one${end}e`, `xone${end}`, 'one', '']) {
      expect(table.find(other)?.key, other).toBeUndefined();
    }
  });

  it('replaces a token that has the same end', () => {
    const table = new FrontTable(10);
    table.add(`one${end}`, '1');
    table.add(`two${end}`, '2');
    expect([table.find(`one${end}`)?.key, table.find(`two${end}`)?.key]).toEqual([undefined, '2']);
  });

  it('finds tokens that are shorter than the end', () => {
    const table = new FrontTable(10);
    table.add('a', '1');
    table.add('ba', '2');
    expect([table.find('a')?.key, table.find('ba')?.key, table.find('ca')?.key]).toEqual(['1', '2', undefined]);
  });

  it('holds a limited number of tokens, and replaces the one that was added first', () => {
    const table = new FrontTable(2);
    for (const token of ['a', 'b', 'a', 'c']) table.add(token, token);
    expect(['a', 'b', 'c'].map((token) => table.find(token)?.key)).toEqual(['a', undefined, 'c']);
  });

  it('holds no token if its limit is 0, or after the token was deleted', () => {
    const none = new FrontTable(0);
    none.add('a', '1');
    expect(none.find('a')).toBeUndefined();
    const table = new FrontTable(1);
    table.add('a', '1');
    table.delete('a');
    expect(table.find('a')?.key).toBeUndefined();
  });

  it('returns no wrong key in a million lookups of tokens with few different ends', () => {
    const table = new FrontTable(64);
    let seed = 20_261_127;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed % below;
    };
    const parts = ['', 'a', 'b', 'ab', 'x'.repeat(40)];
    const tokens = Array.from({ length: 600 }, (_, i) => `${i % 7}${parts[i % 5]}${String(i % 90).padStart(43, 'z')}`);
    let wrong = 0;
    let found = 0;
    for (let i = 0; i < 1_000_000; i++) {
      const token = tokens[random(tokens.length)] ?? '';
      const key = table.find(token)?.key;
      if (key === undefined) table.add(token, `key of ${token}`);
      else if (key === `key of ${token}`) found++;
      else wrong++;
    }
    expect(wrong).toBe(0);
    expect(found).toBeGreaterThan(10_000);
  });
});

describe('a hit through the front table', () => {
  it.each([
    [999, 'a'],
    [1000, 'b'],
  ])('%i ms after the last one that did, lets the cache evict %s first', async (ms, evicted) => {
    const server = await startScriptedServer();
    server.always(active({ sub: 'mickey' }));
    let now = 1_000_000;
    const authorizer = new Authorizer({
      introspectionEndpoint: server.introspectionEndpoint,
      clientId: 'api',
      clientSecret: 'secret',
      cache: { maxAgeSeconds: 60, maxEntries: 2 },
      now: () => now,
      monotonicNow: () => now,
    });
    const guard = authorizer.guard();
    // The first one is stored, the second one enters the front table, and the third one goes through it.
    for (const token of ['a', 'a', 'a', 'b']) await guard(`Bearer ${token}`);
    now += ms;
    await guard('Bearer a');
    await guard('Bearer c'); // the cache holds two
    const before = server.introspections.length;
    await guard(`Bearer ${evicted === 'a' ? 'b' : 'a'}`);
    expect(server.introspections).toHaveLength(before);
    await guard(`Bearer ${evicted}`);
    expect(server.introspections).toHaveLength(before + 1);
    await server.close();
  });
});
