import { randomUUID } from 'node:crypto';
import { storeContractCases } from '@acme/introspect-testing';
import { Redis } from 'ioredis';
import { Redis as Valkey } from 'iovalkey';
import { createClient } from 'redis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { fromIoredis, type RedisStore, redisStore, type StoreOptions } from '../src/index.js';
import { observed, proven, waiting } from './observed-store.js';
import { findRedis, type RedisServer, startRedis } from './redis-server.js';

const program = findRedis();

it('the report says whether redis-server is installed', ({ annotate }) =>
  annotate(program ?? 'redis-server is not installed on this machine: its tests are skipped'));

type Make = (redis: RedisServer, options: StoreOptions) => RedisStore;

const makers: Record<string, Make> = {
  'redisStore with a URL': ({ url }, options) => redisStore({ url, ...options }),
  'redisStore with a client': ({ url }, options) => redisStore({ client: createClient({ url }), ...options }),
  'fromIoredis with ioredis 6, which has RESP3 by default': ({ url }, options) =>
    fromIoredis(new Redis(url, { lazyConnect: true }), options),
  'fromIoredis with iovalkey': ({ url }, options) => fromIoredis(new Valkey(url, { lazyConnect: true }), options),
  'redisStore that publishes': ({ url }, options) => redisStore({ url, ...options, invalidation: 'publish' }),
  'fromIoredis that publishes': ({ url }, options) =>
    fromIoredis(new Redis(url, { lazyConnect: true }), { ...options, invalidation: 'publish' }),
};

describe.runIf(program)('a store in Redis', () => {
  let redis: RedisServer;
  let prefix: string;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.kill());
  beforeEach(() => {
    prefix = `${randomUUID()}:`;
  });

  const storeOf = (make: Make, server = redis) => observed((options) => make(server, options), prefix);
  const provenOf = (make: Make, server = redis) => proven((options) => make(server, options), prefix);

  async function keys(server = redis): Promise<string[]> {
    return ((await server.command('KEYS', `${prefix}*`)) as string[]).filter((key) => !key.includes('probe:'));
  }

  const elapse = async (ms: number) => {
    for (const key of await keys()) {
      const leftMs = Number(await redis.command('PTTL', key));
      await redis.command('PEXPIRE', key, String(leftMs - ms));
    }
  };

  describe.each(Object.entries(makers))('%s', (_, make) => {
    it.each(storeContractCases({ lease: true, onInvalidate: true }))('$name', async ({ check }) => {
      await check({ store: (await provenOf(make)).store, other: (await provenOf(make)).store, elapse });
    });

    it('writes only keys with its prefix and a time to live', async () => {
      const { store } = storeOf(make);
      await store.set('key', 'value', 60_000);
      await store.lease('key', 60_000);
      expect((await keys()).sort()).toEqual([`${prefix}lease:key`, `${prefix}value:key`]);
      for (const key of await keys()) expect(Number(await redis.command('PTTL', key))).toBeGreaterThan(50_000);
    });

    it('reports neither its own writes, nor leases, nor proofs of other processes', async () => {
      const { store, reported } = await provenOf(make);
      const other = await provenOf(make);
      reported.length = 0;
      await store.set('own', 'value', 60_000);
      await store.delete('own');
      await other.store.lease('leased', 60_000);
      await other.store.set('last', 'value', 60_000);
      await vi.waitFor(() => expect(reported).toContain('last'), waiting);
      expect(reported).toEqual(['last']);
    });

    it('reports that any key may have changed after a lost connection, and then single keys again', async () => {
      const { reported, store } = await provenOf(make);
      const other = await provenOf(make);
      reported.length = 0;
      await redis.command('CLIENT', 'KILL', 'TYPE', 'normal');
      await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await vi.waitFor(() => expect(reported).toContain('(reset)'), waiting);
      await vi.waitFor(async () => {
        await other.store.set('after', 'value', 60_000);
        expect(reported).toContain('after');
      }, waiting);
      await vi.waitFor(() => expect(store.get('after')).resolves.toBe('value'), waiting);
    });
  });

  it.each(Object.entries(makers).slice(0, 4))('%s reports a FLUSHALL', async (_, make) => {
    const server = await startRedis();
    onTestFinished(() => server.kill());
    const { reported } = await provenOf(make, server);
    reported.length = 0;
    await server.command('FLUSHALL');
    await vi.waitFor(() => expect(reported).toContain('(reset)'), waiting);
  });

  it.each(Object.entries(makers))('%s rejects while Redis is dead, and works after a restart', async (_, make) => {
    const server = await startRedis();
    onTestFinished(() => server.kill());
    const { store, errors, reported } = await provenOf(make, server);
    await server.kill();
    await vi.waitFor(() => expect(store.get('key')).rejects.toThrow('no connection'), waiting);
    await vi.waitFor(() => expect(errors).not.toEqual([]), waiting);
    reported.length = 0;
    await server.startAgain();
    await vi.waitFor(() => expect(store.set('key', 'value', 60_000)).resolves.toBeUndefined(), waiting);
    await vi.waitFor(() => expect(reported).toContain('(reset)'), waiting);
    await expect(store.get('key')).resolves.toBe('value');
  });

  const ioredisThatDropsReports: Make = ({ url }, options) => {
    const redis = new Redis(url, { lazyConnect: true });
    // With RESP3, ioredis 6 accepts CLIENT TRACKING and passes on no report.
    const duplicate = (override?: object) => redis.duplicate({ ...override, protocol: 3 });
    return fromIoredis({ options: redis.options, duplicate }, options);
  };
  const withoutTracking = ['-client', '+client|id', '+client|setname']; // Redis 6.2 knows no "-client|tracking"
  const setRights = (server: RedisServer, ...rights: string[]) =>
    server.command('ACL', 'SETUSER', 'default', ...rights);

  it.each([
    ...Object.entries(makers)
      .slice(0, 4)
      .map(([name, make]) => ['without the right to track', name, make] as const),
    ['without reports', 'fromIoredis', ioredisThatDropsReports] as const,
  ])('%s, %s works, and says that reports are unreliable: to the cache, and to "onError"', async (_, __, make) => {
    const server = await startRedis();
    onTestFinished(() => server.kill());
    if (make !== ioredisThatDropsReports) await setRights(server, ...withoutTracking);
    const { store, errors, reported, listen } = storeOf(make, server);
    listen();
    await store.set('key', 'value', 60_000);
    await expect(store.get('key')).resolves.toBe('value');
    await vi.waitFor(() => expect(String(errors[0])).toContain('does not report changes to this process'), waiting);
    await vi.waitFor(() => expect(reported).toContain('(unreliable)'), waiting);
    const later: string[] = [];
    const listener = (name: string) => () => later.push(name);
    store.onInvalidate(listener('changed'), { reset: listener('reset'), unreliable: listener('unreliable') });
    expect(later[0]).toBe('unreliable');
    if (make === ioredisThatDropsReports) return;
    await setRights(server, '+client');
    await vi.waitFor(() => expect(reported.at(-1)).toBe('(reset)'), waiting);
    const other = await provenOf(make, server);
    await vi.waitFor(async () => {
      await other.store.set('now', 'value', 60_000);
      expect(reported).toContain('now');
    }, waiting);
  });

  it('a server that does not respond for a second, after the proof, loses no report', async () => {
    const server = await startRedis();
    onTestFinished(() => server.kill());
    const { store, reported } = await provenOf(makers['redisStore with a URL'] as Make, server);
    const sleep = server.command('DEBUG', 'SLEEP', '1');
    await expect(store.get('key')).resolves.toBeUndefined();
    await sleep;
    const other = await provenOf(makers['redisStore with a URL'] as Make, server);
    await other.store.set('after', 'value', 60_000);
    await vi.waitFor(() => expect(reported).toContain('after'), waiting);
  });

  it('"onError" says that the server is a replica', async () => {
    const server = await startRedis('--replicaof', '127.0.0.1', '1');
    onTestFinished(() => server.kill());
    const { store, errors, reported, listen } = storeOf(makers['redisStore with a URL'] as Make, server);
    listen();
    await vi.waitFor(() => expect(reported).toContain('(unreliable)'), waiting);
    expect(String(errors[0])).toContain('This server is a replica: use a client that finds the master');
    await expect(store.set('key', 'value', 60_000)).rejects.toThrow('READONLY');
  });

  it('the store rejects without a server, and after its end', async () => {
    const { store, errors } = storeOf(() => redisStore({ url: 'redis://127.0.0.1:1', onError: () => {} }));
    await expect(store.get('key')).rejects.toThrow('There is no connection to Redis');
    await store.close();
    await expect(store.set('key', 'value', 1)).rejects.toThrow('The Redis store was closed');
    expect(errors).toEqual([]);
  });
});

it('an invalid option throws a TypeError that names it', () => {
  const url = 'redis://127.0.0.1:1';
  const make = (options: object) => () => redisStore({ url, ...options } as Parameters<typeof redisStore>[0]);
  expect(make({ prefx: '' })).toThrow(
    'unknown option "prefx"; known options: url, client, prefix, invalidation, onError',
  );
  expect(make({ url: undefined })).toThrow('set either "url" or "client"');
  expect(make({ url: 'http://a.example' })).toThrow('"url" must');
  expect(make({ url: undefined, client: {} })).toThrow('"client" must');
  expect(make({ prefix: 1 })).toThrow('"prefix" must');
  expect(make({ invalidation: 'none' })).toThrow('"invalidation" must');
  expect(make({ onError: 1 })).toThrow('"onError" must');
  const prefixed = new Redis({ lazyConnect: true, keyPrefix: 'a:' });
  expect(() => fromIoredis(prefixed)).toThrow('no "keyPrefix"');
  expect(() => fromIoredis({} as Redis)).toThrow('the first argument must');
});
