import { describe, expect, it } from 'vitest';
import { Authorizer, combinedPolicy, type Policy, withImpliedScopes } from '../../src/index.js';

const implying = (scope: string) => (scope === 'read' ? ['write', 'admin'] : scope === 'write' ? ['admin'] : []);

/** Returns what an authorizer says to a token with these scopes. */
async function judged(policy: Policy, scope: string): Promise<string> {
  const authorizer = new Authorizer({
    introspectionEndpoint: 'https://as.example/introspect',
    clientId: 'api',
    clientSecret: 's',
    resource: 'https://api.example',
    transport: async () => ({
      status: 200,
      header: (name) => (name === 'content-type' ? 'application/json' : null),
      body: JSON.stringify({ active: true, scope }),
    }),
  });
  return authorizer.authorize({ token: 't' }, withImpliedScopes(policy, implying)).then(
    () => 'allowed',
    (error) => /scope="([^"]*)"/.exec(String(error.headers))?.[1] ?? error.code,
  );
}

describe('withImpliedScopes', () => {
  it('accepts a scope that implies a required one', async () => {
    const policy = { scopes: ['read', 'other'] };
    for (const scope of ['read other', 'write other', 'other admin'])
      expect(await judged(policy, scope)).toBe('allowed');
    for (const scope of ['admin', 'other', 'reader other']) expect(await judged(policy, scope)).toBe('read other');
  });

  it('names the scopes of the policy in challenges, in their order', async () => {
    expect(await judged({ scopes: ['other', 'write', 'read'], anyScope: ['read', 'third'] }, '')).toBe(
      'other write read',
    );
    expect(await judged({ anyScope: ['write', 'read'] }, 'read')).toBe('allowed');
    expect(await judged({ anyScope: ['write', 'third'] }, 'read')).toBe('write');
  });

  it('changes the policies of anyOf and of a combination', async () => {
    const branches: Policy = { anyOf: [{ scopes: ['read', 'other'] }, { scopes: ['third'] }] };
    expect(await judged(branches, 'admin other')).toBe('allowed');
    expect(await judged(branches, 'third')).toBe('allowed');
    expect(await judged(branches, 'admin')).toBe('read other');
    const combined = combinedPolicy([
      { scopes: ['read'] },
      combinedPolicy([{ scopes: ['write'] }, { anyScope: ['a'] }]),
    ]);
    expect(await judged(combined, 'admin a')).toBe('allowed');
    expect(await judged(combined, 'admin')).toBe('read write a');
    expect(await judged({ ...combined, check: () => false }, 'admin a')).toBe('access_denied');
  });

  it('keeps all other members', async () => {
    expect(await judged({ scopes: ['read'], check: () => false }, 'write')).toBe('access_denied');
    expect(await judged({ scopes: ['read'], acrValues: ['high'] }, 'write')).toBe('read');
  });

  it('keeps a policy optional only if it was', async () => {
    const authorizer = new Authorizer({ issuer: 'https://as.example', clientId: 'a', clientSecret: 's' });
    const optional = withImpliedScopes({ scopes: ['read'], optional: true }, implying);
    expect(await authorizer.authorize(null, optional)).toBeNull();
    const required = withImpliedScopes({ scopes: ['read'] }, implying);
    await expect(authorizer.authorize(null, required)).rejects.toMatchObject({ code: 'missing_token' });
  });

  it('rejects an invalid policy by the name of its member', () => {
    expect(() => withImpliedScopes({ scopes: undefined } as never, implying)).toThrow('"scopes" is undefined');
    expect(() => withImpliedScopes({ scope: ['read'] } as never, implying)).toThrow('unknown option "scope"');
    expect(() => withImpliedScopes({ ...combinedPolicy([{}, {}]), anyOf: [{}] } as never, implying)).toThrow(
      'anyOf[0]',
    );
  });
});
