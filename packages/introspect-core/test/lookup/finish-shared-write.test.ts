import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { finishSharedWrite } from '../../src/lookup/finish-shared-write.js';
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
  return finishSharedWrite(nextLookup(() => result))(query);
};

describe('the write to the shared cache', () => {
  it('a lookup does not wait for the write to the shared cache', async () => {
    expect(await find()).toMatchObject({ from: 'server' });
  });

  it('the write to the shared cache is passed to waitUntil', async () => {
    const waitUntil = vi.fn();
    await find({ waitUntil });
    expect(waitUntil.mock.calls).toEqual([[write.promise]]);
  });

  it('a lookup on workerd without waitUntil waits for the write to the shared cache', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    const order: string[] = [];
    const result = find().then(() => order.push('response'));
    order.push('write');
    write.resolve();
    await result;
    expect(order).toEqual(['write', 'response']);
  });

  it('the write to the shared cache does not delay a caller that hangs up', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    const controller = new AbortController();
    const result = find({ signal: controller.signal });
    controller.abort('the caller left');
    await expect(result).rejects.toBe('the caller left');
  });
});

it('a response from the cache is returned without a wait for a write', async () => {
  const cached = { from: 'cache', response: { active: true } } as const;
  expect(await finishSharedWrite(nextLookup(() => cached))(parts.query())).toBe(cached);
});
