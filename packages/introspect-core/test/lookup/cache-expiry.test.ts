import {
  active,
  inactive,
  json,
  reset,
  respond,
  type ScriptedResponse,
  type ScriptedServer,
  startScriptedServer,
} from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Authorizer } from '../../src/index.js';
import { cachingAuthorizer, outcomeOf } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';
import { vectors } from '../support/vectors.js';

interface CachingVector {
  id: string;
  /** Seconds since the epoch. */
  now: number;
  config: { maxTtl: number; negativeTtl: number; clockSkewSeconds: number; enabled: boolean };
  response: { active: boolean } | { status: number } | { failure: 'network' };
  expectTtlSeconds: number;
  scope?: 'later';
}

let server: ScriptedServer;
let clocks: Clocks;
beforeEach(async () => {
  server = await startScriptedServer();
  clocks = new Clocks();
});
afterEach(() => server.close());

describe('the age of a cached response', () => {
  const all = vectors<CachingVector>('caching');

  function responseOf(response: CachingVector['response']): ScriptedResponse {
    if ('failure' in response) return reset();
    return 'status' in response ? respond({ status: response.status }) : json(response);
  }

  it.each(all.filter(({ scope }) => scope !== 'later'))(
    'a response is reused for $expectTtlSeconds s in the case $id',
    async ({ now, config, response, expectTtlSeconds }) => {
      server.always(responseOf(response));
      clocks.wallMs = now * 1000;
      const { maxTtl: maxAgeSeconds, negativeTtl: inactiveMaxAgeSeconds, clockSkewSeconds, enabled } = config;
      const authorizer = new Authorizer({
        introspectionEndpoint: server.introspectionEndpoint,
        clientId: 'api',
        clientSecret: 'secret',
        retry: { attempts: 1 },
        now: clocks.now,
        monotonicNow: clocks.monotonicNow,
        clockSkewSeconds,
        ...(enabled && { cache: { maxAgeSeconds, inactiveMaxAgeSeconds } }),
      });
      const first = await outcomeOf(authorizer.authorize('Bearer t'));
      if (expectTtlSeconds > 0) {
        clocks.pass(expectTtlSeconds - 0.001);
        expect(await outcomeOf(authorizer.authorize('Bearer t'))).toBe(first);
        clocks.pass(0.001);
      }
      expect(server.introspections).toHaveLength(1);
      await outcomeOf(authorizer.authorize('Bearer t'));
      expect(server.introspections).toHaveLength(2);
    },
  );

  it('the test vectors that do not apply are exactly those about Cache-Control, which an HTTP cache obeys', () => {
    const excluded = all.filter(({ scope }) => scope === 'later');
    expect(excluded.map(({ id }) => id)).toEqual([
      'no-store-honoured',
      'max-age-lowers',
      'max-age-never-raises',
      'private-public-ignored',
    ]);
    expect(excluded).toEqual(all.filter(({ config }) => 'respectCacheControl' in config));
  });

  it.each<[what: string, exp: number | undefined, seconds: number]>([
    ['missing', undefined, 60],
    ['far in the future', 253402300800, 60],
    ['beyond all dates', 1e300, 60],
    ['beyond all numbers of milliseconds', 1e306, 60],
    ['fractional', 1_750_000_010.999, 10],
    ['now', 1_750_000_000, 0],
    ['a fraction ahead', 1_750_000_000.9, 0],
    ['past', 1_749_999_999, 0],
    ['zero', 0, 0],
    ['negative', -1.5, 0],
    ['far in the past', -1e300, 0],
  ])('a response whose exp is %s (%d) is reused for %d s', async (_, exp, seconds) => {
    server.always(active({ exp }));
    const { authorize } = cachingAuthorizer(server, clocks);
    await authorize();
    clocks.pass(Math.max(0, seconds - 0.001));
    await authorize();
    expect(server.introspections).toHaveLength(seconds > 0 ? 1 : 2);
    clocks.pass(0.001);
    await authorize();
    expect(server.introspections).toHaveLength(seconds > 0 ? 2 : 3);
  });

  it('clockSkewSeconds extends how long a token is accepted, but not how long its response is cached', async () => {
    server.always(active({ exp: clocks.in(10) }));
    const { authorize } = cachingAuthorizer(server, clocks, { clockSkewSeconds: 30 });
    await authorize();
    clocks.pass(10);
    for (let i = 2; i < 5; i++) {
      expect(await authorize()).toBe('ok');
      expect(server.introspections).toHaveLength(i);
    }
  });
});

describe('a machine that was suspended, so that only the wall clock ran', () => {
  const suspended = async (cache: object = {}, policy: object = {}) => {
    server.next(active(), inactive(), inactive());
    const cached = cachingAuthorizer(server, clocks, { cache });
    await cached.authorize();
    clocks.pass(1);
    clocks.stepWall(3 * 3600);
    return cached.authorize('t', policy);
  };

  it('after a suspension, a revoked token is rejected after one introspection', async () => {
    expect(await suspended()).toBe('inactive');
    expect(server.introspections).toHaveLength(2);
  });

  it('after a suspension, maxResponseAgeSeconds counts the suspended time', async () => {
    expect(await suspended({ maxAgeSeconds: 86_400 }, { maxResponseAgeSeconds: 10 })).toBe('inactive');
  });

  it('after a suspension, maxAgeIfErrorSeconds counts the suspended time', async () => {
    server.next(active());
    server.always(reset());
    const { authorize } = cachingAuthorizer(server, clocks, { cache: { maxAgeIfErrorSeconds: 3600 } });
    await authorize();
    clocks.pass(60);
    expect(await authorize()).toBe('ok');
    clocks.stepWall(3600);
    expect(await authorize()).toBe('unavailable');
  });

  it('after a suspension, inactive responses and the guards of one request count the suspended time', async () => {
    server.next(inactive(), active());
    const { authorize } = cachingAuthorizer(server, clocks);
    expect(await authorize()).toBe('inactive');
    clocks.stepWall(3);
    expect(await authorize()).toBe('ok');
    server.next(active(), inactive());
    const { introspectionEndpoint } = server;
    const { now, monotonicNow } = clocks;
    const uncached = new Authorizer({ introspectionEndpoint, clientId: 'c', clientSecret: 's', now, monotonicNow });
    const request = { authorization: 'Bearer t', native: {} };
    await uncached.authorize(request);
    clocks.stepWall(3600);
    await expect(uncached.authorize(request)).rejects.toMatchObject({ reason: 'inactive' });
  });
});

describe('a wall clock that is set', () => {
  const expiring = () => {
    server.always(active({ exp: clocks.in(10) }));
    return cachingAuthorizer(server, clocks);
  };

  it('the wall clock is set back before exp: the response still ends at its exp, by the monotonic clock', async () => {
    const { authorize } = expiring();
    await authorize();
    clocks.pass(5);
    clocks.stepWall(-3600);
    expect(await authorize()).toBe('ok');
    expect(server.introspections).toHaveLength(1);
    clocks.pass(4.999);
    await authorize();
    expect(server.introspections).toHaveLength(1);
    clocks.pass(0.001);
    await authorize();
    expect(server.introspections).toHaveLength(2);
  });

  it('the wall clock is set back after exp, with no request in between: the response is not used again', async () => {
    const { authorize } = expiring();
    await authorize();
    clocks.pass(10);
    clocks.stepWall(-10);
    await authorize();
    expect(server.introspections).toHaveLength(2);
  });

  it('the wall clock is set back after the token was rejected as expired: the response is not used again', async () => {
    const { authorize } = expiring();
    await authorize();
    clocks.pass(10);
    expect(await authorize()).toBe('expired');
    expect(server.introspections).toHaveLength(2);
    clocks.stepWall(-10);
    expect(await authorize()).toBe('ok');
    expect(server.introspections).toHaveLength(3);
  });

  it('the wall clock is set forward past exp and back again: the response is not used again', async () => {
    const { authorize } = expiring();
    await authorize();
    clocks.stepWall(10);
    expect(await authorize()).toBe('expired');
    expect(server.introspections).toHaveLength(2);
    clocks.stepWall(-10);
    await authorize();
    expect(server.introspections).toHaveLength(3);
  });

  it('the wall clock is set back: the maximum age of a response without exp does not change', async () => {
    server.always(active());
    const { authorize } = cachingAuthorizer(server, clocks);
    await authorize();
    clocks.stepWall(-3600);
    clocks.pass(59.999);
    await authorize();
    expect(server.introspections).toHaveLength(1);
    clocks.pass(0.001);
    await authorize();
    expect(server.introspections).toHaveLength(2);
  });

  it.each([3600, 30])(
    'the wall clock is set forward by %d s: a response is that much older, which costs one introspection',
    async (seconds) => {
      server.always(active());
      const { authorize } = cachingAuthorizer(server, clocks);
      await authorize();
      clocks.stepWall(seconds);
      clocks.pass(Math.max(0, 60 - seconds));
      await authorize();
      expect(server.introspections).toHaveLength(2);
      for (let i = 0; i < 5; i++) {
        clocks.pass(10);
        await authorize();
      }
      expect(server.introspections).toHaveLength(2);
    },
  );

  it('the wall clock is set forward past refreshAfterSeconds: the response is refreshed once in the background', async () => {
    server.always(active());
    const { authorize, settle, count } = cachingAuthorizer(server, clocks, { cache: { refreshAfterSeconds: 30 } });
    await authorize();
    clocks.stepWall(40);
    for (let i = 0; i < 3; i++) {
      expect(await authorize()).toBe('ok');
      await settle();
    }
    expect([server.introspections.length, count('cache_hit'), count('refreshed')]).toEqual([2, 3, 1]);
  });

  it('the wall clock is set back after exp while the server is unreachable: the response is not served stale', async () => {
    server.next(active({ exp: clocks.in(10) }));
    server.always(reset());
    const { authorize } = cachingAuthorizer(server, clocks, { cache: { maxAgeIfErrorSeconds: 300 } });
    await authorize();
    clocks.pass(10);
    clocks.stepWall(-10);
    expect(await authorize()).toBe('unavailable');
  });
});
