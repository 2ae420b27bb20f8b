import { inspect } from 'node:util';
import {
  active,
  hangBeforeHeaders,
  inactive,
  json,
  redirect,
  reset,
  respond,
  type ScriptedResponse,
  type ScriptedServer,
  startScriptedServer,
} from '@acme/introspect-testing';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest';
import {
  type ActiveToken,
  Authorizer,
  type AuthorizerOptions,
  type Guard,
  IntrospectionClient,
  type InvalidationTarget,
  isAuthorizationError,
  isIntrospectionError,
  type Policy,
  type RequestContext,
} from '../../src/index.js';
import { errorOf } from '../support/authorizer.js';
import { eventLoopTurns } from '../support/event-loop.js';
import { holdResponse } from '../support/held-response.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await server.close();
});

const authorizerOf = (options: object = {}) =>
  new Authorizer({
    introspectionEndpoint: server.introspectionEndpoint,
    clientId: 'api',
    clientSecret: 'secret',
    retry: { attempts: 1 },
    ...options,
  });

describe('the credentials of a request', () => {
  beforeEach(() => server.tokens.set('good', { sub: 'mickey' }));

  it.each<[string, Parameters<Guard<ActiveToken>>[0]]>([
    ['a field value', 'Bearer good'],
    ['a list of field values', ['Bearer good']],
    ['a context with a field value', { authorization: 'Bearer good' }],
    ['a context with a list', { authorization: ['Bearer good'], method: 'GET' }],
  ])('the credentials may be %s', async (_, request) => {
    await expect(authorizerOf().authorize(request)).resolves.toEqual({ active: true, sub: 'mickey' });
    await expect(authorizerOf().guard()(request)).resolves.toEqual({ active: true, sub: 'mickey' });
  });

  it.each<[string, Parameters<Guard<ActiveToken>>[0]]>([
    ['null', null],
    ['undefined', undefined],
    ['an empty list', []],
    ['a context without credentials', { authorization: undefined }],
    ['another scheme', 'Basic YTpi'],
  ])('a request without a token is rejected, or null on an optional route: %s', async (_, request) => {
    await expect(authorizerOf().authorize(request)).rejects.toMatchObject({ code: 'missing_token' });
    await expect(authorizerOf().authorize(request, { optional: true })).resolves.toBeNull();
    expect(server.introspections).toHaveLength(0);
  });

  it('the whole request context is passed to rolesOf and check', async () => {
    const request: RequestContext = { authorization: 'Bearer good', native: { tenant: 1 } };
    const rolesOf = vi.fn(() => ['admin']);
    const check = vi.fn(() => true);
    await authorizerOf({ rolesOf }).authorize(request, { anyRole: ['admin'], check });
    expect(rolesOf).toHaveBeenCalledExactlyOnceWith({ active: true, sub: 'mickey' }, request);
    expect(check).toHaveBeenCalledExactlyOnceWith({ active: true, sub: 'mickey' }, request);
  });

  it('an invalid policy: authorize rejects, and guard throws, without an introspection', async () => {
    const policy = { scope: 'read' } as Policy;
    expect(() => authorizerOf().guard(policy)).toThrow('Policy: unknown option "scope"');
    await expect(authorizerOf().authorize('Bearer good', policy)).rejects.toThrow('Policy: unknown option "scope"');
    expect(() => authorizerOf().guard({ anyRole: ['admin'] })).toThrow('"rolesOf"');
    expect(server.introspections).toHaveLength(0);
  });
});

describe('the outcomes of authorize', () => {
  const now = 1750000000;
  const policy: Policy = { scopes: ['a', 'b'], anyRole: ['admin'], maxAuthenticationAgeSeconds: 60, acrValues: ['x'] };
  const good = { scope: 'a b', auth_time: now, acr: 'x', roles: ['admin'], aud: 'api' };
  const challenged = (parameters: string) => [
    ['WWW-Authenticate', `Bearer realm="r", ${parameters}resource_metadata="https://api.example.com/m"`],
    ['Cache-Control', 'no-store'],
  ];
  const rejection = (status: number, error: string, error_description: string, rest = '') => ({
    code: error,
    status,
    headers: challenged(`error="${error}", error_description="${error_description}", ${rest}`),
    body: { error, error_description },
  });
  const denied = {
    code: 'access_denied',
    status: 403,
    headers: [['Cache-Control', 'no-store']],
    body: { error: 'access_denied', error_description: 'The access token does not permit this' },
  };
  const failed = (code: string, headers: string[][] = []) => ({
    code,
    status: 503,
    headers: [['Cache-Control', 'no-store'], ...headers],
    body: { error: 'temporarily_unavailable' },
  });
  const missing = {
    code: 'missing_token',
    status: 401,
    headers: challenged('scope="a b", '),
    body: {},
  };
  const broken = rejection(400, 'invalid_request', 'The Authorization header field must hold one bearer token, once');
  const invalid = (reason: string, sentence: string) => ({ ...rejection(401, 'invalid_token', sentence), reason });

  const authorize = (line: string | string[], response: ScriptedResponse) => {
    server.always(response);
    return authorizerOf({
      audience: 'api',
      realm: 'r',
      resourceMetadata: 'https://api.example.com/m',
      rolesOf: ({ roles }: ActiveToken) => roles as string[],
      now: () => now * 1000,
    }).authorize(line, policy);
  };

  it.each<[string, string | string[], object]>([
    ['no credentials', [], missing],
    ['another scheme', 'Basic YTpi', missing],
    ['a broken header', 'Bearer', broken],
    ['two field values', ['Bearer t', 'Bearer u'], broken],
    ['two field values joined by a comma', 'Bearer t, Bearer u', broken],
    ['a malformed token', 'Bearer !', invalid('malformed', 'The access token is malformed')],
    ['a token that is too long', `Bearer ${'t'.repeat(16_385)}`, invalid('too_long', 'The access token is too long')],
  ])('a request with %s is rejected without an introspection', async (_, line, expected) => {
    await expect(authorize(line, active(good))).rejects.toMatchObject(expected);
    expect(server.introspections).toHaveLength(0);
  });

  it.each<[string, ScriptedResponse, object]>([
    ['an inactive token', inactive(), invalid('inactive', 'The access token is not active')],
    ['an expired token', active({ ...good, exp: now }), invalid('expired', 'The access token has expired')],
    [
      'a token for another API',
      active({ ...good, aud: 'other' }),
      invalid('audience_mismatch', 'The access token is meant for another audience'),
    ],
    [
      'a login that is too old',
      active({ ...good, auth_time: now - 61 }),
      rejection(
        401,
        'insufficient_user_authentication',
        'A more recent or stronger authentication of the user is needed here',
        'scope="a b", acr_values="x", max_age="60", ',
      ),
    ],
    [
      'a missing scope',
      active({ ...good, scope: 'a' }),
      rejection(403, 'insufficient_scope', 'The access token lacks a scope that is needed here', 'scope="a b", '),
    ],
    ['a missing role', active({ ...good, roles: [] }), denied],
    ['a server that resets', reset(), failed('unavailable')],
    ['a server that is broken', respond({ status: 500 }), failed('unavailable')],
    [
      'a server that is overloaded',
      respond({ status: 429, headers: { 'retry-after': '7' } }),
      failed('unavailable', [['Retry-After', '7']]),
    ],
    ['a redirect', redirect('https://example.com'), failed('invalid_response')],
    ['a response of another kind', json({ active: 'true' }), failed('invalid_response')],
    ['rejected client credentials', json({ error: 'invalid_client' }, { status: 401 }), failed('invalid_client')],
  ])('a request with %s is rejected after one introspection', async (_, response, expected) => {
    await expect(authorize('Bearer t', response)).rejects.toMatchObject(expected);
    expect(server.introspections).toHaveLength(1);
  });

  it('a good token resolves with its claims', async () => {
    await expect(authorize('Bearer t', active(good))).resolves.toEqual({ active: true, ...good });
  });

  it('a check that returns false rejects with access_denied', async () => {
    server.always(active());
    await expect(authorizerOf().authorize('Bearer t', { check: () => false })).rejects.toMatchObject(denied);
  });

  it("an aborted request rejects with the reason of the caller's signal, without an introspection", async () => {
    const request = { authorization: 'Bearer t', signal: AbortSignal.abort('left') };
    await expect(authorizerOf().authorize(request)).rejects.toBe('left');
    expect(server.introspections).toHaveLength(0);
  });

  it('the challenge without a token names the scopes only if the resource is configured', async () => {
    const challengeOf = async (options: object) => {
      const error = await errorOf(authorizerOf(options).authorize(null, { scopes: ['a', 'b'] }));
      if (!isAuthorizationError(error)) throw error;
      return error.headers[0]?.[1];
    };
    expect(await challengeOf({})).toBe('Bearer realm="api"');
    expect(await challengeOf({ realm: 'r' })).toBe('Bearer realm="r"');
    expect(await challengeOf({ resource: 'https://api.example.com/v1' })).toBe(
      'Bearer scope="a b", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1"',
    );
    const both = { resource: 'https://api.example.com', resourceMetadata: 'https://example.com/m' };
    expect(await challengeOf(both)).toBe('Bearer scope="a b", resource_metadata="https://example.com/m"');
  });
});

describe('an optional policy', () => {
  const optional = (line: string | string[], response: ScriptedResponse = active()) => {
    server.always(response);
    return authorizerOf().authorize(line, { optional: true, scopes: ['read'] });
  };

  it.each<[string, string | string[], ScriptedResponse, string]>([
    ['a broken header', ['Bearer t', 'Bearer t'], active(), 'invalid_request'],
    ['a malformed token', 'Bearer !', active(), 'invalid_token'],
    ['an inactive token', 'Bearer t', inactive(), 'invalid_token'],
    ['a missing scope', 'Bearer t', active(), 'insufficient_scope'],
    ['a server that is down', 'Bearer t', reset(), 'unavailable'],
  ])('an optional policy still rejects %s', async (_, line, response, code) => {
    await expect(optional(line, response)).rejects.toMatchObject({ code });
  });

  it('an optional policy resolves with a good token', async () => {
    await expect(optional('Bearer t', active({ scope: 'read' }))).resolves.toEqual({ active: true, scope: 'read' });
  });
});

describe('the options of an authorizer', () => {
  it('says in the message, and not in the response, that a rejected token has no audience at all', async () => {
    const authorizer = authorizerOf({ audience: 'api' });
    server.always(active({ sub: 'mickey' }));
    const error = await errorOf(authorizer.authorize('Bearer a'));
    expect(error).toMatchObject({
      reason: 'audience_mismatch',
      message:
        'The access token is meant for another audience: the introspection response has no "aud", so the option "audience" rejects every such token',
      body: { error: 'invalid_token', error_description: 'The access token is meant for another audience' },
    });
    server.always(active({ aud: 'other' }));
    const other = await errorOf(authorizer.authorize('Bearer b'));
    expect(other).toMatchObject({ message: 'The access token is meant for another audience' });
  });

  it.each<[audience: unknown, aud: unknown, outcome: string]>([
    ['api', 'api', 'ok'],
    ['api', ['other', 'api'], 'ok'],
    [['other', 'api'], 'api', 'ok'],
    ['api', 'api2', 'audience_mismatch'],
    [['a', 'b'], ['c'], 'audience_mismatch'],
    ['api', undefined, 'audience_mismatch'],
  ])('with the audience %j, a token for %j has the outcome: %s', async (audience, aud, outcome) => {
    server.always(active({ aud }));
    const error = await errorOf(authorizerOf({ audience }).authorize('Bearer t'));
    expect(error === undefined ? 'ok' : error).toEqual(
      outcome === 'ok' ? 'ok' : expect.objectContaining({ reason: outcome }),
    );
  });

  it.each<[tokenTypes: string[], type: string | undefined, outcome: string]>([
    [['Bearer'], 'Bearer', 'ok'],
    [['Bearer'], 'bearer', 'ok'],
    [['bearer'], 'BEARER', 'ok'],
    [['BEARER'], 'Bearer', 'ok'],
    [['N_A', 'Bearer'], 'bearer', 'ok'],
    [['Bearer'], 'N_A', 'not_an_access_token'],
    [['Bearer'], undefined, 'not_an_access_token'],
    [['DPoP'], 'DPoP', 'sender_constraint'],
  ])('with tokenTypes %j, a token of type %j has the outcome: %s', async (tokenTypes, token_type, outcome) => {
    server.always(active({ token_type }));
    const error = await errorOf(authorizerOf({ tokenTypes }).authorize('Bearer t'));
    expect(error === undefined ? 'ok' : error).toEqual(
      outcome === 'ok' ? 'ok' : expect.objectContaining({ reason: outcome, status: 401 }),
    );
  });

  it('a policy that policyProblem rejects: guard throws, and authorize rejects', async () => {
    const policyProblem = vi.fn(({ scopes }: Policy) => (scopes?.includes('root') ? 'nobody is root' : undefined));
    const authorizer = authorizerOf({ policyProblem });
    expect(policyProblem).not.toHaveBeenCalled();
    expect(() => authorizer.guard({ scopes: ['root'] })).toThrow(new TypeError('Policy: nobody is root'));
    expect(policyProblem).toHaveBeenCalledTimes(1);
    await expect(authorizer.authorize('Bearer t', { scopes: ['root'] })).rejects.toThrow('Policy: nobody is root');
    expect(server.introspections).toHaveLength(0);
    expect(() => authorizer.guard({ scopes: ['user'] })).not.toThrow();
    expect(() => authorizerOf({ policyProblem: 'none' })).toThrow('Authorizer: "policyProblem" must be a function');
  });

  it('a missing policy is rejected if policyProblem rejects the empty policy', async () => {
    const policyProblem = ({ anyRole }: Policy) => (anyRole === undefined ? 'name a role' : undefined);
    const authorizer = authorizerOf({ policyProblem, rolesOf: () => ['admin'] });
    server.always(active());
    await expect(authorizer.authorize('Bearer t')).rejects.toThrow('Policy: name a role');
    expect(() => authorizer.guard()).toThrow('Policy: name a role');
    await expect(authorizer.authorize('Bearer t', { anyRole: ['admin'] })).resolves.toMatchObject({ active: true });
  });

  it('an authorizer with a given client checks tokens against the issuer and the clock of that client', async () => {
    const { origin: issuer, introspectionEndpoint } = server;
    const client = new IntrospectionClient({
      ...{ issuer, introspectionEndpoint, clientId: 'api', clientSecret: 'secret' },
      now: () => 1_000_000,
    });
    const authorizer = new Authorizer({ client, clockSkewSeconds: 10 });
    server.next(active({ exp: 991 }), active({ exp: 990 }), active({ iss: 'https://other.example.com' }));
    await expect(authorizer.authorize('Bearer t')).resolves.toMatchObject({ exp: 991 });
    await expect(authorizer.authorize('Bearer t')).rejects.toMatchObject({ reason: 'expired' });
    await expect(authorizer.authorize('Bearer t')).rejects.toMatchObject({ reason: 'issuer_mismatch' });
  });

  it('the options are not changed, and later changes of them have no effect', async () => {
    const audience = ['api'];
    const headers = { 'x-tenant': 'a' };
    const options = Object.freeze({ audience, headers, resource: 'https://api.example.com' });
    const authorizer = authorizerOf(options);
    expect(options).toEqual({ audience: ['api'], headers: { 'x-tenant': 'a' }, resource: 'https://api.example.com' });
    audience.push('other');
    headers['x-tenant'] = 'b';
    server.always(active({ aud: 'other' }));
    await expect(authorizer.authorize('Bearer t')).rejects.toMatchObject({ reason: 'audience_mismatch' });
    expect(server.introspections[0]?.field('x-tenant')).toEqual(['a']);
  });

  it('the constructor sends no request', () => {
    const fetch = vi.spyOn(globalThis, 'fetch');
    authorizerOf({ issuer: 'https://as.example.com', introspectionEndpoint: undefined }).guard({ scopes: ['a'] });
    expect(fetch).not.toHaveBeenCalled();
    fetch.mockRestore();
  });

  const client = new IntrospectionClient({ issuer: 'https://a.example.com', clientId: 'c', clientSecret: 's' });
  const allMissing =
    '"issuer" (or "introspectionEndpoint"), "clientId" and "clientSecret" are missing: pass them, or use fromEnv() or another preset, which read them from the environment';

  it.each<[string, unknown, string]>([
    ['undefined', undefined, `IntrospectionClient: ${allMissing}`],
    ['null', null, `IntrospectionClient: ${allMissing}`],
    ['neither a client nor client options', { audience: 'a' }, `IntrospectionClient: ${allMissing}`],
    ['an invalid client', { client: {} }, 'Authorizer: "client" must be an IntrospectionClient'],
    ['a client with client options', { client, issuer: 'x' }, 'Authorizer: "issuer" cannot be combined with "client"'],
    ['a client with an unknown option', { client, audiance: 'x' }, 'Authorizer: unknown option "audiance"'],
  ])('the constructor rejects %s', (_, options, message) => {
    const construct = () => new Authorizer(options as AuthorizerOptions);
    expect(construct).toThrow(TypeError);
    expect(construct).toThrow(message);
  });

  const audiences = ['', [], [''], 5, null].map((each) => ['audience', each, 'must']);
  const lengths = ([0, -1, 1.5, NaN, Infinity, '16384', null] as unknown[]).map((each) => [
    'maxTokenLength',
    each,
    'must be a whole number of characters',
  ]);
  const skews = ([-1, NaN, Infinity, '30', null] as unknown[]).map((each) => ['clockSkewSeconds', each, 'must']);
  it.each([
    ...audiences,
    ...skews,
    ...lengths,
    ['realm', '', 'must not be empty'],
    ['realm', 'a\r\nb', 'must be of printable ASCII'],
    ['realm', 'ü', 'must be of printable ASCII'],
    ['realm', 5, 'must be a string'],
    ['resource', '', 'must be an absolute URL'],
    ['resource', 'api.example.com', 'must be an absolute URL'],
    ['resource', 'http://api.example.com', 'must be https'],
    ['resource', 'https://api.example.com/#a', 'must not have a fragment'],
    ['resource', 5, 'must be a string'],
    ['resourceMetadata', 'http://api.example.com/m', 'must be https'],
    ['resourceMetadata', 'https://api.example.com/"m"', 'must be percent-encoded'],
    ['resourceMetadata', 'https://api.example.com/ü', 'must be percent-encoded'],
    ['rolesOf', ['admin'], 'must be a function'],
  ])('the constructor rejects %s %j', (name, value, message) => {
    expect(() => authorizerOf({ [name as string]: value })).toThrow(`Authorizer: "${name}" ${message}`);
  });

  it('the constructor rejects a list of audiences with a value that is not a string', () => {
    expect(() => authorizerOf({ audience: ['a', 5] })).toThrow('Authorizer: "audience.1" must be a string');
  });

  it.each(['unheard_of', 'clientid', 'scope'])(
    'the constructor rejects the unknown option %s by name, without its value',
    (name) => {
      expect(() => authorizerOf({ [name]: 'canary' })).toThrow(`Authorizer: unknown option "${name}"; known options: `);
      expect(() => authorizerOf({ [name]: 'canary' })).toThrow(/^((?!canary).)*$/);
    },
  );

  it.each([
    [16_384, {}],
    [11, { maxTokenLength: 11 }],
  ])('introspects a token of %d characters with the options %j, and rejects a longer one', async (length, options) => {
    server.always(active());
    const authorizer = authorizerOf(options);
    await expect(authorizer.authorize(`Bearer ${'t'.repeat(length)}`)).resolves.toMatchObject({ active: true });
    await expect(authorizer.authorize(`Bearer ${'t'.repeat(length + 1)}`)).rejects.toMatchObject({
      reason: 'too_long',
    });
    expect(server.introspections).toHaveLength(1);
  });

  it('the constructor accepts a resource on loopback with http', () => {
    authorizerOf({ resource: 'http://127.0.0.1:3000', resourceMetadata: 'http://localhost:3000/m' });
  });
});

describe('the types of an authorizer', () => {
  it('the result type includes null only if the policy may be optional', () => {
    const policies = (authorizer: Authorizer, policy: Policy) => {
      expectTypeOf(authorizer.authorize('')).resolves.toEqualTypeOf<ActiveToken>();
      expectTypeOf(authorizer.authorize('', {})).resolves.toEqualTypeOf<ActiveToken>();
      expectTypeOf(authorizer.authorize('', { scopes: ['a'] })).resolves.toEqualTypeOf<ActiveToken>();
      expectTypeOf(authorizer.authorize('', { optional: false })).resolves.toEqualTypeOf<ActiveToken>();
      expectTypeOf(authorizer.authorize('', { optional: true })).resolves.toEqualTypeOf<ActiveToken | null>();
      expectTypeOf(authorizer.authorize('', policy)).resolves.toEqualTypeOf<ActiveToken | null>();
      expectTypeOf(authorizer.guard()).toEqualTypeOf<Guard<ActiveToken>>();
      expectTypeOf(authorizer.guard({ scopes: ['a'] })).toEqualTypeOf<Guard<ActiveToken>>();
      expectTypeOf(authorizer.guard({ optional: false })).toEqualTypeOf<Guard<ActiveToken>>();
      expectTypeOf(authorizer.guard({ optional: true })).toEqualTypeOf<Guard<ActiveToken | null>>();
      expectTypeOf(authorizer.guard(policy)).toEqualTypeOf<Guard<ActiveToken | null>>();
      // @ts-expect-error an unknown member
      authorizer.guard({ scope: 'a' });
    };
    expectTypeOf(policies).toBeFunction();
  });

  it('the type of invalidate accepts exactly one target', () => {
    expectTypeOf<Parameters<Authorizer['invalidate']>>().toEqualTypeOf<[InvalidationTarget]>();
    for (const target of [{ token: 't' }, { sub: 's' }, { jti: 'j' }, { client_id: 'c' }, { all: true }] as const)
      expectTypeOf(target).toExtend<InvalidationTarget>();
    expectTypeOf<{ all: false }>().not.toExtend<InvalidationTarget>();
    expectTypeOf<{ sub: undefined }>().not.toExtend<InvalidationTarget>();
    expectTypeOf<Record<string, never>>().not.toExtend<InvalidationTarget>();
  });

  it('the type of the options accepts a client or client options', () => {
    expectTypeOf<{ client: IntrospectionClient; audience: string }>().toExtend<AuthorizerOptions>();
    expectTypeOf<{ clientId: string; clientSecret: string; issuer: string }>().toExtend<AuthorizerOptions>();
    expectTypeOf<{ clientId: string; issuer: string }>().not.toExtend<AuthorizerOptions>();
    expectTypeOf<{ audience: 5 }>().not.toExtend<AuthorizerOptions>();
  });
});

describe('concurrent requests with the same token', () => {
  it('20 concurrent requests share one introspection, and each is checked against its own policy', async () => {
    const { held, release } = holdResponse(active({ scope: 'read' }));
    server.always(held);
    const authorizer = authorizerOf();
    const requests = Array.from({ length: 20 }, (_, i) =>
      authorizer.authorize('Bearer t', { scopes: [i % 2 === 0 ? 'read' : 'write'] }),
    );
    const outcomes = Promise.allSettled(requests);
    await server.introspection(1);
    release();
    expect((await outcomes).map(({ status }) => status)).toEqual(Array(10).fill(['fulfilled', 'rejected']).flat());
    expect(server.introspections).toHaveLength(1);
  });

  it('concurrent requests get the same frozen token', async () => {
    server.always(active({ nested: { list: [{}] } }));
    const authorizer = authorizerOf();
    const [one, other] = await Promise.all([authorizer.authorize('Bearer t'), authorizer.authorize('Bearer t')]);
    expect(one).toBe(other);
    const { nested } = one as { nested?: { list: object[] } };
    for (const part of [one, nested, nested?.list, nested?.list[0]]) expect(part).toSatisfy(Object.isFrozen);
  });

  it('requests with different tokens, of different authorizers, or one after the other share no introspection', async () => {
    server.always(inactive());
    const authorizer = authorizerOf();
    const authorize = (token: string, by = authorizer) => errorOf(by.authorize(`Bearer ${token}`));
    await Promise.all([authorize('a'), authorize('b')]);
    expect(server.introspections).toHaveLength(2);
    await Promise.all([authorize('a'), authorize('a', authorizerOf())]);
    expect(server.introspections).toHaveLength(4);
    await authorize('a');
    expect(server.introspections).toHaveLength(5);
  });

  it('a caller that hangs up does not abort the introspection of the others', async () => {
    const { held, release } = holdResponse(active());
    server.always(held);
    const authorizer = authorizerOf();
    const controller = new AbortController();
    const leaves = authorizer.authorize({ authorization: 'Bearer t', signal: controller.signal });
    const stays = authorizer.authorize({ authorization: 'Bearer t', signal: new AbortController().signal });
    await server.introspection(1);
    controller.abort('left');
    await expect(leaves).rejects.toBe('left');
    release();
    await expect(stays).resolves.toEqual({ active: true });
    expect(server.introspections).toHaveLength(1);
  });

  it('the introspection is aborted when the last caller hangs up, and the next request starts another', async () => {
    server.next(hangBeforeHeaders(), active());
    const authorizer = authorizerOf({ timeoutMs: 60_000 });
    const controllers = [new AbortController(), new AbortController()];
    const leave = controllers.map(({ signal }) => authorizer.authorize({ authorization: 'Bearer t', signal }));
    const { over } = await server.introspection(1);
    for (const controller of controllers) controller.abort('left');
    for (const each of leave) await expect(each).rejects.toBe('left');
    await over;
    await expect(authorizer.authorize('Bearer t')).resolves.toEqual({ active: true });
  });

  it('concurrent requests share a failure, and the next request introspects again', async () => {
    const { held, release } = holdResponse(respond({ status: 500 }));
    server.next(held, active());
    const authorizer = authorizerOf();
    const waiting = [errorOf(authorizer.authorize('Bearer t')), errorOf(authorizer.authorize('Bearer t'))];
    await server.introspection(1);
    release();
    expect(await Promise.all(waiting)).toEqual(Array(2).fill(expect.objectContaining({ code: 'unavailable' })));
    await expect(authorizer.authorize('Bearer t')).resolves.toEqual({ active: true });
    expect(server.introspections).toHaveLength(2);
  });

  it('concurrent requests on workerd share no introspection', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    server.always(active());
    const authorizer = authorizerOf();
    await Promise.all([authorizer.authorize('Bearer t'), authorizer.authorize('Bearer t')]);
    expect(server.introspections).toHaveLength(2);
  });
});

describe('two guards on one request of a framework', () => {
  const native = {};
  const request = (token: string, given: unknown) => ({ authorization: `Bearer ${token}`, native: given });

  it('two guards on one request share one introspection, and each checks its own policy', async () => {
    server.always(active({ scope: 'read' }));
    const authorizer = authorizerOf();
    await expect(authorizer.authorize(request('a', native), { scopes: ['read'] })).resolves.toMatchObject({
      active: true,
    });
    const second = authorizer.authorize(request('a', native), { scopes: ['write'] });
    await expect(second).rejects.toMatchObject({ code: 'insufficient_scope' });
    expect(server.introspections).toHaveLength(1);
  });

  it('two guards introspect twice for another token, another request or another authorizer', async () => {
    server.always(active());
    const authorizer = authorizerOf();
    await authorizer.authorize(request('a', native));
    await authorizer.authorize(request('b', native));
    await authorizer.authorize(request('b', {}));
    await authorizerOf().authorize(request('b', native));
    expect(server.introspections).toHaveLength(4);
  });

  it.each([null, undefined, 'text'])(
    'two guards introspect twice if the native request is not an object: %s',
    async (given) => {
      server.always(active());
      const authorizer = authorizerOf();
      await authorizer.authorize(request('a', given));
      await authorizer.authorize(request('a', given));
      expect(server.introspections).toHaveLength(2);
    },
  );

  it('two guards introspect again after a failure', async () => {
    server.next(reset(), active());
    const authorizer = authorizerOf();
    await expect(authorizer.authorize(request('a', native))).rejects.toMatchObject({ code: 'unavailable' });
    await expect(authorizer.authorize(request('a', native))).resolves.toEqual({ active: true });
  });
});

describe('ready', () => {
  let clock: number;
  const authorizerOfClock = (options: object = {}) => authorizerOf({ monotonicNow: () => clock, ...options });
  beforeEach(() => {
    clock = 1000;
  });

  it('ready resolves after the introspection of a token that does not exist', async () => {
    await expect(authorizerOf().ready()).resolves.toBeUndefined();
    expect(server.introspections[0]?.form.get('token')).toMatch(/^[a-z-]+$/);
    await expect(
      new Authorizer({ issuer: server.origin, clientId: 'api', clientSecret: 'secret' }).ready(),
    ).resolves.toBeUndefined();
  });

  it.each<[string, ScriptedResponse, string]>([
    ['is broken', respond({ status: 500 }), 'unavailable'],
    ['responds with a page', respond({ headers: { 'content-type': 'text/html' }, body: '<html>' }), 'invalid_response'],
    ['rejects our credentials', json({ error: 'unauthorized_client' }, { status: 400 }), 'invalid_client'],
  ])('ready rejects if the server %s', async (_, response, code) => {
    server.next(response);
    await expect(authorizerOf().ready()).rejects.toMatchObject({ code });
  });

  it('ready sends one request for concurrent callers', async () => {
    const { held, release } = holdResponse(inactive());
    server.always(held);
    const authorizer = authorizerOfClock();
    const waiting = Array.from({ length: 20 }, () => authorizer.ready());
    await server.introspection(1);
    release();
    await Promise.all(waiting);
    expect(server.introspections).toHaveLength(1);
  });

  it('ready sends one request for as long as it runs, even longer than 5 s', async () => {
    const { held, release } = holdResponse(inactive());
    server.always(held);
    const authorizer = authorizerOfClock({ timeoutMs: 60_000 });
    const first = authorizer.ready();
    await server.introspection(1);
    clock += 5000;
    const second = authorizer.ready();
    release();
    await Promise.all([first, second]);
    expect(server.introspections).toHaveLength(1);
  });

  it.each<[string, ScriptedResponse, string]>([
    ['a success', inactive(), 'fulfilled'],
    ['a failure', respond({ status: 500 }), 'rejected'],
  ])('ready reuses %s for 5 s, and then sends another request', async (_, response, status) => {
    server.always(response);
    const authorizer = authorizerOfClock();
    const outcome = async () => (await Promise.allSettled([authorizer.ready()]))[0].status;
    expect(await outcome()).toBe(status);
    clock += 4999;
    expect(await outcome()).toBe(status);
    expect(server.introspections).toHaveLength(1);
    clock += 1;
    expect(await outcome()).toBe(status);
    expect(server.introspections).toHaveLength(2);
  });

  it('ready that fails causes no unhandled rejection', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    server.always(reset());
    await expect(authorizerOf().ready()).rejects.toMatchObject({ code: 'unavailable' });
    await eventLoopTurns();
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  describe('on workerd', () => {
    beforeEach(() => vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' }));

    it('ready on workerd shares no promise', async () => {
      const authorizer = authorizerOfClock();
      await Promise.all([authorizer.ready(), authorizer.ready()]);
      expect(server.introspections).toHaveLength(2);
    });

    it.each<[string, ScriptedResponse, string]>([
      ['a success', inactive(), 'fulfilled'],
      ['a failure', respond({ status: 500 }), 'rejected'],
    ])('ready on workerd reuses %s for 5 s, because it is a value then', async (_, response, status) => {
      server.always(response);
      const authorizer = authorizerOfClock();
      const outcome = async () => (await Promise.allSettled([authorizer.ready()]))[0].status;
      expect([await outcome(), await outcome()]).toEqual([status, status]);
      expect(server.introspections).toHaveLength(1);
      clock += 5000;
      await outcome();
      expect(server.introspections).toHaveLength(2);
    });
  });
});

describe('resourceMetadata', () => {
  const issuer = 'https://as.example.com';

  it('resourceMetadata returns the document of the resource and its path', () => {
    expect(authorizerOf({ issuer, resource: 'https://api.example.com/v1/' }).resourceMetadata()).toEqual({
      path: '/.well-known/oauth-protected-resource/v1',
      document: {
        resource: 'https://api.example.com/v1/',
        authorization_servers: [issuer],
        bearer_methods_supported: ['header'],
      },
    });
  });

  it.each([{}, { issuer }])('resourceMetadata throws without a resource: %j', (options) => {
    expect(() => authorizerOf(options).resourceMetadata()).toThrow('configure "resource"');
  });
});

describe('secrets in errors', () => {
  const canary = /canary/i;
  const policy = { scopes: ['read'] };

  it.each<[string, string | string[], ScriptedResponse]>([
    ['a broken header', 'Bearer canary canary', active()],
    ['two headers', ['Bearer canary', 'Bearer canary'], active()],
    ['a malformed token', 'Bearer canary!', active()],
    ['a long token', `Bearer ${'canary'.repeat(2000)}`, active()],
    ['another scheme', 'Basic canary', active()],
    ['an inactive token', 'Bearer canary', json({ active: false, sub: 'canary' })],
    ['an expired token', 'Bearer canary', active({ exp: 1, sub: 'canary' })],
    ['another issuer', 'Bearer canary', active({ iss: 'https://canary.example' })],
    ['another audience', 'Bearer canary', active({ aud: 'canary' })],
    ['another token type', 'Bearer canary', active({ aud: 'api', typ: 'id', sub: 'canary' })],
    ['a bound token', 'Bearer canary', active({ aud: 'api', cnf: { jkt: 'canary' } })],
    ['another scope', 'Bearer canary', active({ aud: 'api', scope: 'canary' })],
    ['a broken server', 'Bearer canary', respond({ status: 500, body: 'canary' })],
    ['a page', 'Bearer canary', respond({ headers: { 'content-type': 'text/html' }, body: 'canary' })],
    [
      'a response that is not JSON',
      'Bearer canary',
      respond({ headers: { 'content-type': 'application/json' }, body: 'canary' }),
    ],
    ['a response of another kind', 'Bearer canary', json({ active: 'canary', canary: 1 })],
    ['a member of another type', 'Bearer canary', active({ exp: 'canary' })],
    ['a redirect', 'Bearer canary', redirect('https://canary.example')],
    [
      'a rejected client',
      'Bearer canary',
      json({ error: 'invalid_client', error_description: 'canary' }, { status: 401 }),
    ],
    ['a bad request', 'Bearer canary', json({ error: 'canary' }, { status: 400 })],
    ['a reset', 'Bearer canary', reset()],
  ])('no error and no authorizer shows a token, a secret or a response: %s', async (_, line, response) => {
    server.always(response);
    const { origin: issuer, introspectionEndpoint } = server;
    const options = { issuer, introspectionEndpoint, clientId: 'api', clientSecret: 'canary', audience: 'api' };
    const authorizer = new Authorizer(options);
    const error = await errorOf(authorizer.authorize(line, policy));
    expect(isAuthorizationError(error) || isIntrospectionError(error)).toBe(true);
    const { message, stack } = error as Error;
    const shown = [message, stack, String(error), JSON.stringify(error)];
    for (const each of [error, authorizer]) shown.push(inspect(each, { showHidden: true, depth: 9, getters: true }));
    for (const each of shown) expect(each).not.toMatch(canary);
  });
});

describe('garbage in the Authorization field', () => {
  it('garbage is rejected with an authorization error, and only a b64token reaches the server', async () => {
    server.always(inactive());
    const guard = authorizerOf().guard();
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...' \t,="\\aB9-._~+/\r\n') }),
    );
    const line = fc.oneof(
      text,
      text.map((rest) => `Bearer ${rest}`),
      text.map((rest) => `bearer  ${rest}\t`),
    );
    const lines = fc.oneof({ weight: 9, arbitrary: line }, fc.array(line, { maxLength: 3 }));
    const property = fc.asyncProperty(lines, async (given) => {
      const before = server.introspections.length;
      const error = await errorOf(guard(given));
      expect(isAuthorizationError(error)).toBe(true);
      const tokens = server.introspections.slice(before).map(({ form }) => form.get('token'));
      const [only = ''] = typeof given === 'string' ? [given] : given;
      const token = /^[ \t]*bearer +([\w.~+/-]+=*)[ \t]*$/i.exec(only)?.[1];
      expect(tokens).toEqual(token === undefined || (Array.isArray(given) && given.length > 1) ? [] : [token]);
    });
    await fc.assert(property, { numRuns: 1000 });
  }, 60_000);
});
