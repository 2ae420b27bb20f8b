import { hangBeforeHeaders, respond, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { protect } from '../../src/adapter/index.js';
import { internals } from '../../src/authorizer/authorizer-internals.js';
import {
  AccessDeniedError,
  Authorizer,
  type AuthorizerOptions,
  combinedPolicy,
  isAuthorizer,
  isDecided,
  issuers,
  tenants,
} from '../../src/index.js';
import { outcomeOf, rejectionOf } from '../support/authorizer.js';
import { eventLoopTurns } from '../support/event-loop.js';

let a: ScriptedServer;
let b: ScriptedServer;
beforeEach(async () => {
  [a, b] = await Promise.all([startScriptedServer(), startScriptedServer()]);
  for (const server of [a, b]) server.tokens.set('t', { sub: server.origin, scope: 'read' });
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await Promise.all([a.close(), b.close()]);
});

const authorizerOf = (server: ScriptedServer, options: Partial<AuthorizerOptions> = {}) =>
  new Authorizer({
    introspectionEndpoint: server.introspectionEndpoint,
    clientId: 'api',
    clientSecret: 'secret',
    retry: { attempts: 1 },
    cache: { maxAgeSeconds: 60 },
    ...options,
  } as AuthorizerOptions);

/** The URL of a request names its tenant. */
const from = (url?: string, authorization: string | undefined = 'Bearer t') => ({
  authorization,
  ...(url !== undefined && { url }),
});

function setUp(max = 10, options: Partial<AuthorizerOptions> = {}) {
  const closed: string[] = [];
  const load = vi.fn(async (tenant: string) => {
    if (!tenant.startsWith('a') && !tenant.startsWith('b')) return undefined;
    const authorizer = authorizerOf(tenant.startsWith('a') ? a : b, { realm: tenant, ...options });
    const close = authorizer.close.bind(authorizer);
    vi.spyOn(authorizer, 'close').mockImplementation(() => {
      closed.push(tenant);
      return close();
    });
    return authorizer;
  });
  return { authorizer: tenants(({ url }) => url, load, { max }), load, closed };
}

describe('tenants: loading', () => {
  it('loads a tenant once, and decides without a promise on a cache hit afterwards', async () => {
    const { authorizer, load } = setUp();
    const decide = authorizer.decider();
    const first = await Promise.all([1, 2, 3].map(() => decide(from('a'))));
    expect(first).toMatchObject([1, 2, 3].map(() => ({ allowed: true, token: { sub: a.origin } })));
    const decision = decide(from('a'));
    expect(isDecided(decision)).toBe(true);
    expect(load.mock.calls).toEqual([['a']]);
    expect(a.introspections).toHaveLength(1);
  });

  it('loads for each request on workerd, where requests cannot share a promise', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    const { authorizer, load } = setUp();
    await Promise.all([1, 2].map(() => authorizer.authorize(from('a'))));
    await authorizer.authorize(from('a'));
    expect(load.mock.calls).toEqual([['a'], ['a']]);
  });

  it('loads again after a load that failed, and passes its error on', async () => {
    const fault = new Error('no database');
    const load = vi.fn(async () => authorizerOf(a));
    load.mockRejectedValueOnce(fault).mockRejectedValueOnce(new AccessDeniedError());
    const authorizer = tenants(({ url }) => url, load);
    const both = await Promise.all([1, 2].map(() => rejectionOf(authorizer.authorize(from('a')))));
    expect(both).toEqual([fault, fault]);
    expect(await outcomeOf(authorizer.authorize(from('a')))).toBe('access_denied');
    expect(await outcomeOf(authorizer.authorize(from('a')))).toBe('ok');
    expect(load).toHaveBeenCalledTimes(3);
  });

  it('rejects a token of an unknown tenant with 401, without a request', async () => {
    const { authorizer } = setUp();
    for (const url of [undefined, 'unknown']) {
      expect(await outcomeOf(authorizer.authorize(from(url)))).toBe('issuer_mismatch');
      expect(await outcomeOf(authorizer.authorize(from(url, 'Bearer a b')))).toBe('invalid_request');
      expect(
        await outcomeOf(
          authorizer.authorize(url === undefined ? { authorization: undefined } : { authorization: undefined, url }),
        ),
      ).toBe('missing_token');
    }
    expect(await authorizer.authorize({ authorization: undefined }, { optional: true })).toBeNull();
    const partly = combinedPolicy([{ optional: true }, { scopes: ['read'] }]);
    expect(await outcomeOf(authorizer.authorize({ authorization: undefined }, partly))).toBe('missing_token');
    expect([a.introspections.length, b.introspections.length]).toEqual([0, 0]);
  });

  it('rejects what is not an authorizer, and a tenant that is not a string', async () => {
    const wrong = tenants(
      ({ url }) => url,
      () => ({}) as never,
    );
    await expect(wrong.authorize(from('a'))).rejects.toThrow(
      new TypeError('tenants: load(tenant) must return an Authorizer or undefined'),
    );
    const promised = tenants((async () => 'a') as never, () => authorizerOf(a));
    await expect(promised.authorize(from('a'))).rejects.toThrow(
      new TypeError('tenants: tenantOf(request) must return a string or undefined'),
    );
  });

  it('rejects invalid parameters', () => {
    expect(() => tenants('a' as never, () => undefined)).toThrow(
      new TypeError('tenants: pass two functions: tenantOf(request) and load(tenant)'),
    );
    expect(() => tenants(() => 'a', undefined as never)).toThrow(
      new TypeError('tenants: pass two functions: tenantOf(request) and load(tenant)'),
    );
    for (const max of [0, 1.5, '3']) {
      expect(() =>
        tenants(
          () => 'a',
          () => undefined,
          { max } as never,
        ),
      ).toThrow(new TypeError('tenants: "max" must be a whole number of authorizers, at least 1'));
    }
    expect(() =>
      tenants(
        () => 'a',
        () => undefined,
        { maximum: 1 } as never,
      ),
    ).toThrow(new TypeError('tenants: unknown option "maximum"; known options: max'));
  });
});

describe('tenants: eviction', () => {
  it('closes the least recently used authorizer, and loads it again when it is needed', async () => {
    const { authorizer, load, closed } = setUp(2);
    for (const url of ['a1', 'a2', 'a1', 'a3']) await authorizer.authorize(from(url));
    await eventLoopTurns();
    expect(closed).toEqual(['a2']);
    await authorizer.authorize(from('a2'));
    expect(load.mock.calls.flat()).toEqual(['a1', 'a2', 'a3', 'a2']);
    expect(authorizer.stats()).toMatchObject({
      requests: { active: 4 },
      lookups: { cache_hit: 1 },
      entries: { active: 2 },
    });
  });

  it('closes an evicted authorizer only after its running decisions', async () => {
    const { authorizer, closed } = setUp(1);
    const held = Promise.withResolvers<void>();
    a.next(async (response) => {
      await held.promise;
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"active":true}');
    });
    const running = authorizer.authorize(from('a'));
    await a.introspection(1);
    await authorizer.authorize(from('b'));
    await eventLoopTurns();
    expect(closed).toEqual([]);
    held.resolve();
    expect(await running).toMatchObject({ active: true });
    expect(closed).toEqual(['a']);
  });

  it('passes on the error of a check, and closes an evicted authorizer after it', async () => {
    const { authorizer, closed } = setUp(1);
    const fault = new Error('database');
    const held = Promise.withResolvers<boolean>();
    const check = vi.fn(() => held.promise);
    const running = rejectionOf(Promise.resolve(authorizer.decider({ check })(from('a'))));
    await vi.waitFor(() => expect(check).toHaveBeenCalledOnce(), 60_000);
    await authorizer.authorize(from('b'));
    await eventLoopTurns();
    expect(closed).toEqual([]);
    held.reject(fault);
    expect(await running).toBe(fault);
    expect(closed).toEqual(['a']);
  });

  it('close closes the loaded authorizers, and each that is loaded later', async () => {
    const { authorizer, closed } = setUp();
    await authorizer.authorize(from('a'));
    await authorizer.close();
    expect(closed).toEqual(['a']);
    expect(await outcomeOf(authorizer.authorize(from('b')))).toBe('ok');
    expect(closed).toEqual(['a', 'b']);
  });
});

describe('tenants: the interface of an authorizer', () => {
  it('is recognised as an authorizer, and protects routes', async () => {
    const { authorizer } = setUp();
    expect(isAuthorizer(authorizer)).toBe(true);
    const decide = protect(authorizer, { scopes: ['write'] });
    expect(await decide({ ...from('a'), native: {} })).toMatchObject({ status: 403 });
    expect(() => protect(authorizer, { scope: 'x' } as object)).toThrow(TypeError);
    expect(() => authorizer.resourceMetadata()).toThrow(
      new TypeError(
        'tenants: each tenant has resource metadata of its own, and one document for all would list the tenants. Serve protectedResourceMetadata({ resource, issuer }) of the requested tenant in a route of your own',
      ),
    );
  });

  it('lets no preflight pass, even if the authorizer of each tenant does', async () => {
    const { authorizer } = setUp(10, { passPreflight: true });
    expect(authorizer.passPreflight).toBe(false);
    const decide = protect(authorizer);
    const preflight = { authorization: undefined, method: 'OPTIONS', url: 'a', header: () => ['https://app.example'] };
    expect(await decide({ ...preflight, native: {} })).toMatchObject({ status: 401 });
  });

  it('names no issuer, audience or resource, because each tenant has its own', () => {
    const { authorizer } = setUp();
    expect(authorizer.audience).toBeUndefined();
    expect(authorizer[internals]).toMatchObject({ issuers: [], acceptedIssuers: [], frontEntries: 0 });
    expect(authorizer[internals].resource).toBeUndefined();
    expect(() => issuers([authorizer])).toThrow('the authorizer at index 0 has no "issuer"');
  });

  it('prepares a policy once for each tenant', async () => {
    const policyProblem = vi.fn(() => undefined);
    const { authorizer } = setUp(10, { policyProblem });
    const guard = authorizer.guard({ scopes: ['read'] });
    for (const url of ['a', 'a', 'b', 'b', 'a']) await guard(from(url));
    expect(policyProblem).toHaveBeenCalledTimes(2);
  });

  it('closes an evicted tenant whose policy was invalid', async () => {
    const { authorizer, closed } = setUp(1);
    await expect(authorizer.authorize(from('a'), { anyRole: ['admin'] })).rejects.toThrow(TypeError);
    await authorizer.authorize(from('b'));
    await eventLoopTurns();
    expect(closed).toEqual(['a']);
  });

  it('checks at the first request what depends on the tenant', async () => {
    const guard = setUp().authorizer.guard({ roles: ['admin'] });
    await expect(guard(from('a'))).rejects.toThrow('"rolesOf"');
  });

  it('invalidate and ready apply to the loaded tenants', async () => {
    const { authorizer } = setUp();
    await authorizer.ready();
    await authorizer.authorize(from('a'));
    await authorizer.ready();
    await authorizer.invalidate({ token: 't' });
    await authorizer.authorize(from('a'));
    expect(a.introspections).toHaveLength(3);
    expect(await rejectionOf(setUp().authorizer.invalidate({} as never))).toBeInstanceOf(TypeError);
  });
});

describe('tenants: two tenants do not influence each other', () => {
  it('each has its own cache and flights for the same token, also at the same server', async () => {
    const { authorizer } = setUp();
    const urls = ['a1', 'a2', 'b', 'a1', 'a2', 'b'];
    const found = await Promise.all(urls.map((url) => authorizer.authorize(from(url))));
    expect(found.map(({ sub }) => sub)).toEqual([a, a, b, a, a, b].map(({ origin }) => origin));
    expect([a.introspections.length, b.introspections.length]).toEqual([2, 1]);
  });

  it('an open circuit breaker and a used-up limit of one leave the other as it is', async () => {
    const { authorizer } = setUp(10, {
      circuitBreaker: { minimumRequests: 1, openMs: 60_000 },
      limits: { concurrent: 1 },
    });
    a.next(respond({ status: 500 }));
    expect(await outcomeOf(authorizer.authorize(from('a1')))).toBe('unavailable');
    expect(await outcomeOf(authorizer.authorize(from('a2')))).toBe('ok');
    b.next(hangBeforeHeaders());
    const controller = new AbortController();
    const pending = authorizer.authorize({ ...from('b1'), signal: controller.signal }).catch(() => 'aborted');
    await b.introspection(1);
    expect(await outcomeOf(authorizer.authorize(from('b2')))).toBe('ok');
    controller.abort();
    expect(await pending).toBe('aborted');
  });

  it('each challenges with its own realm', async () => {
    const { authorizer } = setUp();
    for (const url of ['a', 'b']) {
      const error = await rejectionOf(authorizer.authorize(from(url, 'Bearer unknown')));
      expect(error).toHaveProperty('headers.0.1', expect.stringContaining(`realm="${url}"`));
    }
  });
});
