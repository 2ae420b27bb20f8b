import { beforeEach, describe, expect, it } from 'vitest';
import { SameRequest } from '../../src/lookup/same-request.js';
import { lookupParts, nextLookup } from '../support/lookups.js';

let parts: ReturnType<typeof lookupParts>;
let sameRequest: SameRequest;
beforeEach(() => {
  parts = lookupParts();
  sameRequest = new SameRequest(parts.age, parts.invalidations);
});

const requestOf = (native: unknown) => ({ authorization: 'Bearer t', native });

describe('the arrival of an HTTP request', () => {
  it('the arrival of an HTTP request is when its first guard was called, for 5 s', () => {
    const request = requestOf({});
    const first = sameRequest.arrivalOf(request);
    parts.clocks.pass(4.999);
    expect(sameRequest.arrivalOf(request)).toBe(first);
    parts.clocks.pass(0.001);
    const later = sameRequest.arrivalOf(request);
    expect(later.sequence).toBeGreaterThan(first.sequence);
    expect(sameRequest.arrivalOf(request)).toBe(later);
  });

  it.each([undefined, null, 'a text', 7])(
    'the arrival of an HTTP request is now for each guard if "native" is %j',
    (native) => {
      const request = requestOf(native);
      const { sequence } = sameRequest.arrivalOf(request);
      expect(sameRequest.arrivalOf(request).sequence).toBe(sequence + 1);
    },
  );
});

describe('the guards of one HTTP request', () => {
  const introspections = async (change: {
    native?: unknown;
    key?: string;
    accepts?: () => boolean;
    between?: () => void;
  }) => {
    const native = {};
    const next = nextLookup(() => parts.fromServer());
    const find = sameRequest.stage(next);
    const request = requestOf(native);
    sameRequest.arrivalOf(request);
    await find(parts.query({ request }));
    change.between?.();
    const { key = 'k', accepts = () => true } = change;
    const second = requestOf('native' in change ? change.native : native);
    sameRequest.arrivalOf(second);
    await find(parts.query({ request: second, key, accepts }));
    return next.mock.calls.length;
  };

  it('two guards of one HTTP request share one response', async () => {
    expect(await introspections({})).toBe(1);
  });

  it('two guards share no response of another HTTP request', async () => {
    expect(await introspections({ native: {} })).toBe(2);
  });

  it('two guards share no response about another token', async () => {
    expect(await introspections({ key: 'other' })).toBe(2);
  });

  it('two guards share no response that the second policy does not allow', async () => {
    expect(await introspections({ accepts: () => false })).toBe(2);
  });

  it('two guards share no response that was invalidated between them', async () => {
    expect(await introspections({ between: () => parts.invalidations.add('token:k') })).toBe(2);
  });

  it('two guards share no response after 5 s', async () => {
    expect(await introspections({ between: () => parts.clocks.pass(5) })).toBe(2);
  });

  it('two guards share no result of the cache or the prefilter', async () => {
    const request = requestOf({});
    sameRequest.arrivalOf(request);
    const results = [
      { from: 'cache', response: { active: true } },
      { from: 'prefilter', reason: 'expired' },
    ] as const;
    const next = nextLookup(() => results[next.mock.calls.length === 1 ? 0 : 1]);
    const find = sameRequest.stage(next);
    expect(await find(parts.query({ request }))).toBe(results[0]);
    expect(await find(parts.query({ request }))).toBe(results[1]);
    expect(await find(parts.query({ request }))).toBe(results[1]);
    expect(next).toHaveBeenCalledTimes(3);
  });
});
