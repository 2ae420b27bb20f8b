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

/** Returns the version of the response that a request gets. The versions of the server count up. */
const versionOf = async ({ authorizer, settle }: Process, policy = {}) => {
  const { version } = await authorizer.authorize('Bearer t', policy);
  await settle();
  return version;
};

/** A process that has introspected the token and written the response to the store. */
async function writingProcess(cache: object = {}): Promise<Process> {
  const first = processOf(cache);
  await first.authorize();
  await first.settle();
  return first;
}

const versions = (claims: object = {}) => server.next(...[1, 2, 3, 4].map((version) => active({ version, ...claims })));

describe('a response in the store', () => {
  it('a response in the store is a hit in another process, with the age that it has', async () => {
    versions();
    await writingProcess();
    clocks.pass(50);
    const other = processOf({ localMaxAgeSeconds: 60 });
    expect(await versionOf(other)).toBe(1);
    expect(other.events).toEqual([{ type: 'cache_hit', active: true }]);
    expect(await versionOf(other, { maxResponseAgeSeconds: 51 })).toBe(1);
    expect(await versionOf(other, { maxResponseAgeSeconds: 50 })).toBe(2);
  });

  it('a response from the store is not used past the maximum age, counted from its request', async () => {
    versions();
    await writingProcess();
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
  ])(
    'with localMaxAgeSeconds %s, a response is used in process for %s s and then read from the store again',
    async (localMaxAgeSeconds, seconds) => {
      versions();
      const first = await writingProcess(localMaxAgeSeconds === undefined ? {} : { localMaxAgeSeconds });
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
    },
  );

  it('with localMaxAgeSeconds 0, each request reads the store and uses the response there', async () => {
    versions();
    const first = await writingProcess({ localMaxAgeSeconds: 0 });
    const other = processOf({ localMaxAgeSeconds: 0 });
    expect([await versionOf(first), await versionOf(other), await versionOf(other)]).toEqual([1, 1, 1]);
    expect(server.introspections).toHaveLength(1);
    store.entries.clear();
    expect(await versionOf(other)).toBe(2);
  });

  it('a newer response in the store replaces the one in process at the next read', async () => {
    versions();
    const first = await writingProcess();
    clocks.pass(1);
    const other = processOf();
    expect(await versionOf(other, { maxResponseAgeSeconds: 0 })).toBe(2);
    await until(() => store.set.mock.calls.length === 2);
    expect(await versionOf(first)).toBe(1);
    clocks.pass(4);
    expect(await versionOf(first)).toBe(2);
    expect(server.introspections).toHaveLength(2);
  });

  it('a response in the store is read and invalidated by a process that makes its keys with Web Crypto', async () => {
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

  it('a response in the store is read once for concurrent requests', async () => {
    versions();
    await writingProcess();
    store.get.mockClear();
    const other = processOf();
    expect(await Promise.all(Array.from({ length: 20 }, () => other.authorize()))).toEqual(Array(20).fill('ok'));
    const keys = store.get.mock.calls.map(([key]) => key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(server.introspections).toHaveLength(1);
  });

  it('a response in the store is not used past its exp, even if the store holds it for longer', async () => {
    versions({ exp: clocks.in(10) });
    await writingProcess();
    for (const entry of store.entries.values()) entry.until = Number.POSITIVE_INFINITY;
    clocks.pass(10);
    expect(await processOf().authorize()).toBe('expired');
    expect(server.introspections).toHaveLength(2);
  });

  it('a response from the future is not used, because its age is unknown', async () => {
    versions();
    await writingProcess();
    clocks.stepWall(-0.001);
    expect(await versionOf(processOf())).toBe(2);
  });

  it('a response in the store is served stale by a process that never introspected the token', async () => {
    server.next(active());
    server.always(reset());
    await writingProcess({ maxAgeIfErrorSeconds: 300 });
    clocks.pass(200);
    const other = processOf({ maxAgeIfErrorSeconds: 300 });
    expect(await other.authorize()).toBe('ok');
    expect(other.events).toEqual([{ type: 'cache_miss' }, { type: 'stale_served', ageSeconds: 200 }]);
  });

  it('a caller that hangs up does not wait for the store', async () => {
    const hangs = { ...store, get: () => new Promise<undefined>(() => {}) };
    const { authorizer } = processOf({ store: hangs });
    const controller = new AbortController();
    const leaves = authorizer.authorize({ authorization: 'Bearer t', signal: controller.signal });
    controller.abort('left');
    await expect(leaves).rejects.toBe('left');
    expect(server.introspections).toHaveLength(0);
  });
});

describe('a write to the store', () => {
  it('an inactive response is not written to the store, and deletes the active one', async () => {
    server.next(active(), inactive(), inactive());
    const { authorize, settle } = await writingProcess();
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

  it('no key and no event contains a token, a subject or a secret', async () => {
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
    for (const key of keys) expect(key).toMatch(/^(tombstone\.|miss\.)?[\w-]{43}$/);
    expect(JSON.stringify(store.set.mock.calls)).not.toMatch(/canary-(token|secret)/);
    expect(JSON.stringify(events)).not.toContain('canary');
  });

  const now = 1_750_000_000;

  it.each<[what: string, cache: object, claims: Record<string, unknown>, ttlMs: number]>([
    ['its maximum age', {}, {}, 60_000],
    ['its maximum age if the server is unavailable', { maxAgeIfErrorSeconds: 300 }, {}, 300_000],
    ['at most its remaining time until exp', {}, { exp: now + 10 }, 9999],
    ['at most the time until the whole second of its exp', {}, { exp: now + 10.9 }, 9999],
    ['a whole number of milliseconds', { maxAgeSeconds: 0.0015 }, {}, 1],
    ['at most one day', { maxAgeSeconds: 86_400 }, { exp: 1e300 }, 86_400_000],
  ])('a response is written with a time to live of %s', async (_, cache, claims, ttlMs) => {
    clocks.stepWall(0.0005);
    server.always(active(claims));
    await writingProcess(cache);
    expect(store.set.mock.calls.map(([, , ttl]) => ttl)).toEqual([ttlMs]);
  });

  it.each<[what: string, cache: object, claims: Record<string, unknown>]>([
    ['has expired', {}, { exp: now }],
    ['has a maximum age below one millisecond', { maxAgeSeconds: 0.0005 }, {}],
    ['expires in less than a millisecond', {}, { exp: now + 1 }],
    ['has the maximum age 0', { maxAgeSeconds: 0 }, {}],
  ])('a response that %s is not written to the store', async (_, cache, claims) => {
    clocks.stepWall(0.9995);
    server.always(active(claims));
    await writingProcess(cache);
    expect(store.set).not.toHaveBeenCalled();
  });

  it('the time to live counts from the request: a response that took 3 s is stored for 3 s less', async () => {
    const { held, release } = holdResponse(active());
    server.next(held);
    const first = processOf();
    const waiting = first.authorize();
    await server.introspection(1);
    const requestedAt = clocks.wallMs;
    clocks.pass(3);
    release();
    await waiting;
    await first.settle();
    expect(store.set.mock.calls).toEqual([[expect.any(String), `${requestedAt} {"active":true}`, 57_000]]);
  });

  it('a request does not wait for the write to the store', async () => {
    server.always(active());
    const { authorizer } = processOf({ store: { ...store, set: () => new Promise<void>(() => {}) } });
    await expect(authorizer.authorize('Bearer t')).resolves.toEqual({ active: true });
  });

  it('a request waits for the write on workerd without waitUntil, because the runtime would end it otherwise', async () => {
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
