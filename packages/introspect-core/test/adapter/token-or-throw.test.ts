import { describe, expect, it } from 'vitest';
import { tokenOrThrow } from '../../src/adapter/index.js';

describe('tokenOrThrow', () => {
  it('returns the token', () => {
    const token = { active: true } as const;
    expect(tokenOrThrow(token, '/me', 'request.introspection')).toBe(token);
  });

  it('throws an error that names the route if no guard accepted the request', () => {
    expect(() => tokenOrThrow(undefined, '/me', 'request.introspection')).toThrow(
      'No guard accepted the request to /me: guard the route with requireToken()',
    );
  });

  it('throws an error that names the variable if an optional guard accepted the request without a token', () => {
    expect(() => tokenOrThrow(null, '/me', 'request.introspection')).toThrow(
      'The request to /me has no token, and its guard is optional: use request.introspection, which is null then',
    );
  });
});
