import { describe, expect, it } from 'vitest';
import { isPreflight } from '../../src/request/preflight.js';

describe('isPreflight', () => {
  const requestOf = (method: string | undefined, ...fields: string[]) => ({
    authorization: null,
    ...(method !== undefined && { method }),
    header: (name: string) => (fields.includes(name) ? ['x'] : []),
  });

  it.each<[string, boolean, ReturnType<typeof requestOf>]>([
    ['with both fields', true, requestOf('OPTIONS', 'origin', 'access-control-request-method')],
    ['without an origin', false, requestOf('OPTIONS', 'access-control-request-method')],
    ['without the requested method', false, requestOf('OPTIONS', 'origin')],
    ['of another method', false, requestOf('GET', 'origin', 'access-control-request-method')],
    ['of no method', false, requestOf(undefined, 'origin', 'access-control-request-method')],
  ])('isPreflight of a request %s returns %s', (_, outcome, request) => {
    expect(isPreflight(request)).toBe(outcome);
  });

  it('isPreflight of a request with unknown fields returns false', () => {
    expect(isPreflight({ authorization: null, method: 'OPTIONS' })).toBe(false);
  });
});
