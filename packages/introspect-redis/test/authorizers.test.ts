import { randomUUID } from 'node:crypto';
import { Authorizer, type CacheStore, type IntrospectEvent } from '@acme/introspect-core';
import { active, inactive, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type RedisStore, redisStore } from '../src/index.js';
import { findRedis, type RedisServer, startRedis } from './redis-server.js';

const program = findRedis();

it('the report says whether redis-server is installed', ({ annotate }) =>
  annotate(program ?? 'redis-server is not installed on this machine: its tests are skipped'));

describe.runIf(program)('a store in Redis', () => {
  let redis: RedisServer;
  let prefix: string;
  beforeAll(async () => {
    redis = await startRedis();
  }, 30_000);
  afterAll(() => redis.kill());
  beforeEach(() => {
    prefix = `${randomUUID()}:`;
  });

  /** Returns a connected store of this test. */
  async function connected(url = redis.url) {
    const store = redisStore({ url, prefix, onError: () => {} });
    onTestFinished(() => store.close());
    await isBack(store);
    return store;
  }

  const isBack = (store: CacheStore) =>
    vi.waitFor(() => expect(store.get('any')).resolves.toBeUndefined(), { interval: 5, timeout: 60_000 });

  /** Returns each key of this test in Redis, and its remaining milliseconds. */
  async function entries() {
    const client = await createClient({ url: redis.url }).connect();
    const all: { key: string; leftMs: number; endIn(ms: number): Promise<unknown> }[] = [];
    for (const key of await client.keys(`${prefix}*`)) {
      all.push({ key, leftMs: await client.pTTL(key), endIn: (ms) => client.pExpire(key, ms) });
    }
    onTestFinished(() => client.destroy());
    return all;
  }

  /** Waits without an effect on fake timers. */
  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve));
  }

  describe('behind two authorizers', () => {
    let server: ScriptedServer;
    let now: number;
    beforeEach(async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }); // no time limit ends because a machine is slow
      now = 1_750_000_000_000;
      server = await startScriptedServer();
      server.tokens.set('good', { sub: 'mickey' });
    });
    afterEach(async () => {
      vi.useRealTimers();
      await server.close();
    });

    /** The store, except that this process gets each lease for a miss, and so waits for no other process. */
    const withoutWaiting = (store: RedisStore): CacheStore => ({
      ...store,
      lease: async (key, ttlMs) => key.startsWith('miss.') || (await store.lease?.(key, ttlMs)) === true,
    });

    /** An authorizer of another process, its events, and the keys that its store reports. */
    async function newProcess(wrapped = withoutWaiting, { url = redis.url, localMaxAgeSeconds = 5 } = {}) {
      const store = await connected(url);
      const events: IntrospectEvent[] = [];
      const authorizer = new Authorizer({
        introspectionEndpoint: server.introspectionEndpoint,
        clientId: 'api',
        clientSecret: 'secret',
        now: () => now,
        monotonicNow: () => now,
        onEvent: (event) => events.push(event),
        cache: { maxAgeSeconds: 60, localMaxAgeSeconds, store: wrapped(store) },
      });
      const reported: string[] = [];
      store.onInvalidate((key) => reported.push(key), { reset() {}, unreliable() {} }); // after the authorizer's own
      return { authorize: () => authorizer.authorize('Bearer good'), authorizer, store, events, reported };
    }

    /** The values, without the keys of proofs, which live for 5 s. */
    const values = async () =>
      (await entries()).filter(({ key }) => key.includes('value:') && !key.includes('value:probe:'));
    const isShared = () => vi.waitFor(async () => expect(await values()).toHaveLength(1), 60_000);

    it('two authorizers share one introspection through Redis', async () => {
      const [a, b] = [await newProcess(), await newProcess()];
      await expect(a.authorize()).resolves.toMatchObject({ sub: 'mickey' });
      await isShared();
      now += 10_000;
      await expect(b.authorize()).resolves.toMatchObject({ sub: 'mickey' });
      expect(server.introspections).toHaveLength(1);
      expect(b.events).toContainEqual({ type: 'cache_hit', active: true });
      const [{ leftMs } = { leftMs: 0 }] = await values();
      expect(leftMs).toBeGreaterThan(50_000);
      expect(leftMs).toBeLessThanOrEqual(60_000);
    });

    it.each([
      ['good', 'active'],
      ['bad', 'inactive'],
    ])(
      'eight processes that get the token "%s" at the same time introspect it once: it is %s',
      async (token, outcome) => {
        const release = Promise.withResolvers<void>();
        const script = server.tokens.has(token) ? active(server.tokens.get(token)) : inactive();
        server.next((response, request) => void release.promise.then(() => script(response, request)));
        let leases = 0;
        let writes = 0;
        const longMs = 60_000; // a slow machine must not end a lease or a value
        const counting = (store: CacheStore): CacheStore => ({
          ...store,
          lease: async (key) => {
            const isGiven = await store.lease?.(key, longMs);
            leases++;
            return isGiven === true;
          },
          set: async (key, value) => {
            await store.set(key, value, longMs);
            writes++;
          },
        });
        const processes = await Promise.all(Array.from({ length: 8 }, () => newProcess(counting)));
        const outcomes = processes.map(({ authorizer }) =>
          authorizer.authorize(`Bearer ${token}`).then(
            () => 'active',
            ({ reason }) => reason,
          ),
        );
        await until(() => leases === 8);
        await server.introspection(1);
        release.resolve();
        await until(() => writes === 1);
        vi.advanceTimersByTime(20); // the others read Redis again
        expect(await Promise.all(outcomes)).toEqual(Array(8).fill(outcome));
        expect(server.introspections).toHaveLength(1);
      },
    );

    it.each([{ sub: 'mickey' }, { token: 'good' }, { all: true } as const])(
      'an invalidation of %j by one authorizer takes effect in the other immediately',
      async (target) => {
        const [a, b] = [await newProcess(), await newProcess()];
        await a.authorize();
        await isShared();
        now += 1000;
        await b.authorize();
        await b.authorize();
        expect(server.introspections).toHaveLength(1);

        server.tokens.set('good', { sub: 'mickey', scope: 'new' });
        await a.authorizer.invalidate(target);
        await vi.waitFor(() => expect(b.reported.some((key) => key.startsWith('tombstone.'))).toBe(true), 60_000);
        now += 10;
        await expect(b.authorize()).resolves.toMatchObject({ scope: 'new' });
        await expect(a.authorize()).resolves.toMatchObject({ scope: 'new' });
      },
    );

    it('an authorizer that hears of no changes emits "store_failed", and reads Redis again after a second', async () => {
      await redis.command('ACL', 'SETUSER', 'deaf', 'on', '>password', '~*', '&*', '+@all', '-client', '+client|id');
      let reads = 0;
      const counting = (store: RedisStore): CacheStore => ({
        ...withoutWaiting(store),
        getMany: (keys) => {
          reads++;
          return store.getMany(keys);
        },
      });
      const url = redis.url.replace('//', '//deaf:password@');
      const { authorize, events } = await newProcess(counting, { url, localMaxAgeSeconds: 30 });
      await until(() => events.some((event) => event.type === 'store_failed'));
      expect(events[0]).toEqual({ type: 'store_failed', operation: 'onInvalidate' });
      await authorize();
      await isShared();
      const readsAfter = async (ms: number) => {
        const before = reads;
        now += ms;
        await expect(authorize()).resolves.toMatchObject({ sub: 'mickey' });
        return reads - before;
      };
      expect(await readsAfter(999)).toBe(0);
      expect(await readsAfter(1)).toBeGreaterThan(0);
      expect(await readsAfter(999)).toBe(0);
      expect(await readsAfter(1)).toBeGreaterThan(0);
      expect(server.introspections).toHaveLength(1);
    });

    it('an authorizer introspects while Redis hangs, dies and is down, and uses Redis again when it is back', async () => {
      onTestFinished(() => isUp());
      const readStarted = Promise.withResolvers<void>();
      const observed = (store: RedisStore): CacheStore => ({
        ...withoutWaiting(store),
        getMany: (keys) => {
          const values = store.getMany(keys);
          readStarted.resolve();
          return values;
        },
      });
      const [a, b] = [await newProcess(observed), await newProcess()];

      redis.freeze();
      const inFlight = a.authorize();
      await readStarted.promise;
      await redis.kill();
      await expect(inFlight).resolves.toMatchObject({ sub: 'mickey' });
      expect(server.introspections).toHaveLength(1);

      await expect(b.authorize()).resolves.toMatchObject({ sub: 'mickey' });
      await expect(b.authorizer.authorize('Bearer bad')).rejects.toMatchObject({ status: 401, reason: 'inactive' });
      expect(server.introspections).toHaveLength(3);
      expect(b.events).toContainEqual({ type: 'store_failed', operation: 'get' });
      await expect(b.authorizer.invalidate({ sub: 'mickey' })).rejects.toMatchObject({ code: 'unavailable' });

      await isUp();
      await Promise.all([isBack(a.store), isBack(b.store)]);
      now += 61_000;
      await a.authorize();
      await isShared();
      await vi.waitFor(() => expect(b.reported).toHaveLength(1), 60_000); // it listens on its new connection, too
      await b.authorize();
      expect(server.introspections).toHaveLength(4);
    });

    async function isUp() {
      await redis.kill();
      await redis.startAgain();
    }
  });
});
