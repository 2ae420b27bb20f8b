import { beforeEach, describe, expect, it } from 'vitest';
import { accepted } from '../../src/lookup/accepted.js';
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
  it('is accepted if nothing speaks against it', async () => {
    const result = parts.fromServer();
    const next = nextLookup(() => result);
    const query = parts.query();
    expect(await accepted(parts.invalidations)(next)(query)).toBe(result);
    expect(next.mock.calls).toEqual([[query]]);
  });

  it('is requested again if the policy requires a newer one, marked as a repeat', async () => {
    const next = nextLookup(() => parts.fromServer());
    const find = accepted(parts.invalidations)(next);
    const result = await find(parts.query({ accepts: () => next.mock.calls.length > 5 }));
    expect(result).toBe(await next.mock.results[5]?.value);
    expect(next.mock.calls.map(([{ isRepeat }]) => isRepeat)).toEqual([false, true, true, true, true, true]);
  });

  it('is requested again if it was invalidated meanwhile', async () => {
    const next = nextLookup(() => (next.mock.calls.length === 1 ? invalidated() : parts.fromServer()));
    await accepted(parts.invalidations)(next)(parts.query());
    expect(next).toHaveBeenCalledTimes(2);
  });

  it('is accepted after three repeats, although it was invalidated each time', async () => {
    const next = nextLookup(() => invalidated());
    await accepted(parts.invalidations)(next)(parts.query());
    expect(next).toHaveBeenCalledTimes(4);
  });

  it('is accepted if the flight made its last repeat, although it was invalidated then', async () => {
    const next = nextLookup(() => invalidated(true));
    await accepted(parts.invalidations)(next)(parts.query());
    expect(next).toHaveBeenCalledTimes(1);
  });

  it.each([true, false])(
    'is never accepted if it was invalidated before the request arrived (last: %j)',
    async (isLast) => {
      const old = parts.fromServer({ isLast });
      invalidate();
      const next = nextLookup(() => (next.mock.calls.length <= 10 ? old : parts.fromServer()));
      const result = await accepted(parts.invalidations)(next)(parts.query());
      expect(result).not.toBe(old);
      expect(next).toHaveBeenCalledTimes(11);
    },
  );
});

it.each([
  { from: 'cache', response: { active: true } },
  { from: 'prefilter', reason: 'expired' },
] as const)('what came from the $from is passed on', async (result) => {
  const find = accepted(parts.invalidations)(nextLookup(() => result));
  expect(await find(parts.query({ accepts: () => false }))).toBe(result);
});
