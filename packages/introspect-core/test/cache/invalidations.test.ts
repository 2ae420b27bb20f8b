import { describe, expect, it } from 'vitest';
import type { CachedResponse } from '../../src/cache/cache-entry.js';
import { Invalidations, tombstoneNames } from '../../src/cache/invalidations.js';
import type { IntrospectionResponse } from '../../src/index.js';
import { Clocks } from '../support/clocks.js';

describe('tombstoneNames', () => {
  it('returns "all", the cache key, and the claims that the response has', () => {
    const response: IntrospectionResponse = { active: true, sub: 's', jti: 'j', client_id: 'c' };
    expect(tombstoneNames('k', response)).toEqual(['all:', 'token:k', 'sub:s', 'jti:j', 'client_id:c']);
    expect(tombstoneNames('k', { active: true })).toEqual(['all:', 'token:k']);
    expect(tombstoneNames('k', { active: false })).toEqual(['all:', 'token:k']);
    expect(tombstoneNames('k', { active: false, sub: 's' } as { active: false })).toEqual(['all:', 'token:k']);
  });
});

describe('Invalidations', () => {
  const lifetimeMs = 60_000;
  const response = { active: true, sub: 's', jti: 'j', client_id: 'c' } as const;
  function setUp() {
    const clocks = new Clocks();
    const invalidations = new Invalidations(clocks, lifetimeMs);
    const received = (content: IntrospectionResponse = response): CachedResponse => ({
      response: content,
      prepared: content,
      requestedAt: clocks.monotonicMs,
      drift: 0,
      sequence: invalidations.sequence,
      epoch: 0,
    });
    return { clocks, invalidations, received };
  }

  it.each(['all:', 'token:k', 'sub:s', 'jti:j', 'client_id:c'] as const)(
    'invalidates by the tombstone %s what was requested before it, and not after it, even in one tick of the clock',
    (name) => {
      const { invalidations, received } = setUp();
      const before = received();
      expect(invalidations.invalidates('k', before)).toBe(false);
      invalidations.add(name);
      expect(invalidations.invalidates('k', before)).toBe(true);
      expect(invalidations.invalidates('k', before)).toBe(true);
      expect(invalidations.invalidates('k', received())).toBe(false);
    },
  );

  it.each(['token:other', 'sub:j', 'jti:s', 'client_id:s'] as const)(
    'does not invalidate a response by the tombstone %s, which concerns another response',
    (name) => {
      const { invalidations, received } = setUp();
      const before = received();
      invalidations.add(name);
      expect(invalidations.invalidates('k', before)).toBe(false);
      expect(invalidations.invalidatesShared('k', response, 0)).toBe(false);
    },
  );

  it('invalidates a response that earlier tombstones did not concern', () => {
    const { invalidations, received } = setUp();
    const before = received();
    invalidations.add('sub:other');
    expect(invalidations.invalidates('k', before)).toBe(false);
    invalidations.add('sub:s');
    expect(invalidations.invalidates('k', before)).toBe(true);
  });

  it('renews a tombstone when one with the same name is added', () => {
    const { clocks, invalidations, received } = setUp();
    invalidations.add('sub:s');
    clocks.pass(59);
    const between = received();
    invalidations.add('sub:s');
    clocks.pass(59);
    invalidations.add('sub:other');
    expect(invalidations.invalidates('k', between)).toBe(true);
    expect(invalidations.invalidates('k', received())).toBe(false);
  });

  it('deletes an old tombstone although an older one was renewed', () => {
    const { clocks, invalidations } = setUp();
    invalidations.add('sub:s');
    clocks.pass(1);
    invalidations.add('jti:j');
    clocks.pass(58);
    invalidations.add('sub:s');
    clocks.pass(2);
    invalidations.add('sub:other');
    expect(invalidations.invalidatesShared('k', { active: true, jti: 'j' }, 0)).toBe(false);
    expect(invalidations.invalidatesShared('k', { active: true, sub: 's' }, 0)).toBe(true);
  });

  it('does not invalidate a response of any age if no tombstone was added since its request', () => {
    const { clocks, invalidations, received } = setUp();
    const before = received();
    clocks.pass(3600);
    expect(invalidations.invalidates('k', before)).toBe(false);
  });

  it('invalidates a response that is older than the lifetime, because its tombstone may be deleted', () => {
    const { clocks, invalidations, received } = setUp();
    const before = received();
    invalidations.add('sub:s');
    clocks.pass(60.001);
    invalidations.add('sub:other'); // deletes the first one
    expect(invalidations.invalidatesShared('k', response, 0)).toBe(false);
    expect(invalidations.invalidates('k', before)).toBe(true);
  });

  it('does not invalidate a response that is exactly as old as the lifetime by a tombstone of another', () => {
    const { clocks, invalidations, received } = setUp();
    const [exact, older] = [received(), received()];
    invalidations.add('sub:other');
    clocks.pass(60);
    expect(invalidations.invalidates('k', exact)).toBe(false);
    clocks.pass(0.001);
    expect(invalidations.invalidates('k', older)).toBe(true);
  });

  it('deletes a tombstone when its lifetime has passed, and not before', () => {
    const { clocks, invalidations } = setUp();
    invalidations.add('sub:s');
    clocks.pass(59.999);
    invalidations.add('sub:other');
    expect(invalidations.invalidatesShared('k', response, 0)).toBe(true);
    clocks.pass(0.001);
    invalidations.add('sub:third');
    expect(invalidations.invalidatesShared('k', response, 0)).toBe(false);
  });

  it('stores 10,000 tombstones, and replaces all of them with one for all responses when one more is added', () => {
    const { invalidations, received } = setUp();
    const [before, inactive] = [received(), received({ active: false })];
    for (let i = 0; i < 10_000; i++) invalidations.add(`sub:${i}`);
    expect(invalidations.invalidates('k', before)).toBe(false);
    expect(invalidations.invalidates('k', received({ active: true, sub: '9999' }))).toBe(false);
    invalidations.add('sub:one more');
    expect(invalidations.invalidates('k', before)).toBe(true);
    expect(invalidations.invalidates('k', inactive)).toBe(true);
    const after = received();
    expect(invalidations.invalidates('k', after)).toBe(false);
    invalidations.add('sub:after that');
    expect(invalidations.invalidates('k', after)).toBe(false);
  });

  it('invalidates a shared response unless it was requested more than 5 s after the tombstone by the wall clock', () => {
    const { clocks, invalidations } = setUp();
    invalidations.add('jti:j');
    expect(invalidations.invalidatesShared('k', response, clocks.wallMs - 1)).toBe(true);
    expect(invalidations.invalidatesShared('k', response, clocks.wallMs + 5000)).toBe(true);
    expect(invalidations.invalidatesShared('k', response, clocks.wallMs + 5001)).toBe(false);
  });
});
