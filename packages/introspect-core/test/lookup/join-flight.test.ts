import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { joinFlight } from '../../src/lookup/join-flight.js';
import { LookupDeadline } from '../../src/lookup/lookup-deadline.js';
import type { LookupResult, TokenQuery } from '../../src/lookup/lookup-pipeline.js';
import { SingleFlight } from '../../src/lookup/single-flight.js';
import type { Moment } from '../../src/runtime/age-clock.js';
import { lookupParts } from '../support/lookups.js';
import { virtualTime } from '../support/virtual-time.js';

let time: ReturnType<typeof virtualTime>;
beforeEach(() => {
  time = virtualTime();
});
afterEach(() => void vi.useRealTimers());

const setUp = ({ hasCache = true } = {}) => {
  const parts = lookupParts();
  const flights = new SingleFlight<LookupResult, Moment>(() => parts.age.moment());
  const { monotonicNow } = time.clocks;
  const timeLimit = new LookupDeadline({ origin: 'https://as.example', timeoutMs: 1000, monotonicNow });
  const running: PromiseWithResolvers<LookupResult>[] = [];
  const work = () => {
    const flight = Promise.withResolvers<LookupResult>();
    running.push(flight);
    return flight.promise;
  };
  const find = joinFlight({ flights, work, timeLimit, hasCache, emit: parts.emit });
  const join = (change: Partial<TokenQuery> = {}) =>
    find(parts.query({ endsAt: timeLimit.endFromNow(), ...change })).catch((error: { code: string }) => error.code);
  return { ...parts, running, join, types: () => parts.events.map(({ type }) => type) };
};

describe('a shared lookup at the server', () => {
  it('a lookup shares the running flight, and emits "cache_miss" and "coalesced"', async () => {
    const { running, join, fromServer, types } = setUp();
    const both = Promise.all([join(), join()]);
    const result = fromServer();
    running[0]?.resolve(result);
    expect(await both).toEqual([result, result]);
    expect(running).toHaveLength(1);
    expect(types()).toEqual(['cache_miss', 'coalesced']);
  });

  it('a lookup without a cache emits no "cache_miss"', () => {
    const { join, types } = setUp({ hasCache: false });
    void join();
    void join();
    expect(types()).toEqual(['coalesced']);
  });

  it('a lookup for which the running flight began too early waits for its own flight, both within one time limit', async () => {
    const { running, join, fromServer } = setUp();
    const first = join();
    const second = join({ accepts: ({ sequence }) => sequence > 1 });
    await time.pass(600);
    running[0]?.resolve(fromServer());
    expect(await first).toMatchObject({ from: 'server' });
    await time.pass(0);
    expect(running).toHaveLength(2);
    await time.pass(400);
    expect(await second).toBe('unavailable');
  });

  it.each([
    [true, 'unavailable'],
    [false, 'still waiting'],
  ])('a lookup after its time limit, where isRepeat is %j: %s', async (isRepeat, expected) => {
    const { join } = setUp();
    const outcome = Promise.race([join({ isRepeat }), time.pass(1000).then(() => 'still waiting')]);
    expect(await outcome).toBe(expected);
  });
});
