import { active, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CacheStore } from '../../src/index.js';
import { cachingAuthorizer } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';
import { eventLoopTurns, until } from '../support/event-loop.js';
import { mapStore } from '../support/map-store.js';

let server: ScriptedServer;
let clocks: Clocks;
beforeEach(async () => {
  server = await startScriptedServer();
  server.tokens.set('good', {});
  clocks = new Clocks();
});
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await server.close();
});

const failures: [string, () => Promise<never>][] = [
  [
    'throws',
    () => {
      throw new Error('canary');
    },
  ],
  ['rejects', () => Promise.reject(new Error('canary'))],
];
const storeOf = (member: () => Promise<never>): CacheStore => ({
  get: member,
  set: member,
  delete: member,
  lease: member,
});

describe.each(failures)('a store whose every function %s', (_, member) => {
  it('a failing store is bypassed: the token is introspected, and the response is cached in process', async () => {
    const { authorize, settle, events } = cachingAuthorizer(server, clocks, { cache: { store: storeOf(member) } });
    expect(await authorize('good')).toBe('ok');
    expect(await authorize('bad')).toBe('inactive');
    await settle();
    expect(events).toEqual([
      { type: 'store_failed', operation: 'get' },
      { type: 'cache_miss' },
      { type: 'store_failed', operation: 'set' },
      { type: 'store_failed', operation: 'get' },
      { type: 'cache_miss' },
    ]);
    expect(await authorize('good')).toBe('ok');
    expect(server.introspections).toHaveLength(2);
    clocks.pass(5);
    expect(await authorize('good')).toBe('ok');
    expect(server.introspections).toHaveLength(3);
  });

  it('a failing lease does not prevent the background refresh', async () => {
    const store = { ...mapStore(clocks), lease: member };
    const { authorize, settle, events } = cachingAuthorizer(server, clocks, {
      cache: { store, refreshAfterSeconds: 3 },
    });
    await authorize('good');
    clocks.pass(3);
    expect(await authorize('good')).toBe('ok');
    await settle();
    expect(events.slice(-2)).toEqual([
      { type: 'store_failed', operation: 'lease' },
      { type: 'refreshed', active: true },
    ]);
  });

  it('invalidate rejects if the store fails, but the invalidation holds in this process', async () => {
    const { authorizer, authorize, count } = cachingAuthorizer(server, clocks, { cache: { store: storeOf(member) } });
    const targets = [{ token: 'good' }, { all: true }] as const;
    for (const [i, target] of targets.entries()) {
      expect(await authorize('good')).toBe('ok');
      const error = await authorizer.invalidate(target).catch((fault: unknown) => fault);
      expect(error).toMatchObject({ code: 'unavailable' });
      expect(String(error)).not.toContain('canary');
      expect(error).not.toHaveProperty('cause');
      expect(await authorize('good')).toBe('ok');
      expect(server.introspections).toHaveLength(i + 2);
    }
    expect(count('invalidated')).toBe(2);
  });

  it('a failing store causes no unhandled rejection', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const { authorizer } = cachingAuthorizer(server, clocks, {
      cache: { store: storeOf(member), refreshAfterSeconds: 1 },
    });
    for (let i = 0; i < 3; i++) {
      await authorizer.authorize('Bearer good');
      clocks.pass(2);
    }
    await eventLoopTurns(10);
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });
});

describe('a store that hangs', () => {
  /** Returns how many time limits of store operations have begun. */
  const limits = () => vi.mocked(setTimeout).mock.calls.filter(([, ms]) => ms === 250).length;
  /** Lets the time limit of a store operation pass. `number` counts the operations from 1. */
  async function passLimit(number: number): Promise<void> {
    await until(() => limits() >= number);
    vi.advanceTimersByTime(250);
  }
  const hangs = () => new Promise<never>(() => {});
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    vi.spyOn(globalThis, 'setTimeout');
  });

  it('a store that hangs is bypassed after 250 ms', async () => {
    const { authorize, settle, events } = cachingAuthorizer(server, clocks, { cache: { store: storeOf(hangs) } });
    const pending = authorize('good');
    await until(() => limits() === 1);
    vi.advanceTimersByTime(249);
    expect(server.introspections).toHaveLength(0);
    expect(events).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(await pending).toBe('ok');
    await passLimit(2);
    await settle();
    expect(events).toEqual([
      { type: 'store_failed', operation: 'get' },
      { type: 'cache_miss' },
      { type: 'store_failed', operation: 'set' },
    ]);
  });

  it('a store that keeps hanging costs no further request its time limit, until a probe has succeeded', async () => {
    const map = mapStore(clocks);
    let isHanging = true;
    const call = <Value>(work: () => Promise<Value>) => (isHanging ? hangs() : work());
    const store = {
      get: vi.fn((key: string) => call(() => map.get(key))),
      set: vi.fn((key: string, value: string, ttlMs: number) => call(() => map.set(key, value, ttlMs))),
      delete: (key: string) => call(() => map.delete(key)),
    };
    const { authorizer, authorize, settle, count } = cachingAuthorizer(server, clocks, { cache: { store } });
    const tokens = ['1', '2', '3', '4', '5'].map((token) => authorize(token));
    await until(() => limits() >= 5);
    vi.advanceTimersByTime(250);
    await Promise.all(tokens);
    expect(count('store_failed')).toBe(5);
    const before = limits();
    expect(await authorize('good')).toBe('ok'); // no timer runs meanwhile
    clocks.pass(5);
    expect(await authorize('good')).toBe('ok'); // this one begins the probe
    expect(limits()).toBe(before + 1);
    const invalidated = expect(authorizer.invalidate({ sub: 's' })).rejects.toMatchObject({ code: 'unavailable' });
    await passLimit(before + 2); // an invalidation calls the store all the same
    await invalidated;
    isHanging = false;
    clocks.pass(5);
    expect(await authorize('good')).toBe('ok');
    await settle();
    await eventLoopTurns(5);
    clocks.pass(5);
    expect(await authorize('good')).toBe('ok');
    await settle();
    expect(map.entries.size).toBe(1);
    expect(await cachingAuthorizer(server, clocks, { cache: { store } }).authorize('good')).toBe('ok');
    expect(server.introspections).toHaveLength(8); // the store had the response of the eighth
  });

  it('a read of the tombstones that hangs is bypassed after another 250 ms for all of them together', async () => {
    const store = mapStore(clocks);
    const first = cachingAuthorizer(server, clocks, { cache: { store } });
    server.next(active({ sub: 's', jti: 'j' }));
    await first.authorize('good');
    await first.settle();
    await first.authorizer.invalidate({ sub: 'another' }); // otherwise no tombstone is read
    const isVersion = (value = '') => value.includes('-');
    const get = async (key: string) => {
      const value = await store.get(key);
      return key.startsWith('tombstone.') && !isVersion(value) ? hangs() : value;
    };
    const other = cachingAuthorizer(server, clocks, { cache: { store: { ...store, get } } });
    const before = limits();
    const pending = other.authorize('good');
    await passLimit(before + 2);
    expect(await pending).toBe('ok');
    expect(server.introspections).toHaveLength(2);
    expect(limits()).toBe(before + 3);
    expect(other.count('store_failed')).toBe(1);
  });

  it('a lease that hangs does not prevent the refresh, and invalidate rejects if the write hangs', async () => {
    const lease = async (key: string) => key.startsWith('miss.') || hangs();
    const store = { ...mapStore(clocks), lease };
    const { authorize, settle, count } = cachingAuthorizer(server, clocks, {
      cache: { store, refreshAfterSeconds: 3 },
    });
    await authorize('good');
    await settle();
    clocks.pass(3);
    const before = limits();
    expect(await authorize('good')).toBe('ok');
    await passLimit(before + 1);
    await settle();
    expect(count('refreshed')).toBe(1);
    const hanging = cachingAuthorizer(server, clocks, { cache: { store: { ...store, set: hangs } } });
    const limitsBefore = limits();
    const invalidated = hanging.authorizer.invalidate({ all: true });
    const rejected = expect(invalidated).rejects.toMatchObject({ code: 'unavailable' });
    await passLimit(limitsBefore + 1);
    await rejected;
  });
});

describe('garbage in the store', () => {
  const now = 1_750_000_000_000;
  const good = `${now} {"active":true}`;

  /** A process whose store has this value for each response, and this one for each tombstone. */
  const processReading = (value: unknown, tombstone?: unknown) => {
    const get = async (key: string) => (key.startsWith('tombstone.') ? tombstone : value) as string;
    return cachingAuthorizer(server, clocks, { cache: { store: { ...mapStore(clocks), get } } });
  };

  it('a well-formed response without a newer tombstone is used: the control for the tests of garbage', async () => {
    expect(await processReading(good).authorize('good')).toBe('ok');
    expect(await processReading(good, null).authorize('bad')).toBe('ok');
    expect(await processReading(good, String(now - 5001)).authorize('bad')).toBe('ok');
    expect(server.introspections).toHaveLength(0);
  });

  const garbage: [unknown][] = [
    [''],
    ['garbage'],
    ['{"active":true}'],
    [`${now}`],
    [`${now} `],
    [`${now} garbage`],
    [`${now} {"active":true`],
    [`${now} null`],
    [`${now} true`],
    [`${now} [{"active":true}]`],
    [`${now} {}`],
    [`${now} {"active":false}`],
    [`${now} {"active":"true"}`],
    [`${now} {"active":1}`],
    [`${now} {"__proto__":{"active":true}}`],
    [`${now} {"active":true,"exp":"tomorrow"}`],
    [`${now} {"active":true,"exp":1}`],
    [`${now} {"active":true,"scope":5}`],
    [`${now} {"active":true,"a":${'['.repeat(100)}${']'.repeat(100)}}`],
    [`${now + 1} {"active":true}`],
    ['99999999999999999999 {"active":true}'],
    ['-1 {"active":true}'],
    ['NaN {"active":true}'],
    ['0 {"active":true}'],
    [`${now - 60_000} {"active":true}`],
    [` ${good}`],
    [null],
    [5],
    [{ active: true }],
    [{ toString: 'no function' }],
    [Symbol('garbage')],
  ];

  it.each(garbage)('garbage in place of a response neither accepts nor rejects a token: %j', async (value) => {
    expect(await processReading(value).authorize('bad')).toBe('inactive');
    expect(await processReading(value).authorize('good')).toBe('ok');
    expect(server.introspections).toHaveLength(2);
  });

  it.each([['garbage'], ['NaN'], ['Infinity'], ['{}'], [String(now)], [String(now + 1)]])(
    'garbage in place of a tombstone counts as an invalidation: %j',
    async (tombstone) => {
      expect(await processReading(good, tombstone).authorize('bad')).toBe('inactive');
      expect(server.introspections).toHaveLength(1);
    },
  );

  it('a stored response with "__proto__" pollutes no prototype', async () => {
    const { authorizer } = processReading(
      `${now} {"active":true,"__proto__":{"admin":true},"a":{"__proto__":{"admin":true}}}`,
    );
    const token = await authorizer.authorize('Bearer bad');
    expect(token).toEqual({ active: true, a: {} });
    expect([token.admin, Reflect.get(Object(token.a), 'admin'), Reflect.get({}, 'admin')]).toEqual(
      Array(3).fill(undefined),
    );
  });
});
