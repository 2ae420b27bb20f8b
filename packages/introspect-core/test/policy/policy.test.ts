import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { active, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type ActiveToken, Authorizer, type Policy } from '../../src/index.js';
import { type Expectations, preparePolicy } from '../../src/policy/prepared-policy.js';
import { invalidReason } from '../../src/policy/token-validation.js';
import { vectors } from '../support/vectors.js';

const now = 1750000000;
const tokenOf = (claims: object) => ({ active: true, ...claims }) as ActiveToken;

/** Checks a token against a policy. Rejects with the error of the first check that fails. */
const judge = async (claims: object, policy: Policy = {}, expected: Partial<Expectations> = {}) =>
  preparePolicy(policy, { challenge: {}, ...expected }).judge(tokenOf(claims), { authorization: 'Bearer t' }, now);

/** Resolves with `ok`, or with the code of the error. */
const codeOf = (...parts: Parameters<typeof judge>) =>
  judge(...parts).then(
    () => 'ok',
    (error: { code: unknown }) => error.code,
  );

it('rolesOf that returns a string: its letters do not count as roles', async () => {
  const lying = { rolesOf: () => 'admin' };
  await expect(judge({}, { anyRole: ['a'] }, lying)).rejects.toThrow('"rolesOf" must return a list of roles');
});

it('a route keeps no memory for scope strings longer than 1000 characters', () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const { judge } = preparePolicy({ scopes: ['s'] }, { challenge: {} });
  const length = 2 ** 20;
  const judgeTexts = () => {
    for (let i = 0; i < 50; i++) {
      const scope = `s ${i} ${'x'.repeat(length)}`;
      judge(tokenOf({ scope }), { authorization: null }, now);
    }
  };
  collect();
  const before = process.memoryUsage().heapUsed;
  judgeTexts();
  collect();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(10 * length); // 50 texts are 50 MiB
});

describe('invalidReason', () => {
  const reasonFor = (claims: object, expected: Partial<Expectations> = {}) =>
    invalidReason(tokenOf(claims), expected, now);

  it('invalidReason accepts a token without claims if nothing is expected', () => {
    expect(reasonFor({})).toBeUndefined();
  });

  const cases: [what: string, claims: object, expected: Partial<Expectations>, reason: string | undefined][] = [
    ['exp', { exp: now + 1 }, {}, undefined],
    ['exp is over at its very second', { exp: now }, {}, 'expired'],
    ['exp is given no skew by default', { exp: now - 1 }, {}, 'expired'],
    ['exp within a skew that is given', { exp: now - 29 }, { clockSkewSeconds: 30 }, undefined],
    ['exp at the end of that skew', { exp: now - 30 }, { clockSkewSeconds: 30 }, 'expired'],
    ['nbf within the default skew', { nbf: now + 30 }, {}, undefined],
    ['nbf past the default skew', { nbf: now + 31 }, {}, 'not_yet_valid'],
    ['nbf past a skew that is given', { nbf: now + 1 }, { clockSkewSeconds: 0 }, 'not_yet_valid'],
    ['nbf at its very second', { nbf: now }, { clockSkewSeconds: 0 }, undefined],
    ['a PAT without end', { exp: 253402300799 }, {}, undefined],
    ['another issuer', { iss: 'https://b' }, { issuer: 'https://a' }, 'issuer_mismatch'],
    ['no issuer in the response', {}, { issuer: 'https://a' }, undefined],
    ['no issuer configured', { iss: 'https://b' }, {}, undefined],
    ['one audience of several', { aud: ['x', 'api'] }, { audience: ['api', 'other'] }, undefined],
    ['an audience that only begins so', { aud: 'api.evil' }, { audience: ['api'] }, 'audience_mismatch'],
    ['no audience at all', {}, { audience: ['api'] }, 'audience_mismatch'],
    ['an empty list of audiences', { aud: [] }, { audience: ['api'] }, 'audience_mismatch'],
    ...['refresh', 'Refresh_Token', 'OFFLINE', 'id', 'ID_token', 'logout'].flatMap((kind) =>
      ['token_type', 'token_use', 'typ'].map((claim): [string, object, object, string] => [
        `${claim} ${kind}`,
        { [claim]: kind },
        {},
        'not_an_access_token',
      ]),
    ),
    ['the required type', { token_type: 'Bearer' }, { tokenTypes: ['Bearer'] }, undefined],
    ['no type, where one is required', {}, { tokenTypes: ['Bearer'] }, 'not_an_access_token'],
    ['no type, where none is required', {}, {}, undefined],
    ['an empty type', { token_type: '' }, { tokenTypes: ['Bearer'] }, 'not_an_access_token'],
    ['another type', { token_type: 'mac' }, { tokenTypes: ['Bearer'] }, 'not_an_access_token'],
    ['a type that only begins so', { token_type: 'BearerX' }, { tokenTypes: ['Bearer'] }, 'not_an_access_token'],
    [
      'a refresh token, though its type is listed',
      { token_type: 'refresh_token' },
      { tokenTypes: ['refresh_token'] },
      'not_an_access_token',
    ],
    [
      'an ID token by token_use, beside the required type',
      { token_type: 'Bearer', token_use: 'id' },
      { tokenTypes: ['Bearer'] },
      'not_an_access_token',
    ],
    [
      'a DPoP token, though its type is listed',
      { token_type: 'DPoP', cnf: { jkt: 'x' } },
      { tokenTypes: ['DPoP'] },
      'sender_constraint',
    ],
    ['type and audience', { aud: 'b' }, { audience: ['a'], tokenTypes: ['Bearer'] }, 'audience_mismatch'],
    ['type and binding', { cnf: { jkt: 'x' } }, { tokenTypes: ['Bearer'] }, 'not_an_access_token'],
    ['a kind that nobody denies', { token_type: 'Bearer', token_use: 'access', typ: 'at+jwt' }, {}, undefined],
    ['a kind of another type', { typ: 5 }, {}, undefined],
    ['DPoP', { token_type: 'dpop' }, {}, 'sender_constraint'],
    ['a key binding', { cnf: { jkt: 'x' } }, {}, 'sender_constraint'],
    ['a binding of any other kind', { cnf: { unheard_of: null } }, {}, 'sender_constraint'],
    ['an empty cnf', { cnf: {} }, {}, undefined],
  ];

  it.each(cases)('invalidReason returns the expected reason for %s', (_, claims, expected, reason) => {
    expect(reasonFor(claims, expected)).toBe(reason);
  });
});

describe('the order of the checks of a token', () => {
  const faults: [claims: object, error: object][] = [
    [{ exp: now }, { reason: 'expired' }],
    [{ nbf: now + 99 }, { reason: 'not_yet_valid' }],
    [{ iss: 'https://b' }, { reason: 'issuer_mismatch' }],
    [{ aud: 'b' }, { reason: 'audience_mismatch' }],
    [{ typ: 'Refresh' }, { reason: 'not_an_access_token' }],
    [{ cnf: { jkt: 'x' } }, { reason: 'sender_constraint' }],
    [{ acr: 'weak' }, { code: 'insufficient_user_authentication' }],
    [{ scope: 'other' }, { code: 'insufficient_scope' }],
    [{ roles: [] }, { code: 'access_denied' }],
  ];
  const good = { iss: 'https://a', aud: 'a', acr: 'strong', scope: 'read', roles: ['admin'] };
  const rolesOf = ({ roles }: ActiveToken) => roles as string[];
  const expected = { issuer: 'https://a', audience: ['a'], rolesOf };

  it.each(faults.map(([, error], first) => ({ first, error })))(
    '$error is reported before all later problems, and check is not called',
    async ({ first, error }) => {
      const check = vi.fn(() => false);
      const policy = { acrValues: ['strong'], scopes: ['read'], anyRole: ['admin'], check };
      const claims = Object.assign({ ...good }, ...faults.slice(first).map(([claims]) => claims));
      await expect(judge(claims, policy, expected)).rejects.toMatchObject(error);
      expect(check).not.toHaveBeenCalled();
    },
  );

  it('rolesOf is not called if a scope is missing, or if the policy needs no role', async () => {
    const rolesOf = vi.fn(() => ['admin']);
    await codeOf({ scope: 'other' }, { scopes: ['read'], anyRole: ['admin'] }, { rolesOf });
    await codeOf({ scope: 'read' }, { scopes: ['read'] }, { rolesOf });
    expect(rolesOf).not.toHaveBeenCalled();
  });

  it('a token that satisfies the policy is returned unchanged', async () => {
    const token = Object.freeze(tokenOf(good));
    const { judge } = preparePolicy({ scopes: ['read'] }, { challenge: {}, ...expected });
    expect(await judge(token, { authorization: '' }, now)).toBe(token);
  });
});

describe('step-up, over a socket', () => {
  let server: ScriptedServer;
  beforeAll(async () => {
    server = await startScriptedServer();
  });
  afterAll(() => server.close());

  it.each(
    vectors<{
      id: string;
      now: number;
      clockSkewSeconds: number;
      required: { acrValues?: string[]; maxAge?: number };
      token: object;
      expect: string;
    }>('step-up'),
  )(
    'the step-up vector $id has the expected outcome',
    async ({ now, clockSkewSeconds, required: { acrValues, maxAge }, token, expect: outcome }) => {
      const authorizer = new Authorizer({
        introspectionEndpoint: server.introspectionEndpoint,
        clientId: 'api',
        clientSecret: 'secret',
        clockSkewSeconds,
        now: () => now * 1000,
      });
      server.next(active({ ...token }));
      const policy = {
        ...(acrValues && { acrValues }),
        ...(maxAge !== undefined && { maxAuthenticationAgeSeconds: maxAge }),
      };
      const decision = authorizer.authorize('Bearer t', policy);
      if (outcome === 'ok') await expect(decision).resolves.toMatchObject({ active: true });
      else await expect(decision).rejects.toMatchObject({ code: outcome, status: 401 });
    },
  );

  it.each<[what: string, authTime: number, skew: number | undefined, code: string]>([
    ['within the default skew', now + 30, undefined, 'ok'],
    ['past the default skew', now + 31, undefined, 'insufficient_user_authentication'],
    ['past a skew of none', now + 1, 0, 'insufficient_user_authentication'],
    ['within a skew that is given', now + 60, 60, 'ok'],
    ['past a skew that is given', now + 61, 60, 'insufficient_user_authentication'],
  ])('a login in the future, %s, has the expected outcome', async (_, auth_time, clockSkewSeconds, code) => {
    expect(await codeOf({ auth_time }, { maxAuthenticationAgeSeconds: 300 }, { clockSkewSeconds })).toBe(code);
  });

  it.each(['my', 'a', 'myACR other', ''])(
    'the acr %j does not satisfy a list of other values: it is compared as a whole',
    async (acr) => {
      expect(await codeOf({ acr }, { acrValues: ['myACR', 'other'] })).toBe('insufficient_user_authentication');
    },
  );

  it('clockSkewSeconds does not extend maxAuthenticationAgeSeconds', async () => {
    const expected = { clockSkewSeconds: 60 };
    expect(await codeOf({ auth_time: now - 300 }, { maxAuthenticationAgeSeconds: 300 }, expected)).toBe('ok');
    expect(await codeOf({ auth_time: now - 301 }, { maxAuthenticationAgeSeconds: 300 }, expected)).toBe(
      'insufficient_user_authentication',
    );
  });

  it('the step-up challenge names all that the route requires', async () => {
    const policy = { scopes: ['read', 'write'], acrValues: ['urn:a', 'urn:b'], maxAuthenticationAgeSeconds: 0 };
    const challenge = { realm: 'r', resource_metadata: 'https://api.example.com/m' };
    await expect(judge({}, policy, { challenge })).rejects.toMatchObject({
      headers: [
        [
          'WWW-Authenticate',
          'Bearer realm="r", error="insufficient_user_authentication", ' +
            'error_description="A more recent or stronger authentication of the user is needed here", ' +
            'scope="read write", acr_values="urn:a urn:b", max_age="0", resource_metadata="https://api.example.com/m"',
        ],
        ['Cache-Control', 'no-store'],
      ],
    });
  });
});

describe('scopes', () => {
  it.each<[granted: string | undefined, needed: string[], code: string]>([
    ['read', ['read'], 'ok'],
    ['openid read write', ['write', 'read'], 'ok'],
    [undefined, ['read'], 'insufficient_scope'],
    ['', ['read'], 'insufficient_scope'],
    ['read', ['read', 'write'], 'insufficient_scope'],
    ['readonly', ['read'], 'insufficient_scope'],
    ['items:read', ['read'], 'insufficient_scope'],
    ['Read', ['read'], 'insufficient_scope'],
    ['read,write', ['read'], 'insufficient_scope'],
    ['  read  ', ['read'], 'ok'],
  ])('a token with %j, where the policy requires %j, has the outcome: %s', async (scope, scopes, code) => {
    expect(await codeOf({ scope }, { scopes })).toBe(code);
  });

  it.each(['read', undefined])('a token with the scope %j satisfies a policy without scopes', async (scope) => {
    expect(await codeOf({ scope })).toBe('ok');
  });

  it('the challenge names all required scopes, also those that the token has', async () => {
    await expect(judge({ scope: 'read' }, { scopes: ['read', 'write', 'delete'] })).rejects.toMatchObject({
      headers: [['WWW-Authenticate', expect.stringMatching(/", scope="read write delete"$/)], expect.anything()],
    });
  });
});

describe('roles', () => {
  const rolesOf = ({ roles }: ActiveToken) => new Set(roles as string[]);

  it.each<[roles: string[], anyRole: string[], code: string]>([
    [['admin'], ['admin'], 'ok'],
    [['b'], ['a', 'b'], 'ok'],
    [['b'], ['a'], 'access_denied'],
    [[], ['a'], 'access_denied'],
    [['admins'], ['admin'], 'access_denied'],
  ])('%j, where one of %j is needed: %s', async (roles, anyRole, code) => {
    expect(await codeOf({ roles }, { anyRole }, { rolesOf })).toBe(code);
  });

  it('rolesOf is called with the token and the request', async () => {
    const rolesOf = vi.fn(() => ['a']);
    const token = tokenOf({});
    const request = { authorization: 'Bearer t', native: {} };
    await preparePolicy({ anyRole: ['a'] }, { challenge: {}, rolesOf }).judge(token, request, now);
    expect(rolesOf).toHaveBeenCalledExactlyOnceWith(token, request);
  });
});

describe('check', () => {
  it.each<[what: string, check: unknown, code: string]>([
    ['true', () => true, 'ok'],
    ['a promise of true', async () => true, 'ok'],
    ['false', () => false, 'access_denied'],
    ['a promise of false', async () => false, 'access_denied'],
    ['nothing', () => undefined, 'access_denied'],
    ['something truthy', () => 1, 'access_denied'],
    ['a promise of something truthy', async () => 'yes', 'access_denied'],
  ])('a check that returns %s has the outcome: %s', async (_, check, code) => {
    expect(await codeOf({}, { check: check as NonNullable<Policy['check']> })).toBe(code);
  });

  it.each([
    [() => Promise.reject(new Error('mine'))],
    [
      () => {
        throw new Error('mine');
      },
    ],
  ])('a check that throws rejects with its error: %s', async (check) => {
    await expect(judge({}, { check })).rejects.toThrow('mine');
  });

  it('a check is called with the token and the request', async () => {
    const check = vi.fn(() => true);
    const token = tokenOf({});
    const request = { authorization: 'Bearer t', native: {} };
    await preparePolicy({ check }, { challenge: {} }).judge(token, request, now);
    expect(check).toHaveBeenCalledExactlyOnceWith(token, request);
  });
});

describe('policyProblem', () => {
  const policy = { scopes: ['a'] };

  it('policyProblem is called once for each policy, and the string that it returns is the error message', () => {
    const policyProblem = vi.fn(() => 'that is not done here');
    const prepare = () => preparePolicy(policy, { challenge: {}, policyProblem });
    expect(prepare).toThrow(new TypeError('Policy: that is not done here'));
    expect(policyProblem).toHaveBeenCalledExactlyOnceWith(policy);
  });

  it('policyProblem is not called with a policy that is already invalid', () => {
    const policyProblem = vi.fn();
    expect(() => preparePolicy({ scopes: [] }, { challenge: {}, policyProblem })).toThrow('"scopes"');
    expect(policyProblem).not.toHaveBeenCalled();
  });

  it.each([[Promise.resolve('text')], [null], [false], [['text']]])(
    'policyProblem makes the policy invalid when it returns %s, which is neither a string nor undefined',
    (returned) => {
      const policyProblem = () => returned as never;
      expect(() => preparePolicy(policy, { challenge: {}, policyProblem })).toThrow(
        new TypeError('"policyProblem" must return a string or undefined, and not a promise'),
      );
    },
  );

  it('policyProblem accepts the policy when it returns undefined', () => {
    expect(() => preparePolicy(policy, { challenge: {}, policyProblem: () => undefined })).not.toThrow();
  });
});

describe('preparePolicy', () => {
  const rolesOf = () => [];

  it.each<[what: string, policy: unknown, message: string]>([
    ['null', null, 'Policy: the options must be an object'],
    ['an unknown member', { scope: 'read' }, 'unknown option "scope"; known options: scopes, anyScope, '],
    ['scopes in one string', { scopes: 'read' }, '"scopes" must be a list of strings'],
    ['a scope of another type', { scopes: [5] }, '"scopes.0" must be a string'],
    ['two scopes in one', { scopes: ['read write'] }, '"scopes" must be a list with one value for each entry'],
    ['an empty scope', { scopes: [''] }, '"scopes" must not have an empty entry'],
    ['an empty scope among others', { scopes: ['a', '', 'b'] }, '"scopes" must not have an empty entry: is an'],
    ['no scope', { scopes: [] }, '"scopes" must not be empty: leave it out, or give a value; is an environment'],
    ['a scope with a quotation mark', { scopes: ['a"b'] }, '"scopes" must be of printable ASCII'],
    ['a scope beyond ASCII', { scopes: ['ä'] }, '"scopes" must be of printable ASCII'],
    ['a scope of two lines', { scopes: ['a\r\nb'] }, '"scopes" must be of printable ASCII'],
    ['scopes without end', { scopes: Array(1025).fill('a') }, '"scopes" must be no longer than 2048'],
    ['no role', { anyRole: [] }, '"anyRole" must not be empty: leave it out'],
    ['an empty role', { anyRole: ['admin', ''] }, '"anyRole" must not have an empty entry'],
    ['roles in one string', { anyRole: 'admin' }, '"anyRole" must be a list of strings'],
    ['a role of another type', { anyRole: [null] }, '"anyRole.0" must be a string'],
    ['no acr', { acrValues: [] }, '"acrValues" must not be empty: leave it out'],
    ['an acr that cannot be written', { acrValues: ['\\'] }, '"acrValues" must be of printable ASCII'],
    ['two acrs in one', { acrValues: ['a b'] }, '"acrValues" must be a list with one value'],
    ...[-1].map((age) => bad(age, 'must not be negative')),
    ...[1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '5', null].map((age) => bad(age, 'must be a whole number')),
    ...[-1, -0.001, Number.NaN, Number.POSITIVE_INFINITY, '5', null].map((age): [string, unknown, string] => [
      `a response age of ${age}`,
      { maxResponseAgeSeconds: age },
      '"maxResponseAgeSeconds" must ',
    ]),
    ...[
      'scopes',
      'anyRole',
      'maxAuthenticationAgeSeconds',
      'acrValues',
      'maxResponseAgeSeconds',
      'optional',
      'check',
    ].map((name): [string, unknown, string] => [
      `${name} of undefined`,
      { [name]: undefined },
      `Policy: "${name}" is undefined: leave it out, or give a value; is an environment variable unset?`,
    ]),
    ['an option of another type', { optional: 'yes' }, '"optional" must be true or false'],
    ['a check of another type', { check: true }, '"check" must be a function'],
  ])('preparePolicy rejects %s, and names the member', (_, policy, message) => {
    const prepare = () => preparePolicy(policy as Policy, { challenge: {}, rolesOf });
    expect(prepare).toThrow(TypeError);
    expect(prepare).toThrow(message);
  });

  function bad(age: unknown, message: string): [string, unknown, string] {
    return [`an age of ${age}`, { maxAuthenticationAgeSeconds: age }, `"maxAuthenticationAgeSeconds" ${message}`];
  }

  it.each([
    [undefined, Number.POSITIVE_INFINITY],
    [0, 0],
    [0.5, 500],
    [60, 60_000],
  ])('preparePolicy accepts a maxResponseAgeSeconds of %s', (maxResponseAgeSeconds, ms) => {
    const policy = maxResponseAgeSeconds === undefined ? {} : { maxResponseAgeSeconds };
    expect(preparePolicy(policy, { challenge: {} }).maxResponseAgeMs).toBe(ms);
  });

  it('preparePolicy rejects anyRole without "rolesOf"', () => {
    expect(() => preparePolicy({ anyRole: ['admin'] }, { challenge: {} })).toThrow(
      /^Policy: "anyRole" needs the authorizer's option "rolesOf"/,
    );
  });

  it('a prepared policy is not affected by later changes of the policy', async () => {
    const policy = { scopes: ['read'], anyRole: ['a'], acrValues: ['x'] };
    const { judge } = preparePolicy(policy, { challenge: {}, rolesOf: () => ['a'] });
    for (const list of Object.values(policy)) list.push('y');
    policy.scopes.push('write');
    const token = tokenOf({ scope: 'read', acr: 'x' });
    expect(await judge(token, { authorization: '' }, now)).toBe(token);
    expect(() => judge(tokenOf({ scope: 'read', acr: 'y' }), { authorization: '' }, now)).toThrow();
  });
});

it('a polluted Object.prototype opens no route', async () => {
  const authorizer = new Authorizer({ issuer: 'https://as.example', clientId: 'api', clientSecret: 'secret' });
  Object.assign(Object.prototype, { optional: true });
  try {
    for (const policy of [{}, { scopes: ['a'] }, authorizer.policy({ scopes: ['a'] }, { scopes: ['b'] })]) {
      await expect(authorizer.guard(policy)(undefined)).rejects.toMatchObject({ code: 'missing_token' });
    }
  } finally {
    Reflect.deleteProperty(Object.prototype, 'optional');
  }
});

it('null is not a policy: guard and authorize reject it, instead of accepting every token', async () => {
  const authorizer = new Authorizer({ issuer: 'https://as.example', clientId: 'api', clientSecret: 'secret' });
  expect(() => authorizer.guard(null as never)).toThrow('Policy: the options must be an object');
  await expect(authorizer.authorize('Bearer t', null as never)).rejects.toThrow('Policy: the options must be');
});
