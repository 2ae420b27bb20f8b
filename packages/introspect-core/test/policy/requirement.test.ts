import { describe, expect, it, vi } from 'vitest';
import { AccessDeniedError, type ActiveToken, type Policy } from '../../src/index.js';
import { preparePolicy } from '../../src/policy/prepared-policy.js';
import { scopeCheck } from '../../src/policy/scopes.js';

const now = 1_750_000_000;
const request = { authorization: 'Bearer t' };
const challenge = { resource_metadata: 'https://api.example/.well-known/oauth-protected-resource' };
const rolesOf = vi.fn((token: ActiveToken) => (token.roles ?? []) as string[]);

const prepare = (policy: Policy) => preparePolicy(policy, { challenge, rolesOf });
const judge = async (policy: Policy, claims: object) =>
  prepare(policy).judge({ active: true, ...claims } as ActiveToken, request, now);
/** Returns `ok`, or the code of the error and its challenge's scope. */
const outcome = (policy: Policy, claims: object) =>
  judge(policy, claims).then(
    () => 'ok',
    ({ code, headers }) => {
      const [, scope] = /scope="([^"]*)"/.exec(String(headers)) ?? [];
      return scope === undefined ? code : `${code} ${scope}`;
    },
  );

describe('scopes of a policy', () => {
  it.each([
    ['a b', 'ok'],
    ['a', 'insufficient_scope a b'],
    ['', 'insufficient_scope a b'],
  ])('scopes: the scope %j gives %s', async (scope, expected) => {
    expect(await outcome({ scopes: ['a', 'b'] }, { scope })).toBe(expected);
  });

  it.each([
    ['a', 'ok'],
    ['b c', 'ok'],
    ['c', 'insufficient_scope a'],
  ])('anyScope: the scope %j gives %s, and the challenge names the first one', async (scope, expected) => {
    expect(await outcome({ anyScope: ['a', 'b'] }, { scope })).toBe(expected);
  });

  it('scopes and anyScope: both must hold, also for a value of scope that was seen before', async () => {
    const { judge } = prepare({ scopes: ['a'], anyScope: ['b', 'c'] });
    const passes = (scope: string) => {
      try {
        return judge({ active: true, scope }, request, now) !== undefined;
      } catch {
        return false;
      }
    };
    for (const _ of [1, 2]) {
      expect(['a b', 'a c', 'b c', 'a', 'a bb'].map(passes)).toEqual([true, true, false, false, false]);
    }
  });
});

describe('scopeCheck', () => {
  /** Returns how many values of scope were read, and not remembered. */
  const readsOf = (check: ReturnType<typeof scopeCheck>, scopes: readonly string[]) => {
    const split = vi.spyOn(String.prototype, 'split');
    for (const scope of scopes) check({ active: true, scope });
    const { length } = split.mock.calls;
    split.mockRestore();
    return length;
  };

  it('remembers 100 values of scope, and forgets all when one more is read', () => {
    const check = scopeCheck(['a'], []);
    const scopes = Array.from({ length: 100 }, (_, i) => `a ${i}`);
    expect(readsOf(check, scopes)).toBe(100);
    expect(readsOf(check, scopes)).toBe(0);
    expect(readsOf(check, ['a 100'])).toBe(1);
    expect(readsOf(check, ['a 100', 'a 99'])).toBe(1);
  });

  it('remembers a value of 1000 characters, and no longer one', () => {
    const check = scopeCheck(['a'], []);
    const [long, longer] = ['x'.repeat(1000), 'x'.repeat(1001)];
    expect(readsOf(check, [long, long])).toBe(1);
    expect(readsOf(check, [longer, longer])).toBe(2);
  });

  it('reads no value of scope if no scope is needed', () => {
    expect(readsOf(scopeCheck([], []), ['a'])).toBe(0);
  });
});

describe('roles of a policy', () => {
  it.each([
    [{ roles: ['x', 'y'] }, ['y', 'x'], 'ok'],
    [{ roles: ['x', 'y'] }, ['x'], 'access_denied'],
    [{ anyRole: ['x', 'y'] }, ['y'], 'ok'],
    [{ anyRole: ['x', 'y'] }, ['z'], 'access_denied'],
    [{ roles: ['x'], anyRole: ['y', 'z'] }, ['x', 'z'], 'ok'],
    [{ roles: ['x'], anyRole: ['y', 'z'] }, ['z'], 'access_denied'],
  ])('%j: a token with %j gives %s', async (policy, roles, expected) => {
    expect(await outcome(policy, { roles })).toBe(expected);
  });

  it.each(['roles', 'anyRole'])('%s without rolesOf is a TypeError, also within anyOf', (member) => {
    const message = `Policy: "${member}" needs the authorizer's option "rolesOf"`;
    expect(() => preparePolicy({ [member]: ['x'] }, { challenge })).toThrow(message);
    expect(() => preparePolicy({ anyOf: [{ scopes: ['a'] }, { [member]: ['x'] }] }, { challenge })).toThrow(message);
  });
});

describe('anyOf', () => {
  const policy: Policy = { scopes: ['base'], anyOf: [{ scopes: ['write'] }, { anyRole: ['admin'] }] };

  it.each([
    ['the first branch', { scope: 'base write' }, 'ok'],
    ['the second branch', { scope: 'base', roles: ['admin'] }, 'ok'],
    ['no branch', { scope: 'base' }, 'insufficient_scope base write'],
    ['a branch, but not the policy itself', { scope: 'write', roles: ['admin'] }, 'insufficient_scope base write'],
  ])('a token that satisfies %s', async (_, claims, expected) => {
    expect(await outcome(policy, claims)).toBe(expected);
  });

  it('names the first branch in the challenge of a request without a token', () => {
    expect(prepare(policy).missingChallenge.scope).toBe('base write');
  });

  it('names acr_values and max_age of the first branch', async () => {
    const branches = { anyOf: [{ acrValues: ['mfa'], maxAuthenticationAgeSeconds: 60 }, { scopes: ['a'] }] };
    await expect(judge(branches, {})).rejects.toMatchObject({
      code: 'insufficient_user_authentication',
      headers: expect.arrayContaining([
        ['WWW-Authenticate', expect.stringContaining('acr_values="mfa", max_age="60"')],
      ]),
    });
    expect(await outcome(branches, { scope: 'a' })).toBe('ok');
  });

  it('may be nested, and each level must hold', async () => {
    const nested: Policy = {
      anyOf: [{ scopes: ['a'], anyOf: [{ scopes: ['b'] }, { scopes: ['c'] }] }, { roles: ['r'] }],
    };
    expect(await outcome(nested, { scope: 'a c' })).toBe('ok');
    expect(await outcome(nested, { scope: 'c', roles: ['r'] })).toBe('ok');
    expect(await outcome(nested, { scope: 'a' })).toBe('insufficient_scope a b');
    expect(await outcome(nested, { scope: 'b c' })).toBe('insufficient_scope a b');
  });

  it('judges without a promise if no branch has a check', () => {
    const token: ActiveToken = { active: true, scope: 'base', roles: ['admin'] };
    expect(prepare(policy).judge(token, request, now)).toBe(token);
  });

  it('calls the check of a branch only if the rest of that branch holds, and no later branch after a success', async () => {
    const checks = [vi.fn(async () => false), vi.fn(() => true), vi.fn(() => true)];
    const [first, second, third] = checks;
    const branches: Policy = {
      anyOf: [
        { scopes: ['missing'], ...(third && { check: third }) },
        { ...(first && { check: first }) },
        { ...(second && { check: second }) },
        { ...(third && { check: third }) },
      ],
    };
    expect(await outcome(branches, {})).toBe('ok');
    expect(checks.map(({ mock }) => mock.calls.length)).toEqual([1, 1, 0]);
  });

  it('passes an error that a check throws on, except one that denies the request', async () => {
    const failing = new Error('the database is down');
    const throws = (error: Error) => ({ check: () => Promise.reject(error) });
    await expect(judge({ anyOf: [throws(failing), { scopes: ['a'] }] }, { scope: 'a' })).rejects.toBe(failing);
    expect(await outcome({ anyOf: [throws(new AccessDeniedError()), { scopes: ['a'] }] }, { scope: 'a' })).toBe('ok');
  });

  it.each([
    [[], 'Policy: "anyOf" must not be empty'],
    [[{}], 'Policy: "anyOf[0]" must not be empty'],
    [[{ scopes: ['a'] }, { optional: true }], 'Policy: "anyOf[1]": unknown option "optional"'],
    [[{ maxResponseAgeSeconds: 1 }], 'Policy: "anyOf[0]": unknown option "maxResponseAgeSeconds"'],
    [[{ anyOf: [{ scopes: [] }] }], 'Policy: "anyOf[0]": "anyOf[0]": "scopes" must not be empty'],
    ['scopes', 'Policy: "anyOf" must be a list of policies'],
  ])('%j is a TypeError that names the member', (anyOf, message) => {
    expect(() => prepare({ anyOf } as never)).toThrow(message);
  });
});

it('judges roles once for each requirement, and only if the policy needs them', async () => {
  rolesOf.mockClear();
  await judge({ scopes: ['a'] }, { scope: 'a' });
  expect(rolesOf).not.toHaveBeenCalled();
  await judge({ roles: ['x'], anyRole: ['x', 'y'] }, { roles: ['x'] });
  expect(rolesOf).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ active: true }), request);
});

it('rolesOf that is asynchronous is an error, and its rejection is handled', async () => {
  const rejections = vi.fn();
  process.on('unhandledRejection', rejections);
  rolesOf.mockReturnValueOnce(Promise.reject(new Error('a bug')) as never);
  await expect(judge({ roles: ['admin'] }, {})).rejects.toThrow(
    new TypeError('"rolesOf" must return a list of roles, not a promise'),
  );
  rolesOf.mockReturnValueOnce('admin' as never);
  await expect(judge({ roles: ['admin'] }, {})).rejects.toThrow(
    new TypeError('"rolesOf" must return a list of roles, not a string'),
  );
  await new Promise(setImmediate);
  process.off('unhandledRejection', rejections);
  expect(rejections).not.toHaveBeenCalled();
});
