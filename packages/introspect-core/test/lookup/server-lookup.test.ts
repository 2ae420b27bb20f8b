import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SharedCache } from '../../src/cache/shared-cache.js';
import { type IntrospectionResponse, UnavailableError } from '../../src/index.js';
import { LookupDeadline } from '../../src/lookup/lookup-deadline.js';
import { type LookupHooks, ServerLookup } from '../../src/lookup/server-lookup.js';
import { eventLoopTurns } from '../support/event-loop.js';
import { lookupParts } from '../support/lookups.js';
import { virtualTime } from '../support/virtual-time.js';

const active: IntrospectionResponse = { active: true };
const inactive: IntrospectionResponse = { active: false };

let time: ReturnType<typeof virtualTime>;
beforeEach(() => {
  time = virtualTime();
});
afterEach(() => void vi.useRealTimers());

const setUp = (hooks: LookupHooks = {}) => {
  const parts = lookupParts();
  const { monotonicNow } = time.clocks;
  const timeLimit = new LookupDeadline({ origin: 'https://as.example', timeoutMs: 5000, monotonicNow });
  const introspect = vi.fn(async (_token: string, _options?: object): Promise<IntrospectionResponse> => active);
  const server = new ServerLookup({ ...parts, client: { introspect }, sharedCache: undefined, timeLimit, hooks });
  return {
    ...parts,
    introspect,
    priorities: () => introspect.mock.calls.map(([, options]) => options && 'priority' in options && options.priority),
    find: () => server.find(parts.query(), new AbortController().signal),
  };
};

describe('a server lookup', () => {
  it('a server lookup introspects the token and caches the response', async () => {
    const { find, introspect, cache, priorities } = setUp();
    expect(await find()).toMatchObject({ from: 'server', received: { response: active }, isLast: false });
    expect(introspect).toHaveBeenCalledWith('t', expect.anything());
    expect(priorities()).toEqual(['normal']);
    expect(cache.fresh('k', 1)?.response).toBe(active);
  });

  it('a server lookup sends no request for a token that the prefilter rejects', async () => {
    const { find, introspect } = setUp({ prefilter: async () => ({ reject: 'expired' }) });
    expect(await find()).toEqual({ from: 'prefilter', reason: 'expired' });
    expect(introspect).not.toHaveBeenCalled();
  });

  it('a server lookup introspects with low priority a token that the prefilter deprioritizes', async () => {
    const { find, priorities } = setUp({ prefilter: async () => 'deprioritize' });
    await find();
    expect(priorities()).toEqual(['low']);
  });

  it('a server lookup introspects with high priority, without the prefilter, a token that is cached as active', async () => {
    const prefilter = vi.fn(async () => 'introspect' as const);
    const { find, cache, received, priorities } = setUp({ prefilter });
    cache.set('k', received());
    await find();
    expect(prefilter).not.toHaveBeenCalled();
    expect(priorities()).toEqual(['high']);
  });

  it.each([
    ['uses the active response', active, true],
    ['uses the second inactive response', inactive, false],
  ])('a server lookup rechecks a token that is suddenly inactive, and %s', async (_, second, active) => {
    const onInactive = vi.fn();
    const { find, cache, received, introspect, events, priorities } = setUp({ onInactive });
    cache.set('k', received());
    introspect.mockResolvedValueOnce(inactive).mockResolvedValueOnce(second);
    const result = find();
    await time.pass(999);
    expect(introspect).toHaveBeenCalledTimes(1);
    expect(cache.fresh('k', 60_000)).toBeUndefined();
    await time.pass(251);
    expect(await result).toMatchObject({ received: { response: second } });
    expect(events).toEqual([{ type: 'rechecked', active }]);
    expect(onInactive).toHaveBeenCalledTimes(active ? 0 : 1);
    expect(priorities()).toEqual(['high', 'high']);
  });

  it('the response of a recheck has the time of the recheck', async () => {
    const { find, cache, received, introspect, age } = setUp();
    cache.set('k', received());
    introspect.mockResolvedValueOnce(inactive);
    const result = find();
    const { sequence } = age.moment();
    await time.pass(1250);
    const lookedUp = await result;
    expect(lookedUp.from === 'server' && lookedUp.moment.sequence).toBeGreaterThan(sequence);
  });

  it('a response has the time of its request, so that a later notification of the store applies to it', async () => {
    const { find, introspect, cache } = setUp();
    const { epoch } = cache;
    introspect.mockImplementation(async () => {
      cache.revalidateAll();
      return active;
    });
    expect(await find()).toMatchObject({ received: { epoch } });
  });

  it('a server lookup does not recheck an inactive token that was not cached', async () => {
    const { find, introspect } = setUp();
    introspect.mockResolvedValue(inactive);
    expect(await find()).toMatchObject({ received: { response: inactive } });
    expect(introspect).toHaveBeenCalledTimes(1);
  });

  it('a server lookup repeats the introspection while the response was invalidated, and caches the last one', async () => {
    const { find, introspect, invalidations, cache, priorities } = setUp();
    introspect.mockImplementation(async () => {
      if (introspect.mock.calls.length <= 3) invalidations.add('token:k');
      return active;
    });
    expect(await find()).toMatchObject({ isLast: false });
    expect(priorities()).toEqual(Array(4).fill('normal'));
    expect(cache.fresh('k', 1)).toBeDefined();
  });

  it('a server lookup ends after three repeats, and does not cache the response', async () => {
    const { find, introspect, invalidations, cache } = setUp();
    introspect.mockImplementation(async () => {
      invalidations.add('token:k');
      return active;
    });
    expect(await find()).toMatchObject({ isLast: true });
    expect(introspect).toHaveBeenCalledTimes(4);
    expect(cache.entries).toEqual({ active: 0, inactive: 0 });
  });

  it('a server lookup has one time limit for all its introspections', async () => {
    const { find, introspect, invalidations } = setUp();
    introspect.mockImplementationOnce(async () => {
      invalidations.add('token:k');
      return active;
    });
    introspect.mockImplementation(() => new Promise(() => {}));
    const outcome = find().catch((error: unknown) => error);
    await time.pass(5000);
    expect(await outcome).toBeInstanceOf(UnavailableError);
  });

  it('the write of a response ends when the removal of the old entry and the write of the new one have ended', async () => {
    const parts = lookupParts();
    const [removal, write] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const shared: Partial<SharedCache> = { delete: () => removal.promise, share: () => write.promise };
    const introspect = vi.fn(async (): Promise<IntrospectionResponse> => active).mockResolvedValueOnce(inactive);
    const timeLimit = new LookupDeadline({ origin: 'https://as.example', timeoutMs: 5000, ...time.clocks });
    const sharedCache = shared as SharedCache;
    const server = new ServerLookup({ ...parts, client: { introspect }, sharedCache, timeLimit, hooks: {} });
    parts.cache.set('k', parts.received());
    const result = server.find(parts.query(), new AbortController().signal);
    await time.pass(1250);
    const lookedUp = await result;
    const ended = vi.fn();
    if (lookedUp.from === 'server') void lookedUp.pendingWrite?.then(ended);
    for (const part of [removal, write]) {
      await eventLoopTurns();
      expect(ended).not.toHaveBeenCalled();
      part.resolve();
    }
    await eventLoopTurns();
    expect(ended).toHaveBeenCalledOnce();
  });

  it('a server lookup emits an event for a response that is too large to cache', async () => {
    const { find, cache, events } = setUp();
    vi.spyOn(cache, 'set').mockReturnValue('too_large');
    await find();
    expect(events).toEqual([{ type: 'too_large_to_cache' }]);
  });
});
