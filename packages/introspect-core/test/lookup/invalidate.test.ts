import { active, inactive, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Authorizer, type InvalidationTarget } from '../../src/index.js';
import { cachingAuthorizer, cachingAuthorizerOnWebCrypto } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';
import { until } from '../support/event-loop.js';
import { holdResponse } from '../support/held-response.js';
import { mapStore } from '../support/map-store.js';

let server: ScriptedServer;
let clocks: Clocks;
beforeEach(async () => {
  server = await startScriptedServer();
  clocks = new Clocks();
});
afterEach(() => server.close());

const claims = { sub: 's', jti: 'j', client_id: 'c' };
const targets: [InvalidationTarget][] = [
  [{ token: 't' }],
  [{ sub: 's' }],
  [{ jti: 'j' }],
  [{ client_id: 'c' }],
  [{ all: true }],
];
const others: [InvalidationTarget][] = [[{ token: 'u' }], [{ sub: 'j' }], [{ jti: 's' }], [{ client_id: 's' }]];

/** Returns the version of the response that a request gets. The versions of the server count up. */
const versionOf = async (authorizer: Authorizer, request: object = {}) => {
  const { version } = await authorizer.authorize({ authorization: 'Bearer t', ...request });
  return version;
};
const version = (number: number) => active({ ...claims, version: number });

describe('invalidate', () => {
  it.each(targets)(
    'invalidate(%j) drops the cached response, even within one tick of the clock, and emits an event',
    async (target) => {
      server.next(version(1), version(2));
      const { authorizer, events } = cachingAuthorizer(server, clocks);
      await versionOf(authorizer);
      await authorizer.invalidate(target);
      expect(events.at(-1)).toEqual({ type: 'invalidated', by: Object.keys(target)[0] });
      expect(await versionOf(authorizer)).toBe(2);
      expect(await versionOf(authorizer)).toBe(2);
      expect(server.introspections).toHaveLength(2);
    },
  );

  it.each(others)('invalidate(%j) drops no response of another token, subject, jti or client', async (target) => {
    server.next(version(1), version(2));
    const { authorizer } = cachingAuthorizer(server, clocks);
    await versionOf(authorizer);
    await authorizer.invalidate(target);
    expect(await versionOf(authorizer)).toBe(1);
  });

  it('invalidate takes effect before its promise resolves', async () => {
    server.next(version(1), version(2));
    const { authorizer } = cachingAuthorizer(server, clocks);
    await versionOf(authorizer);
    const invalidated = authorizer.invalidate({ sub: 's' });
    expect(await versionOf(authorizer)).toBe(2);
    await invalidated;
  });

  it('invalidate drops inactive responses too, for a token and for all', async () => {
    server.next(inactive(), active(), inactive(), active());
    const { authorizer, authorize } = cachingAuthorizer(server, clocks);
    for (const [token, target] of [
      ['t', { token: 't' }],
      ['u', { all: true }],
    ] as const) {
      expect(await authorize(token)).toBe('inactive');
      await authorizer.invalidate(target);
      expect(await authorize(token)).toBe('ok');
    }
  });

  it.each<[unknown]>([
    [undefined],
    [null],
    [{}],
    [{ sub: undefined }],
    [{ sub: '' }],
    [{ token: '' }],
    [{ sub: 's', jti: 'j' }],
    [{ sub: 's', jti: undefined }],
    [{ all: false }],
    [{ username: 's' }],
  ])('invalidate(%j) rejects with a TypeError, and drops nothing', async (target) => {
    server.next(version(1), version(2));
    const { authorizer, count } = cachingAuthorizer(server, clocks);
    await versionOf(authorizer);
    await expect(authorizer.invalidate(target as InvalidationTarget)).rejects.toThrow(TypeError);
    expect(await versionOf(authorizer)).toBe(1);
    expect(count('invalidated')).toBe(0);
  });

  it.each(targets)('invalidate(%j) drops the response on a runtime whose cache keys need a promise', async (target) => {
    const { held, release } = holdResponse(version(2));
    server.next(version(1), held, version(3));
    const { authorizer } = cachingAuthorizerOnWebCrypto(server, clocks);
    await versionOf(authorizer);
    expect(await versionOf(authorizer)).toBe(1);
    await authorizer.invalidate(target);
    const pending = versionOf(authorizer);
    await server.introspection(2);
    await authorizer.invalidate(target);
    release();
    expect(await pending).toBe(3);
    expect(await versionOf(authorizer)).toBe(3);
  });

  it('invalidate in a loop does not starve an active token: the fourth response is used, and is not cached', async () => {
    const { authorizer, count } = cachingAuthorizer(server, clocks);
    let introspections = 0;
    server.always((response, request) => {
      const scripted = version(++introspections);
      void authorizer.invalidate({ all: true }).then(() => scripted(response, request));
    });
    expect(await versionOf(authorizer)).toBe(4);
    expect(authorizer.stats().entries.active).toBe(0);
    expect(await versionOf(authorizer)).toBe(8);
    expect(count('cache_hit')).toBe(0);
  });

  it('invalidate in a loop: no caller gets a response that was requested before an invalidation that precedes the caller', async () => {
    const { authorizer, count } = cachingAuthorizer(server, clocks);
    const responses = Array.from({ length: 5 }, (_, index) => holdResponse(version(index + 1)));
    server.next(...responses.map(({ held }) => held));
    const first = versionOf(authorizer);
    for (const [index, { release }] of responses.slice(0, 3).entries()) {
      await server.introspection(index + 1);
      await authorizer.invalidate({ sub: 's' });
      release();
    }
    await server.introspection(4);
    const beforeInvalidation = versionOf(authorizer);
    await until(() => count('coalesced') === 1);
    await authorizer.invalidate({ sub: 's' });
    const afterInvalidation = versionOf(authorizer);
    await until(() => count('coalesced') === 2);
    responses[3]?.release();
    expect(await Promise.all([first, beforeInvalidation])).toEqual([4, 4]);
    await server.introspection(5);
    responses[4]?.release();
    expect(await afterInvalidation).toBe(5);
  });

  it('invalidate of another token does not repeat an introspection', async () => {
    const { authorizer } = cachingAuthorizer(server, clocks);
    server.always((response, request) => {
      void authorizer.invalidate({ sub: 'other' }).then(() => version(1)(response, request));
    });
    expect(await versionOf(authorizer)).toBe(1);
    expect(server.introspections).toHaveLength(1);
    expect(authorizer.stats().entries.active).toBe(1);
  });

  it('invalidate of 10 000 subjects drops only their responses, and one more drops all responses', async () => {
    server.next(version(1), version(2));
    const { authorizer } = cachingAuthorizer(server, clocks);
    await versionOf(authorizer);
    for (let i = 0; i < 10_000; i++) await authorizer.invalidate({ sub: `${i}` });
    expect(await versionOf(authorizer)).toBe(1);
    await authorizer.invalidate({ sub: 'one more' });
    expect(await versionOf(authorizer)).toBe(2);
  });

  it('invalidate holds for as long as the response could be served, fresh or stale', async () => {
    server.next(version(1));
    const { authorizer, authorize } = cachingAuthorizer(server, clocks, { cache: { maxAgeIfErrorSeconds: 300 } });
    await versionOf(authorizer);
    await authorizer.invalidate({ sub: 's' });
    await server.close();
    for (let age = 0; age <= 300; age += 30) {
      expect(await authorize()).toBe('unavailable');
      await authorizer.invalidate({ sub: `at ${age}` });
      clocks.pass(30);
    }
  });
});

describe('a response that was requested before an invalidation and arrives after it', () => {
  it.each(targets)('a response invalidated in flight is not used, cached or stored: %j', async (target) => {
    const { held, release } = holdResponse(version(1));
    server.next(held, version(2));
    const store = mapStore(clocks);
    const { authorizer, settle } = cachingAuthorizer(server, clocks, { cache: { store } });
    const pending = Array.from({ length: 3 }, () => versionOf(authorizer));
    await server.introspection(1);
    await authorizer.invalidate(target);
    release();
    expect(await Promise.all(pending)).toEqual([2, 2, 2]);
    expect(await versionOf(authorizer)).toBe(2);
    await settle();
    const stored = [...store.entries.values()].map(({ value }) => value);
    expect(stored.filter((value) => value.includes('version'))).toEqual([expect.stringContaining('"version":2')]);
    expect(server.introspections).toHaveLength(2);
  });

  it.each(targets)('a response invalidated in flight is not used without a cache either: %j', async (target) => {
    const { held, release } = holdResponse(version(1));
    server.next(held, version(2), version(3));
    const { introspectionEndpoint } = server;
    const authorizer = new Authorizer({ introspectionEndpoint, clientId: 'api', clientSecret: 'secret' });
    const native = {};
    const pending = versionOf(authorizer, { native });
    await server.introspection(1);
    await authorizer.invalidate(target);
    release();
    expect(await pending).toBe(2);
    expect(await versionOf(authorizer, { native })).toBe(2);
    await authorizer.invalidate(target);
    expect(await versionOf(authorizer, { native })).toBe(3);
  });

  it.each(others)('a response in flight is used if the invalidation does not concern it: %j', async (target) => {
    const { held, release } = holdResponse(version(1));
    server.next(held);
    const { authorizer } = cachingAuthorizer(server, clocks);
    const pending = versionOf(authorizer);
    await server.introspection(1);
    await authorizer.invalidate(target);
    release();
    expect(await pending).toBe(1);
    expect(await versionOf(authorizer)).toBe(1);
    expect(server.introspections).toHaveLength(1);
  });

  it('a response invalidated in flight is requested again, each time that it is invalidated', async () => {
    const responses = [1, 2, 3].map((number) => holdResponse(version(number)));
    server.next(...responses.map(({ held }) => held));
    const { authorizer } = cachingAuthorizer(server, clocks);
    const pending = versionOf(authorizer);
    for (const [i, { release }] of responses.entries()) {
      await server.introspection(i + 1);
      if (i < 2) await authorizer.invalidate({ sub: 's' });
      release();
    }
    expect(await pending).toBe(3);
  });

  it('a response invalidated during a background refresh is not cached', async () => {
    const { held, release } = holdResponse(version(2));
    server.next(version(1), held, version(3));
    const { authorizer, count } = cachingAuthorizer(server, clocks, { cache: { refreshAfterSeconds: 10 } });
    await versionOf(authorizer);
    clocks.pass(10);
    expect(await versionOf(authorizer)).toBe(1);
    await server.introspection(2);
    await authorizer.invalidate({ sub: 's' });
    const waiting = versionOf(authorizer);
    await until(() => count('coalesced') === 1);
    release();
    expect(await waiting).toBe(3);
  });

  it('a response invalidated while it is read from the store is not used', async () => {
    server.next(version(1), version(2));
    const store = mapStore(clocks);
    const first = cachingAuthorizer(server, clocks, { cache: { store } });
    await first.authorize();
    await first.settle();
    const reading = Promise.withResolvers<void>();
    const get = vi.fn(async (key: string) => {
      const value = await store.get(key);
      await reading.promise;
      return value;
    });
    const second = cachingAuthorizer(server, clocks, { cache: { store: { ...store, get, set: async () => {} } } });
    clocks.pass(1);
    const pending = versionOf(second.authorizer);
    await until(() => get.mock.calls.length === 2);
    const invalidated = second.authorizer.invalidate({ sub: 's' });
    reading.resolve();
    expect(await pending).toBe(2);
    await invalidated;
  });
});
