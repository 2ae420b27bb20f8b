import { describe, expect, it } from 'vitest';
import { BoundedEntries } from '../../src/cache/bounded-entries.js';

const entry = (name: string) => ({ name });

describe('BoundedEntries', () => {
  it('holds at most maxEntries, and evicts the least recently used entry', () => {
    const entries = new BoundedEntries<object>({ maxEntries: 2, maxSize: 1000 });
    for (const key of ['a', 'b']) entries.set(key, entry(key), 1);
    entries.get('a');
    entries.set('c', entry('c'), 1);
    expect(['a', 'b', 'c'].map((key) => entries.peek(key) !== undefined)).toEqual([true, false, true]);
    expect(entries.count).toBe(2);
  });

  it('holds entries of at most maxSize in total, and evicts the least recently used ones', () => {
    const entries = new BoundedEntries<object>({ maxEntries: 100, maxSize: 10 });
    for (const key of ['a', 'b', 'c']) entries.set(key, entry(key), 3);
    entries.peek('a');
    entries.get('b');
    expect(entries.set('d', entry('d'), 6)).toBe(true);
    expect(['a', 'b', 'c', 'd'].map((key) => entries.peek(key) !== undefined)).toEqual([false, true, false, true]);
  });

  it('accepts an entry as large as maxSize, and leaves the key of a larger one without an entry', () => {
    const entries = new BoundedEntries<object>({ maxEntries: 100, maxSize: 10 });
    expect(entries.set('a', entry('a'), 10)).toBe(true);
    expect(entries.set('a', entry('a'), 11)).toBe(false);
    expect(entries.peek('a')).toBeUndefined();
  });

  it('no longer counts an entry that was replaced, deleted or cleared', () => {
    const entries = new BoundedEntries<object>({ maxEntries: 100, maxSize: 10 });
    entries.set('a', entry('a'), 8);
    entries.set('a', entry('newer'), 4);
    expect(entries.set('b', entry('b'), 6)).toBe(true);
    expect([entries.get('a'), entries.count]).toEqual([entry('newer'), 2]);
    entries.delete('a');
    entries.set('c', entry('c'), 4);
    expect(entries.get('b')).toBeDefined();
    entries.clear();
    expect(entries.count).toBe(0);
    expect(entries.set('d', entry('d'), 10)).toBe(true);
  });
});
