import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pendingWrite } from '../../src/lookup/pending-write.js';
import { lookupParts, nextLookup } from '../support/lookups.js';

const parts = lookupParts();
let write: PromiseWithResolvers<void>;
beforeEach(() => {
  write = Promise.withResolvers();
});
afterEach(() => void vi.unstubAllGlobals());

const find = (request: object = {}) => {
  const result = parts.fromServer({ pendingWrite: write.promise });
  const query = parts.query({ request: { authorization: 'Bearer t', ...request } });
  return pendingWrite(nextLookup(() => result))(query);
};

describe('the write to the shared cache', () => {
  it('is not waited for', async () => {
    expect(await find()).toMatchObject({ from: 'server' });
  });

  it('is passed to waitUntil', async () => {
    const waitUntil = vi.fn();
    await find({ waitUntil });
    expect(waitUntil.mock.calls).toEqual([[write.promise]]);
  });

  it('is waited for where the runtime would end it with the request', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    const order: string[] = [];
    const result = find().then(() => order.push('response'));
    order.push('write');
    write.resolve();
    await result;
    expect(order).toEqual(['write', 'response']);
  });

  it('does not hold up a caller who leaves', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    const controller = new AbortController();
    const result = find({ signal: controller.signal });
    controller.abort('the caller left');
    await expect(result).rejects.toBe('the caller left');
  });
});

it('a response from the cache has no write to wait for', async () => {
  const cached = { from: 'cache', response: { active: true } } as const;
  expect(await pendingWrite(nextLookup(() => cached))(parts.query())).toBe(cached);
});
