import { describe, expect, it, vi } from 'vitest';
import { combinedPolicy, protect } from '../../src/adapter/index.js';
import { type ActiveToken, Authorizer, type Policy } from '../../src/index.js';
import { preparePolicy } from '../../src/policy/prepared-policy.js';

const now = 1750000000;
const request = { authorization: 'Bearer t' };
const challenge = { resource_metadata: 'https://api.example/.well-known/oauth-protected-resource' };
const rolesOf = (token: ActiveToken) => token.roles as string[];

/** Checks a token with the combined policies. */
const judge = async (claims: object, ...policies: Policy[]) =>
  preparePolicy(combinedPolicy(policies), { challenge, rolesOf }).judge(
    { active: true, roles: [], ...claims } as ActiveToken,
    request,
    now,
  );
const codeOf = (...parts: Parameters<typeof judge>) =>
  judge(...parts).then(
    () => 'ok',
    (error: { code: unknown }) => error.code,
  );
const challengeWith = (parameter: string) =>
  expect.arrayContaining([['WWW-Authenticate', expect.stringContaining(parameter)]]);
const prepared = (...policies: Policy[]) => preparePolicy(combinedPolicy(policies), { challenge, rolesOf });

describe('combinedPolicy', () => {
  it('needs the scopes of every policy, and the challenge names all of them once', async () => {
    const policies = [{ scopes: ['admin', 'read'] }, {}, { scopes: ['read', 'write'] }];
    expect(await codeOf({ scope: 'admin read write' }, ...policies)).toBe('ok');
    for (const scope of ['admin read', 'read write', 'admin write']) {
      await expect(judge({ scope }, ...policies)).rejects.toMatchObject({
        code: 'insufficient_scope',
        headers: challengeWith('scope="admin read write"'),
      });
    }
    expect(prepared(...policies).missingChallenge.scope).toBe('admin read write');
  });

  it('needs one role of each anyRole list', async () => {
    const policies = [{ anyRole: ['admin', 'owner'] }, { anyRole: ['tester'] }, {}, { anyRole: ['tester', 'guest'] }];
    expect(await codeOf({ roles: ['owner', 'tester'] }, ...policies)).toBe('ok');
    for (const roles of [[], ['admin'], ['tester'], ['owner', 'guest'], ['guest', 'tester']]) {
      expect(await codeOf({ roles }, ...policies)).toBe('access_denied');
    }
  });

  it('also needs the role that somebody adds to a copy of the combined policy', async () => {
    const copies = [
      { ...combinedPolicy([{ scopes: ['x'] }, { acrValues: ['1'] }]), anyRole: ['admin'] },
      { ...combinedPolicy([{ scopes: ['x'] }, { anyRole: ['tester'] }]), anyRole: ['admin'] },
    ];
    const claims = { scope: 'x', acr: '1' };
    for (const copy of copies) {
      expect(await codeOf({ ...claims, roles: ['admin', 'tester'] }, copy)).toBe('ok');
      for (const role of ['reader', 'tester']) {
        expect(await codeOf({ ...claims, roles: [role] }, copy)).toBe('access_denied');
      }
    }
  });

  it('needs an acr that is in every list, and the challenge names only these', async () => {
    const policies = [{ acrValues: ['gold', 'silver', 'bronze'] }, {}, { acrValues: ['bronze', 'gold'] }];
    expect(await codeOf({ acr: 'bronze' }, ...policies)).toBe('ok');
    await expect(judge({ acr: 'silver' }, ...policies)).rejects.toMatchObject({
      code: 'insufficient_user_authentication',
      headers: challengeWith('acr_values="gold bronze"'),
    });
  });

  it('throws if the lists of acr values have nothing in common', () => {
    const combine = () => combinedPolicy([{ acrValues: ['gold'] }, { acrValues: ['silver'] }]);
    expect(combine).toThrow(TypeError);
    expect(combine).toThrow(
      'Policy: the "acrValues" lists of the combined policies have no value in common, so no token can satisfy them all: ' +
        'remove one list, or add a common value',
    );
  });

  it.each([[[300, 60]], [[60, 300]], [[undefined, 60]], [[60, undefined]]])(
    'applies the smaller maxAuthenticationAgeSeconds of %s, and the challenge names it',
    async (ages) => {
      const policies = ages.map((age) => (age === undefined ? {} : { maxAuthenticationAgeSeconds: age }));
      expect(await codeOf({ auth_time: now - 60 }, ...policies)).toBe('ok');
      await expect(judge({ auth_time: now - 61 }, ...policies)).rejects.toMatchObject({
        headers: challengeWith('max_age="60"'),
      });
    },
  );

  it.each([
    [[300, 60], 60_000],
    [[0, 300], 0],
    [[300, 0], 0],
    [[undefined, 5], 5000],
    [[5, undefined], 5000],
    [[undefined, undefined], Number.POSITIVE_INFINITY],
  ])('applies the smaller maxResponseAgeSeconds of %s', (ages, maxResponseAgeMs) => {
    const policies = ages.map((age) => (age === undefined ? {} : { maxResponseAgeSeconds: age }));
    expect(prepared(...policies).maxResponseAgeMs).toBe(maxResponseAgeMs);
  });

  it.each<[Policy[], boolean]>([
    [[], false],
    [[{ optional: true }], true],
    [[{ optional: true }, { optional: true }], true],
    [[{ optional: true }, {}], false],
    [[{}, { optional: true }], false],
    [[{ optional: true }, { optional: false }, { optional: true }], false],
  ])('is optional only if all policies are: %j', (policies, optional) => {
    expect(prepared(...policies).optional).toBe(optional);
  });

  it('runs every check in order, one after the other, with token and request', async () => {
    const order: string[] = [];
    const checkNamed = (name: string) =>
      vi.fn(async (_: ActiveToken, __: object) => {
        order.push(`${name} begins`);
        await null;
        order.push(`${name} ends`);
        return true;
      });
    const checks = ['a', 'b', 'c'].map(checkNamed);
    const token = await judge({ sub: 'mickey' }, ...checks.map((check) => ({ check })), {});
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
    for (const check of checks) expect(check).toHaveBeenCalledExactlyOnceWith(token, request);
  });

  it.each<[what: string, first: unknown, second: unknown]>([
    ['the first returns false', () => false, () => true],
    ['the first returns another truthy value', () => 1, () => true],
    ['the second returns false', () => true, () => false],
    ['the second returns another truthy value', () => true, async () => 'yes'],
  ])('denies if one of two checks does not return true: %s', async (_, first, second) => {
    const policies = [first, second].map((check) => ({ check }) as Policy);
    expect(await codeOf({}, ...policies)).toBe('access_denied');
  });

  it('runs no check after the one that denies', async () => {
    const later = vi.fn(() => true);
    expect(await codeOf({}, { check: () => false }, { check: later })).toBe('access_denied');
    expect(later).not.toHaveBeenCalled();
  });

  it('combines a combined policy with further policies', async () => {
    const pair = combinedPolicy([{ anyRole: ['a'], scopes: ['x'] }, { anyRole: ['b'] }]);
    for (const policies of [
      [pair, { anyRole: ['c'] }],
      [{ anyRole: ['c'] }, pair],
    ]) {
      expect(await codeOf({ scope: 'x', roles: ['a', 'b', 'c'] }, ...policies)).toBe('ok');
      for (const roles of [
        ['a', 'b'],
        ['b', 'c'],
        ['a', 'c'],
      ]) {
        expect(await codeOf({ scope: 'x', roles }, ...policies)).toBe('access_denied');
      }
    }
  });

  it('returns a single policy unchanged, and for no policies one that any good token satisfies', () => {
    const policy = { scopes: ['read'] };
    expect(combinedPolicy([policy])).toBe(policy);
    expect(combinedPolicy([])).toEqual({});
  });

  it.each<[unknown, string]>([
    [{ scope: 'read' }, '"scope"'],
    [{ check: true }, '"check"'],
    [null, 'Policy: the options must be an object'],
  ])('throws for an invalid policy among others, naming the member: %j', (bad, message) => {
    expect(() => combinedPolicy([{}, bad as Policy])).toThrow(TypeError);
    expect(() => combinedPolicy([bad as Policy, {}])).toThrow(message);
  });

  it('is not affected by later changes of the policies', async () => {
    const policies = [
      { scopes: ['a'], anyRole: ['a'] },
      { scopes: ['b'], anyRole: ['b'] },
    ];
    const combined = combinedPolicy(policies);
    for (const { scopes, anyRole } of policies) {
      scopes.length = 0;
      anyRole.push('anybody');
    }
    expect(await codeOf({ scope: 'a', roles: ['a', 'b'] }, combined)).toBe('insufficient_scope');
    expect(await codeOf({ scope: 'a b', roles: ['anybody'] }, combined)).toBe('access_denied');
  });

  it('is not affected by later changes of the branches of anyOf', async () => {
    const branch = { scopes: ['a'] };
    const combined = combinedPolicy([{ anyOf: [branch] }, {}]);
    branch.scopes.push('b');
    expect(await codeOf({ scope: 'a' }, combined)).toBe('ok');
  });

  it('returns a policy that works with an authorizer and with a function that chooses one', () => {
    const policy = combinedPolicy([{ anyRole: ['a'] }, { anyRole: ['b'] }]);
    const options = { introspectionEndpoint: 'https://as.example/introspect', clientId: 'api', clientSecret: 's' };
    const authorizer = new Authorizer({ ...options, rolesOf: () => [] });
    expect(protect(authorizer, policy)).toBeTypeOf('function');
    expect(protect(() => authorizer, policy)).toBeTypeOf('function');
    expect(() => protect(new Authorizer(options), policy)).toThrow('"rolesOf"');
  });
});

it('a combined policy needs a member that is not enumerable too', async () => {
  const hidden = Object.defineProperty({} as Policy, 'scopes', { value: ['admin'] });
  for (const policies of [[hidden], [hidden, { optional: true }], [{ anyOf: [hidden] }, {}]]) {
    expect(await codeOf({ scope: 'read' }, ...policies)).toBe('insufficient_scope');
  }
});

it.each<[string, (policy: Policy) => Policy]>([
  ['structuredClone', (policy) => structuredClone(policy)],
  ['JSON', (policy) => JSON.parse(JSON.stringify(policy))],
  ['Object.entries', (policy) => Object.fromEntries(Object.entries(policy))],
])('a copy by %s that has lost the combined policies is an error, and not an empty policy', (_, copy) => {
  const copied = copy(combinedPolicy([{ scopes: ['a'] }, { scopes: ['b'] }]));
  expect(() => prepared(copied)).toThrow('Policy: unknown option "combined"');
  expect(() => prepared({ anyOf: [copied] })).toThrow('unknown option "combined"');
});
