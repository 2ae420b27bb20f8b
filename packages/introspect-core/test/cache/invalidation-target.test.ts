import { describe, expect, it } from 'vitest';
import { type InvalidationTarget, parseTarget } from '../../src/cache/invalidation-target.js';

describe('parseTarget', () => {
  it.each<[InvalidationTarget, [string, string]]>([
    [{ token: 't' }, ['token', 't']],
    [{ sub: 'mickey' }, ['sub', 'mickey']],
    [{ jti: '1' }, ['jti', '1']],
    [{ client_id: 'app' }, ['client_id', 'app']],
    [{ all: true }, ['all', '']],
  ])('returns the kind and the value of the target %j', (target, kindAndValue) => {
    expect(parseTarget(target)).toEqual(kindAndValue);
  });

  it.each<[unknown]>([
    [undefined],
    [null],
    [{}],
    [[]],
    ['t'],
    [{ sub: undefined }],
    [{ sub: null }],
    [{ sub: '' }],
    [{ sub: 5 }],
    [{ sub: 'mickey', jti: '1' }],
    [{ sub: 'mickey', jti: undefined }],
    [{ all: false }],
    [{ all: 'true' }],
    [{ all: '' }],
    [{ all: true, sub: 'mickey' }],
    [{ username: 'mickey' }],
    [{ sub: true }],
    [{ constructor: 'mickey' }],
  ])('throws a TypeError for the target %j', (target) => {
    expect(() => parseTarget(target as InvalidationTarget)).toThrow(TypeError);
    expect(() => parseTarget(target as InvalidationTarget)).toThrow(
      'Authorizer.invalidate: pass exactly one of { token }, { sub }, { jti }, { client_id } with a non-empty string, or { all: true }',
    );
  });
});
