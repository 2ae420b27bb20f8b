import { beforeEach, describe, expect, it, vi } from 'vitest';
import { IntrospectionClient, InvalidClientError, UnavailableError } from '../../src/index.js';
import { staleIfError } from '../../src/lookup/stale-if-error.js';
import { lookupParts, nextLookup } from '../support/lookups.js';
import { never, scripted } from '../support/scripted-transport.js';

const unavailable = new UnavailableError('The server is down');

let parts: ReturnType<typeof lookupParts>;
let read: ReturnType<typeof vi.fn<() => Promise<boolean>>>;
beforeEach(() => {
  parts = lookupParts({ maxAgeIfErrorMs: 600_000 });
  read = vi.fn(async () => false);
  parts.cache.set('k', parts.received());
  parts.clocks.pass(120);
});

const find = (error: unknown, { isRateLimited = false, query = parts.query() } = {}) => {
  const next = nextLookup(() => Promise.reject(error));
  return staleIfError({ ...parts, readShared: read, isRateLimited: () => isRateLimited })(next)(query);
};

describe('a stale response', () => {
  it('a stale response is used while the server is unavailable, and its age is emitted', async () => {
    expect(await find(unavailable)).toEqual({ from: 'cache', failure: unavailable, response: { active: true } });
    expect(parts.events).toEqual([{ type: 'stale_served', ageSeconds: 120 }]);
  });

  it('a stale response is not used after the server responded with 429', async () => {
    await expect(find(unavailable, { isRateLimited: true })).rejects.toBe(unavailable);
    expect(parts.events).toEqual([]);
  });

  it('a stale response is not used after our own limits rejected the request', async () => {
    const limits = { concurrent: 1 };
    const client = new IntrospectionClient({ ...scripted, transport: never, limits, timeoutMs: 100 });
    const outcomes = await Promise.allSettled([client.introspect('a'), client.introspect('b')]);
    const rejected = outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason)[1];
    expect(rejected).toMatchObject({ code: 'unavailable', message: expect.stringContaining('"limits"') });
    await expect(find(rejected)).rejects.toBe(rejected);
  });

  it('a stale response is not used for another failure', async () => {
    const rejection = new InvalidClientError('wrong secret');
    await expect(find(rejection)).rejects.toBe(rejection);
    const bug = new Error('a bug of ours');
    await expect(find(bug)).rejects.toBe(bug);
  });

  it('a stale response is not used for a caller that has hung up', async () => {
    const request = { authorization: 'Bearer t', signal: AbortSignal.abort('the caller left') };
    await expect(find(unavailable, { query: parts.query({ request }) })).rejects.toBe(unavailable);
    expect(read).not.toHaveBeenCalled();
  });

  it('a stale response is not used if the policy requires a newer one', async () => {
    await expect(find(unavailable, { query: parts.query({ maxResponseAgeMs: 100_000 }) })).rejects.toBe(unavailable);
  });

  it('a stale response is not used if the shared cache shows that it was invalidated', async () => {
    read.mockImplementation(async () => {
      parts.cache.delete('k');
      return false;
    });
    await expect(find(unavailable)).rejects.toBe(unavailable);
  });
});
