import { active, inactive, reset, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cachingAuthorizer, cachingAuthorizerOnWebCrypto } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';
import { until } from '../support/event-loop.js';
import { holdResponse } from '../support/held-response.js';
import { mapStore } from '../support/map-store.js';

let server: ScriptedServer;
let clocks: Clocks;
let store: ReturnType<typeof mapStore>;
beforeEach(async () => {
  server = await startScriptedServer();
  clocks = new Clocks();
  store = mapStore(clocks);
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await server.close();
});

/** One of the processes that share the store. */
const processOf = (cache: object = {}) => cachingAuthorizer(server, clocks, { cache: { store, ...cache } });
type Process = ReturnType<typeof processOf>;

/** The server's answers, as they reach requests: they count up. */
const versionOf = async ({ authorizer, settle }: Process, policy = {}) => {
  const { version } = await authorizer.authorize('Bearer t', policy);
  await settle();
  return version;
};

/** A process that has asked, and stored what it heard. */
async function asked(cache: object = {}): Promise<Process> {
  const first = processOf(cache);
  await first.authorize();
  await first.settle();
  return first;
}

const versions = (claims: object = {}) => server.next(...[1, 2, 3, 4].map((version) => active({ version, ...claims })));

describe('an answer in the store', () => {
  it('is a hit in another process, and keeps the age that it has', async () => {
    versions();
    await asked();
    clocks.pass(50);
    const other = processOf({ localMaxAgeSeconds: 60 });
    expect(await versionOf(other)).toBe(1);
    expect(other.events).toEqual([{ type: 'cache_hit', active: true }]);
    expect(await versionOf(other, { maxResponseAgeSeconds: 51 })).toBe(1);
    expect(await versionOf(other, { maxResponseAgeSeconds: 50 })).toBe(2);
  });

  it('is as old there as it is here: nothing serves past its age', async () => {
    versions();
    await asked();
    clocks.pass(58);
    const other = processOf();
    expect(await versionOf(other)).toBe(1);
    clocks.pass(1.999);
    expect(await versionOf(other)).toBe(1);
    clocks.pass(0.001);
    expect(await versionOf(other)).toBe(2);
  });

  it.each([
    [undefined, 5],
    [20, 20],
  ])('is used in process for %s s (5 unless said), and then looked at again', async (localMaxAgeSeconds, seconds) => {
    versions();
    const first = await asked(localMaxAgeSeconds === undefined ? {} : { localMaxAgeSeconds });
    store.get.mockClear();
    clocks.pass(seconds - 0.001);
    expect(await versionOf(first)).toBe(1);
    expect(store.get).not.toHaveBeenCalled();
    clocks.pass(0.001);
    expect(await versionOf(first)).toBe(1);
    expect(store.get).toHaveBeenCalled();
    store.get.mockClear();
    expect(await versionOf(first)).toBe(1);
    expect(store.get).not.toHaveBeenCalled();
    expect(server.introspections).toHaveLength(1);
  });

  it('is looked at for each request, and used, where the process is to keep nothing', async () => {
    versions();
    const first = await asked({ localMaxAgeSeconds: 0 });
    const other = processOf({ localMaxAgeSeconds: 0 });
    expect([await versionOf(first), await versionOf(other), await versionOf(other)]).toEqual([1, 1, 1]);
    expect(server.introspections).toHaveLength(1);
    store.entries.clear();
    expect(await versionOf(other)).toBe(2);
  });

  it('that is newer than the one in process replaces it at the next look', async () => {
    versions();
    const first = await asked();
    clocks.pass(1);
    const other = processOf();
    expect(await versionOf(other, { maxResponseAgeSeconds: 0 })).toBe(2);
    await until(() => store.set.mock.calls.length === 2);
    expect(await versionOf(first)).toBe(1);
    clocks.pass(4);
    expect(await versionOf(first)).toBe(2);
    expect(server.introspections).toHaveLength(2);
  });

  it('is found, and forgotten, by a process that makes keys in another way', async () => {
    server.always(active());
    const tokens = Array.from({ length: 20 }, (_, i) => `token${i}`); // some keys then hold the letters - and _
    const [first, other] = [processOf(), cachingAuthorizerOnWebCrypto(server, clocks, { cache: { store } })];
    for (const token of tokens) await first.authorize(token);
    await first.settle();
    for (const token of tokens) expect(await other.authorize(token)).toBe('ok');
    expect(server.introspections).toHaveLength(20);
    await other.authorizer.invalidate({ all: true });
    await processOf().authorize('token0');
    expect(server.introspections).toHaveLength(21);
  });

  it('is read once for all who wait for it', async () => {
    versions();
    await asked();
    store.get.mockClear();
    const other = processOf();
    expect(await Promise.all(Array.from({ length: 20 }, () => other.authorize()))).toEqual(Array(20).fill('ok'));
    const keys = store.get.mock.calls.map(([key]) => key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(server.introspections).toHaveLength(1);
  });

  it('does not serve past its exp, though the store should keep it for longer', async () => {
    versions({ exp: clocks.in(10) });
    await asked();
    for (const entry of store.entries.values()) entry.until = Number.POSITIVE_INFINITY;
    clocks.pass(10);
    expect(await processOf().authorize()).toBe('expired');
    expect(server.introspections).toHaveLength(2);
  });

  it('from the future is nobody’s: no one knows how old it is', async () => {
    versions();
    await asked();
    clocks.stepWall(-0.001);
    expect(await versionOf(processOf())).toBe(2);
  });

  it('may serve while the server is unreachable, in a process that never asked', async () => {
    server.next(active());
    server.always(reset());
    await asked({ maxAgeIfErrorSeconds: 300 });
    clocks.pass(200);
    const other = processOf({ maxAgeIfErrorSeconds: 300 });
    expect(await other.authorize()).toBe('ok');
    expect(other.events).toEqual([{ type: 'cache_miss' }, { type: 'stale_served', ageSeconds: 200 }]);
  });

  it('does not keep one who leaves', async () => {
    const hangs = { ...store, get: () => new Promise<undefined>(() => {}) };
    const { authorizer } = processOf({ store: hangs });
    const controller = new AbortController();
    const leaves = authorizer.authorize({ authorization: 'Bearer t', signal: controller.signal });
    controller.abort('left');
    await expect(leaves).rejects.toBe('left');
    expect(server.introspections).toHaveLength(0);
  });
});

describe('what goes to the store', () => {
  it('is no inactive answer; one that was active is taken out', async () => {
    server.next(active(), inactive(), inactive());
    const { authorize, settle } = await asked();
    expect(await authorize('unknown')).toBe('inactive');
    await settle();
    expect(store.set).toHaveBeenCalledOnce();
    expect(store.entries.size).toBe(1);
    clocks.pass(60);
    expect(await authorize()).toBe('inactive');
    await settle();
    expect(store.set).toHaveBeenCalledOnce();
    expect(store.entries.size).toBe(0);
  });

  it('is never named by token, subject or secret', async () => {
    const claims = { sub: 'canary-subject', jti: 'canary-id', client_id: 'canary-client' };
    server.always(active(claims));
    const lease = vi.fn(async (_key: string, _ttlMs: number) => true);
    const options = { clientSecret: 'canary-secret', cache: { store: { ...store, lease }, refreshAfterSeconds: 1 } };
    const { authorizer, authorize, settle, events } = cachingAuthorizer(server, clocks, options);
    for (let i = 0; i < 3; i++) {
      expect(await authorize('canary-token')).toBe('ok');
      await settle();
      clocks.pass(5);
    }
    const { sub, jti, client_id } = claims;
    const targets = [{ token: 'canary-token' }, { sub }, { jti }, { client_id }, { all: true }] as const;
    for (const target of targets) await authorizer.invalidate(target);
    expect(lease).toHaveBeenCalled();
    const keys = [store.get, store.set, store.delete, lease].flatMap(({ mock }) => mock.calls.map(([key]) => key));
    for (const key of keys) expect(key).toMatch(/^(tombstone\.)?[\w-]{43}$/);
    expect(JSON.stringify(store.set.mock.calls)).not.toMatch(/canary-(token|secret)/);
    expect(JSON.stringify(events)).not.toContain('canary');
  });

  const now = 1_750_000_000;

  it.each<[what: string, cache: object, claims: Record<string, unknown>, ttlMs: number]>([
    ['as long as it may be used', {}, {}, 60_000],
    ['as long as it may serve in need', { maxAgeIfErrorSeconds: 300 }, {}, 300_000],
    ['no longer than its exp', {}, { exp: now + 10 }, 9999],
    ['no longer than the second in which its exp begins', {}, { exp: now + 10.9 }, 9999],
    ['whole milliseconds', { maxAgeSeconds: 0.0015 }, {}, 1],
    ['a day at most', { maxAgeSeconds: 86_400 }, { exp: 1e300 }, 86_400_000],
  ])('is kept there for %s', async (_, cache, claims, ttlMs) => {
    clocks.stepWall(0.0005);
    server.always(active(claims));
    await asked(cache);
    expect(store.set.mock.calls.map(([, , ttl]) => ttl)).toEqual([ttlMs]);
  });

  it.each<[what: string, cache: object, claims: Record<string, unknown>]>([
    ['has expired', {}, { exp: now }],
    ['is of no use after less than a millisecond', { maxAgeSeconds: 0.0005 }, {}],
    ['expires in less than a millisecond', {}, { exp: now + 1 }],
    ['is not to be used again', { maxAgeSeconds: 0 }, {}],
  ])('is no answer that %s', async (_, cache, claims) => {
    clocks.stepWall(0.9995);
    server.always(active(claims));
    await asked(cache);
    expect(store.set).not.toHaveBeenCalled();
  });

  it('is as old as its question: what took 3 s to answer is kept for 3 s less', async () => {
    const { held, release } = holdResponse(active());
    server.next(held);
    const first = processOf();
    const waiting = first.authorize();
    await server.introspection(1);
    const askedAt = clocks.wallMs;
    clocks.pass(3);
    release();
    await waiting;
    await first.settle();
    expect(store.set.mock.calls).toEqual([[expect.any(String), `${askedAt} {"active":true}`, 57_000]]);
  });

  it('is not waited for', async () => {
    server.always(active());
    const { authorizer } = processOf({ store: { ...store, set: () => new Promise<void>(() => {}) } });
    await expect(authorizer.authorize('Bearer t')).resolves.toEqual({ active: true });
  });

  it('is waited for on workerd, where the runtime would end it otherwise', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    server.always(active());
    const { promise, resolve } = Promise.withResolvers<void>();
    const set = vi.fn(() => promise);
    const { authorizer } = processOf({ store: { ...store, set } });
    const settled = vi.fn();
    const waiting = authorizer.authorize('Bearer t').then(settled);
    await until(() => set.mock.calls.length === 1);
    expect(settled).not.toHaveBeenCalled();
    resolve();
    await waiting;
    const waitUntil = vi.fn();
    await authorizer.authorize({ authorization: 'Bearer u', waitUntil });
    expect(waitUntil).toHaveBeenCalledOnce();
  });
});
