import { beforeEach, describe, expect, it } from 'vitest';
import { repeatIfInvalidated } from '../../src/lookup/repeat-if-invalidated.js';
import { lookupParts, nextLookup } from '../support/lookups.js';

let parts: ReturnType<typeof lookupParts>;
beforeEach(() => {
  parts = lookupParts();
});

const invalidate = () => parts.invalidations.add('token:k');

/** A response that is invalidated before it arrives. */
const invalidated = (isLast = false) => {
  const result = parts.fromServer({ isLast });
  invalidate();
  return result;
};

describe('a response of the server', () => {
  it('a response that is new enough and was not invalidated is accepted', async () => {
    const result = parts.fromServer();
    const next = nextLookup(() => result);
    const query = parts.query();
    expect(await repeatIfInvalidated(parts.invalidations)(next)(query)).toBe(result);
    expect(next.mock.calls).toEqual([[query]]);
  });

  it('a response that is older than the policy allows is requested again, marked as a repeat', async () => {
    const next = nextLookup(() => parts.fromServer());
    const find = repeatIfInvalidated(parts.invalidations)(next);
    const result = await find(parts.query({ accepts: () => next.mock.calls.length > 5 }));
    expect(result).toBe(await next.mock.results[5]?.value);
    expect(next.mock.calls.map(([{ isRepeat }]) => isRepeat)).toEqual([false, true, true, true, true, true]);
  });

  it('a response that was invalidated meanwhile is requested again', async () => {
    const next = nextLookup(() => (next.mock.calls.length === 1 ? invalidated() : parts.fromServer()));
    await repeatIfInvalidated(parts.invalidations)(next)(parts.query());
    expect(next).toHaveBeenCalledTimes(2);
  });

  it('a response is accepted after three repeats, although it was invalidated each time', async () => {
    const next = nextLookup(() => invalidated());
    await repeatIfInvalidated(parts.invalidations)(next)(parts.query());
    expect(next).toHaveBeenCalledTimes(4);
  });

  it('a response is accepted after the last repeat of the flight, although it was invalidated then', async () => {
    const next = nextLookup(() => invalidated(true));
    await repeatIfInvalidated(parts.invalidations)(next)(parts.query());
    expect(next).toHaveBeenCalledTimes(1);
  });

  it.each([true, false])(
    'a response that was invalidated before the request arrived is never accepted (last: %j)',
    async (isLast) => {
      const old = parts.fromServer({ isLast });
      invalidate();
      const next = nextLookup(() => (next.mock.calls.length <= 10 ? old : parts.fromServer()));
      const result = await repeatIfInvalidated(parts.invalidations)(next)(parts.query());
      expect(result).not.toBe(old);
      expect(next).toHaveBeenCalledTimes(11);
    },
  );
});

it.each([
  { from: 'cache', response: { active: true } },
  { from: 'prefilter', reason: 'expired' },
] as const)('a result from the $from is passed on unchanged', async (result) => {
  const find = repeatIfInvalidated(parts.invalidations)(nextLookup(() => result));
  expect(await find(parts.query({ accepts: () => false }))).toBe(result);
});
