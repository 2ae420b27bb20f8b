import { describe, expect, it, vi } from 'vitest';
import { type CacheStore, isMarkKey, StoredAnswers } from '../../src/cache/stored-answers.js';
import type { ActiveToken } from '../../src/index.js';
import { Clocks, mapStore } from '../support/caching.js';

const answer: ActiveToken = { active: true, sub: 's', aud: ['a'] };

function stored(members: Partial<CacheStore> = {}) {
  const clocks = new Clocks();
  const store = mapStore(clocks);
  const failed = vi.fn();
  const keyOf = (text: string) => `key-of-${text}`;
  return {
    clocks,
    store,
    failed,
    answers: new StoredAnswers({ ...store, ...members }, { now: clocks.now, keyOf, failed }),
  };
}

describe('a stored answer', () => {
  it('is read as it was written, with when it was asked for', async () => {
    const { answers, store, clocks, failed } = stored();
    await answers.write('k', { answer, stamp: clocks.wallMs + 0.9 }, 1000);
    expect(store.set.mock.calls).toEqual([['k', `1750000000000 ${JSON.stringify(answer)}`, 1000]]);
    expect(await answers.read('k')).toEqual({
      stored: { answer, stamp: 1_750_000_000_000 },
      knownIsForgotten: false,
    });
    expect(failed).not.toHaveBeenCalled();
  });

  it('is read with line breaks in it, though it is not written so', async () => {
    const get = async (key: string) => (isMarkKey(key) ? undefined : '5 {\n"active": true\n}');
    const { answers } = stored({ get });
    expect((await answers.read('k'))?.stored).toEqual({ answer: { active: true }, stamp: 5 });
  });

  it('is not there once it was removed', async () => {
    const { answers, clocks } = stored();
    await answers.write('k', { answer, stamp: clocks.wallMs }, 1000);
    await answers.remove('k');
    expect(await answers.read('k')).toEqual({ knownIsForgotten: false });
  });

  it('is frozen at every level', async () => {
    const { answers, clocks } = stored();
    await answers.write('k', { answer, stamp: clocks.wallMs }, 1000);
    const read = (await answers.read('k'))?.stored?.answer;
    for (const part of [read, read?.aud]) expect(part).toSatisfy(Object.isFrozen);
  });

  it('is not there where it was marked at or after its question, under any of its names', async () => {
    const { answers, clocks } = stored();
    const write = () => answers.write('k', { answer, stamp: clocks.wallMs }, 600_000);
    const read = async () => (await answers.read('k'))?.stored;
    await write();
    await answers.mark('sub:other', { leftAt: clocks.wallMs, ttlMs: 600_000 });
    expect(await read()).toBeDefined();
    for (const name of ['all:', 'sub:s', 'token:k'] as const) {
      await answers.mark(name, { leftAt: clocks.wallMs, ttlMs: 600_000 });
      expect(await read()).toBeUndefined();
      await write();
      expect(await read()).toBeUndefined();
      clocks.pass(5.001);
      await write();
      expect(await read()).toBeDefined();
    }
  });

  it.each(['{"active":true}', '5 {"active":false}', '5 {"active":true,"exp":"never"}', '5 [', '-5 {"active":true}'])(
    'is not there where something else is: %s',
    async (value) => {
      expect(await stored({ get: async () => value }).answers.read('k')).toEqual({ knownIsForgotten: false });
    },
  );

  it('is not there where a mark is none: who knows what was meant', async () => {
    const get = async (key: string) => (isMarkKey(key) ? 'soon' : `5 ${JSON.stringify(answer)}`);
    expect(await stored({ get }).answers.read('k')).toEqual({ knownIsForgotten: false });
  });
});

describe('an answer that this process knows', () => {
  const known = { answer, stamp: 1_750_000_000_000 };

  it('is forgotten where a mark says so, whether or not the store has another', async () => {
    const { answers, clocks } = stored();
    expect(await answers.read('k', known)).toEqual({ knownIsForgotten: false });
    await answers.mark('sub:s', { leftAt: clocks.wallMs, ttlMs: 600_000 });
    expect(await answers.read('k', known)).toEqual({ knownIsForgotten: true });
    clocks.pass(6);
    await answers.write('k', { answer, stamp: clocks.wallMs }, 1000);
    const newer = { answer, stamp: clocks.wallMs };
    expect(await answers.read('k', known)).toEqual({ stored: newer, knownIsForgotten: true });
    expect(await answers.read('k', newer)).toEqual({ stored: newer, knownIsForgotten: false });
  });

  it('does not answer for the marks of another one under the same key', async () => {
    const { answers, clocks } = stored();
    const other: ActiveToken = { active: true, sub: 'other' };
    await answers.write('k', { answer: other, stamp: clocks.wallMs }, 1000);
    await answers.mark('sub:other', { leftAt: clocks.wallMs, ttlMs: 600_000 });
    expect(await answers.read('k', known)).toEqual({ knownIsForgotten: false });
  });

  it('costs no second look at the marks where it has the same names', async () => {
    const { answers, store, clocks } = stored();
    await answers.write('k', { answer, stamp: clocks.wallMs }, 1000);
    await answers.read('k', known);
    expect(store.get.mock.calls.flat().sort()).toEqual([
      'forget.key-of-all:',
      'forget.key-of-sub:s',
      'forget.key-of-token:k',
      'k',
    ]);
  });
});

describe('a mark', () => {
  it('lies under a key that is no answer’s, made as theirs are, and says when it was left', async () => {
    const { answers, clocks, store } = stored();
    await answers.mark('sub:s', { leftAt: clocks.wallMs, ttlMs: 1000 });
    expect(store.set.mock.calls).toEqual([['forget.key-of-sub:s', '1750000000000', 1000]]);
    expect(isMarkKey('forget.key-of-sub:s')).toBe(true);
    expect(isMarkKey('key-of-t')).toBe(false);
  });

  it('that the store did not take is a fault', async () => {
    const { answers, failed } = stored({ set: () => Promise.reject(new Error('canary')) });
    const error = await answers.mark('sub:s', { leftAt: 5, ttlMs: 1000 }).catch((fault: unknown) => fault);
    expect(error).toMatchObject({
      code: 'unavailable',
      message: 'The cache store failed, or took longer than 250 ms',
    });
    expect(failed).toHaveBeenCalledExactlyOnceWith('set');
  });
});

describe('a store', () => {
  it('may be of any class: its functions know what they belong to', async () => {
    class Store implements CacheStore {
      readonly #values = new Map<string, string>();
      async get(key: string) {
        return this.#values.get(key);
      }
      async set(key: string, value: string) {
        this.#values.set(key, value);
      }
      async delete(key: string) {
        this.#values.delete(key);
      }
      async lease(key: string) {
        return !this.#values.has(key);
      }
    }
    const failed = vi.fn();
    const answers = new StoredAnswers(new Store(), { now: () => 5, keyOf: async (text) => text, failed });
    expect(await answers.mayRenew('k', 1)).toBe(true);
    await answers.write('k', { answer, stamp: 5 }, 1);
    expect((await answers.read('k'))?.stored).toEqual({ answer, stamp: 5 });
    expect(await answers.mayRenew('k', 1)).toBe(false);
    await answers.remove('k');
    expect(await answers.read('k')).toEqual({ knownIsForgotten: false });
    expect(failed).not.toHaveBeenCalled();
  });

  it('that has no lease lets everyone renew', async () => {
    expect(await stored().answers.mayRenew('k', 1000)).toBe(true);
  });

  it.each<[string, Partial<CacheStore>, (answers: StoredAnswers) => Promise<unknown>, unknown]>([
    ['get', { get: () => Promise.reject(new Error()) }, (answers) => answers.read('k'), undefined],
    [
      'set',
      { set: () => Promise.reject(new Error()) },
      (answers) => answers.write('k', { answer, stamp: 1 }, 1),
      undefined,
    ],
    ['delete', { delete: () => Promise.reject(new Error()) }, (answers) => answers.remove('k'), undefined],
    ['lease', { lease: () => Promise.reject(new Error()) }, (answers) => answers.mayRenew('k', 1), true],
  ])('that fails to %s is told of, and counts as not there', async (operation, members, act, outcome) => {
    const { answers, failed } = stored(members);
    expect(await act(answers)).toBe(outcome);
    expect(failed).toHaveBeenCalledExactlyOnceWith(operation);
  });
});
