import { active, hangBeforeHeaders, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type AuthorizerSource,
  type Decision,
  expectOnlyPolicy,
  isHangUp,
  type Protect,
  protect,
} from '../../src/adapter/index.js';
import { AccessDeniedError, Authorizer, UnavailableError } from '../../src/index.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
  server.always(active({ sub: 'mickey' }));
});
afterEach(() => server.close());

const optionsOf = () => ({ issuer: server.origin, clientId: 'api', clientSecret: 'secret' });
const caching = () => ({ ...optionsOf(), cache: { maxAgeSeconds: 60 } });
const request = (native: object, authorization = 'Bearer good') => ({ authorization, native });

const accepted = (claims: object) => ({ allowed: true, token: expect.objectContaining(claims) });
const rejected = (members: object) =>
  expect.objectContaining({ allowed: false, error: expect.objectContaining(members) });

describe('protect', () => {
  it('protect checks the policy when it is called', () => {
    expect(() => protect(() => new Authorizer(optionsOf()), { scopes: ['a b'] })).toThrow('Policy: "scopes"');
    expect(() => protect(new Authorizer(optionsOf()), { anyRole: ['admin'] })).toThrow('"rolesOf"');
  });

  it('a decision for a good token has the token', async () => {
    const decide = protect(new Authorizer(optionsOf()));
    await expect(decide(request({}))).resolves.toEqual(accepted({ sub: 'mickey' }));
  });

  it('a decision without credentials on an optional route is synchronous, with the token null', () => {
    const decide = protect(new Authorizer(optionsOf()), { optional: true });
    expect(decide({ authorization: null, native: {} })).toEqual({ allowed: true, token: null });
  });

  it('a denial has the status, fields and body of the response, and the error', () => {
    const decide = protect(new Authorizer({ ...optionsOf(), realm: 'r' }));
    const decision = decide({ authorization: null, native: {} });
    expect(decision).toEqual({
      allowed: false,
      status: 401,
      headers: [
        ['WWW-Authenticate', 'Bearer realm="r"'],
        ['Cache-Control', 'no-store'],
      ],
      body: '{}',
      error: expect.objectContaining({ code: 'missing_token' }),
    });
  });

  it('a denial has the status 503 if the server is down', async () => {
    const check = () => {
      throw new UnavailableError('m', 7);
    };
    expect(await protect(new Authorizer(optionsOf()), { check })(request({}))).toEqual({
      allowed: false,
      status: 503,
      headers: [
        ['Cache-Control', 'no-store'],
        ['Retry-After', '7'],
      ],
      body: '{"error":"temporarily_unavailable"}',
      error: expect.any(UnavailableError),
    });
  });

  it.each(['an authorizer', 'a function'])(
    'a rolesOf that throws on a cache hit of %s rejects the promise, and does not throw',
    async (kind) => {
      const authorizer = new Authorizer({
        ...caching(),
        rolesOf: () => {
          throw new Error('rolesOf is broken');
        },
      });
      await authorizer.authorize('Bearer good');
      const decide = protect(kind === 'a function' ? () => authorizer : authorizer, { anyRole: ['a'] });
      let decision: ReturnType<typeof decide> | undefined;
      expect(() => {
        decision = decide(request({}));
      }).not.toThrow();
      await expect(decision).rejects.toThrow('rolesOf is broken');
    },
  );

  it('a check that throws rejects the decision with its error', async () => {
    const check = () => {
      throw new Error('check is broken');
    };
    await expect(protect(new Authorizer(optionsOf()), { check })(request({}))).rejects.toThrow('check is broken');
  });

  it('lets a function choose the authorizer by the framework’s request, and prepares the policy once for each', async () => {
    const tenants = { a: new Authorizer(optionsOf()), b: new Authorizer({ ...optionsOf(), audience: 'b' }) };
    const decide = protect<{ tenant: 'a' | 'b' }>(async ({ tenant }) => tenants[tenant]);
    const decisionFor = (tenant: 'a' | 'b') => decide({ authorization: 'Bearer x', native: { tenant } });
    await expect(decisionFor('a')).resolves.toEqual(accepted({ sub: 'mickey' }));
    await expect(decisionFor('a')).resolves.toEqual(accepted({ sub: 'mickey' }));
    await expect(decisionFor('b')).resolves.toEqual(rejected({ reason: 'audience_mismatch' }));
  });

  it('gives a denial when the function that chooses throws an error of the core, and rejects with any other', async () => {
    const choosing = (error: Error) =>
      protect<object>(() => {
        throw error;
      })(request({}));
    expect(await choosing(new AccessDeniedError())).toMatchObject({ allowed: false, status: 403 });
    await expect(choosing(new Error('no tenant'))).rejects.toThrow('no tenant');
  });

  it('rejects when the function that chooses gives no Authorizer', async () => {
    const decide = protect<object>(() => undefined as never);
    await expect(decide(request({}))).rejects.toThrow(
      new TypeError('The function that chooses the authorizer must return an Authorizer'),
    );
  });
});

describe('protect, on a cache hit', () => {
  it.each<[string, object, object]>([
    ['accepted', {}, { allowed: true }],
    ['rejected', { scopes: ['a'] }, { allowed: false, status: 403 }],
  ])('a decision on a cache hit is synchronous: %s', async (_, policy, decision) => {
    const authorizer = new Authorizer(caching());
    await authorizer.authorize('Bearer good');
    expect(protect(authorizer, policy)(request({}))).toMatchObject(decision);
  });

  it('a decision on a cache hit does not depend on a claim "allowed" of the token', async () => {
    server.always(active({ sub: 'mickey', allowed: false }));
    const authorizer = new Authorizer(caching());
    await authorizer.authorize('Bearer good');
    expect(protect(authorizer)(request({}))).toEqual(accepted({ allowed: false }));
  });

  it('a decision on a cache hit is a promise if the policy has a check', async () => {
    const authorizer = new Authorizer(caching());
    await authorizer.authorize('Bearer good');
    const pending = protect(authorizer, { check: () => true })(request({}));
    expect('allowed' in pending).toBe(false);
    expect(await pending).toEqual(accepted({ sub: 'mickey' }));
  });
});

describe('protect, for a CORS preflight', () => {
  const fields: Record<string, string> = { origin: 'https://app.example', 'access-control-request-method': 'GET' };
  const preflight = (present = Object.keys(fields)) => ({
    authorization: null,
    method: 'OPTIONS',
    header: (name: string) => (present.includes(name) ? [fields[name] ?? ''] : []),
    native: {},
  });
  const own = (passPreflight?: boolean) =>
    new Authorizer({ ...optionsOf(), ...(passPreflight !== undefined && { passPreflight }) });
  const chosen = (passPreflight?: boolean) => async () => own(passPreflight);

  it.each<[string, () => AuthorizerSource<object>]>([
    ['by default', () => own()],
    ['when a function chooses the authorizer', () => chosen()],
    ['with "passPreflight" of the authorizer false', () => own(false)],
    ['with "passPreflight" beside the authorizer false', () => ({ authorizer: own(true), passPreflight: false })],
    ['with "passPreflight" beside a function false', () => ({ authorizer: chosen(true), passPreflight: false })],
  ])('a CORS preflight without a token is rejected, %s', async (_, source) => {
    const decide = protect(source());
    expect(await decide(preflight())).toEqual(rejected({ code: 'missing_token', status: 401 }));
    expect(await decide({ ...preflight(), authorization: 'Bearer good' })).toEqual(accepted({ sub: 'mickey' }));
  });

  it.each<[string, () => AuthorizerSource<object>]>([
    ['of the authorizer', () => own(true)],
    ['of the authorizer that a function chooses', () => chosen(true)],
    ['beside the authorizer', () => ({ authorizer: own(false), passPreflight: true })],
    ['beside a function', () => ({ authorizer: chosen(false), passPreflight: true })],
  ])(
    'a CORS preflight passes without a token and without an introspection, with "passPreflight" %s',
    async (_, source) => {
      const decide = protect(source());
      expect(await decide(preflight())).toEqual({ allowed: true, token: undefined });
      expect(server.requests).toEqual([]);
      expect(await decide(preflight(['origin']))).toEqual(rejected({ code: 'missing_token' }));
      expect(await decide({ ...preflight(), method: 'GET' })).toEqual(rejected({ code: 'missing_token' }));
    },
  );

  it('does not call the function that chooses the authorizer when "passPreflight" is set next to it', async () => {
    const authorizer = () => {
      throw new Error('not called');
    };
    const decide: Protect<object> = protect({ authorizer, passPreflight: true });
    expect(await decide(preflight())).toEqual({ allowed: true, token: undefined });
  });
});

describe('isHangUp', () => {
  it('isHangUp returns true only for the reason of the request’s own aborted signal', async () => {
    server.always(hangBeforeHeaders());
    const controller = new AbortController();
    const context = { ...request({}), signal: controller.signal };
    const decision = protect(new Authorizer(optionsOf()))(context) as Promise<Decision>;
    const error = decision.catch((error) => error);
    await server.introspection(1);
    controller.abort();
    expect(isHangUp(await error, context)).toBe(true);
    expect(isHangUp(new DOMException('another', 'AbortError'), context)).toBe(false);
    expect(isHangUp(undefined, request({}))).toBe(false);
    expect(isHangUp(undefined, { ...context, signal: new AbortController().signal })).toBe(false);
  });
});

describe('two guards that see the same request', () => {
  it('two guards that see the same request share a response for 5 s and no longer', async () => {
    let clock = 0;
    const decide = protect(new Authorizer({ ...optionsOf(), monotonicNow: () => clock }));
    const native = {};
    await decide(request(native));
    clock = 4999;
    await decide(request(native));
    expect(server.introspections).toHaveLength(1);
    clock = 5000;
    await decide(request(native));
    expect(server.introspections).toHaveLength(2);
  });
});

describe('expectOnlyPolicy', () => {
  it('accepts a policy alone', () => {
    expect(() => expectOnlyPolicy([])).not.toThrow();
  });

  it.each([[[{}]], [[undefined]], [[{}, {}, () => {}]]])('rejects further arguments: %j', (others) => {
    expect(() => expectOnlyPolicy(others)).toThrow(
      new TypeError(
        'requireToken takes a policy alone, and returns the middleware: call it, as in app.use(requireToken()). Pass options or an Authorizer to introspect()',
      ),
    );
  });
});
