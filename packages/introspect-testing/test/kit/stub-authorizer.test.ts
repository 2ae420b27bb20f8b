import { type Authorizer, isAuthorizer, type Policy } from '@acme/introspect-core';
import { protect, webRequestContext } from '@acme/introspect-core/adapter';
import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import { stubAuthorizer } from '../../src/index.js';

const alice = { sub: 'alice', scope: 'items:read' };

describe('stubAuthorizer', () => {
  it('returns the claims of a listed token', async () => {
    const authorizer = stubAuthorizer({ good: alice });
    await expect(authorizer.authorize('Bearer good')).resolves.toMatchObject({ active: true, ...alice });
  });

  it('rejects a token that is not listed with 401, also if its name is a member of every object', async () => {
    const authorizer = stubAuthorizer({ good: alice });
    for (const token of ['another', 'constructor', 'toString']) {
      const rejection = { code: 'invalid_token', reason: 'inactive', status: 401 };
      await expect(authorizer.authorize(`Bearer ${token}`)).rejects.toMatchObject(rejection);
    }
    await expect(authorizer.authorize(undefined)).rejects.toMatchObject({ code: 'missing_token', status: 401 });
  });

  it('checks scopes, roles, expiry and audience as an authorizer of production does', async () => {
    const authorizer = stubAuthorizer(
      {
        admin: { ...alice, aud: 'api', roles: ['admin'] },
        reader: { ...alice, aud: 'api' },
        expired: { ...alice, aud: 'api', exp: 1 },
        foreign: { ...alice, aud: 'another-api' },
        elsewhere: { ...alice, aud: 'api', iss: 'https://another.example' },
      },
      { audience: 'api', rolesOf: ({ roles }) => (Array.isArray(roles) ? roles : []) },
    );
    const statusOf = async (token: string, policy: Policy) =>
      authorizer.authorize(`Bearer ${token}`, policy).then(
        () => 200,
        (error) => error.status,
      );
    expect(await statusOf('reader', { scopes: ['items:read'] })).toBe(200);
    expect(await statusOf('reader', { scopes: ['items:write'] })).toBe(403);
    expect(await statusOf('admin', { roles: ['admin'] })).toBe(200);
    expect(await statusOf('reader', { roles: ['admin'] })).toBe(403);
    expect(await statusOf('expired', {})).toBe(401);
    expect(await statusOf('foreign', {})).toBe(401);
    expect(await statusOf('elsewhere', {})).toBe(401);
  });

  it('is ready, and sends no request over the network', async () => {
    const fetched = vi.spyOn(globalThis, 'fetch').mockRejectedValue(new Error('no network'));
    const authorizer = stubAuthorizer({ good: alice });
    await authorizer.ready();
    await authorizer.authorize('Bearer good');
    expect(fetched).not.toHaveBeenCalled();
    fetched.mockRestore();
  });

  it('returns an authorizer that adapters accept, with typed claims, scopes and roles', async () => {
    const authorizer = stubAuthorizer(
      { good: { ...alice, email: 'alice@a.example' } },
      { claims: ({ email }) => ({ email: String(email) }), scopes: ['items:read'] },
    );
    expectTypeOf(authorizer).toExtend<Authorizer<{ email: string }, 'items:read'>>();
    expect(isAuthorizer(authorizer)).toBe(true);
    const decide = protect(authorizer, { scopes: ['items:read'] });
    const request = new Request('https://api.example', { headers: { authorization: 'Bearer good' } });
    const decision = await decide(webRequestContext(request));
    expect(decision).toMatchObject({ allowed: true, token: { claims: { email: 'alice@a.example' } } });
  });

  it('throws a TypeError that names an unknown setting', () => {
    expect(() => stubAuthorizer({}, JSON.parse('{"audiance":"api"}'))).toThrow(/unknown option "audiance"/);
  });
});
