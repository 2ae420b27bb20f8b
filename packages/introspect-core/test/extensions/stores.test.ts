import { storeContractCases } from '@acme/introspect-testing';
import { createStorage } from 'unstorage';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fromUnstorage } from '../../src/extensions/stores/stores.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

describe('a store on unstorage', () => {
  it.each(storeContractCases({ lease: false, onInvalidate: false }))('$name', async ({ check }) => {
    const storage = createStorage();
    const elapse = (ms: number) => void vi.setSystemTime(Date.now() + ms);
    await check({ store: fromUnstorage(storage), other: fromUnstorage(storage), elapse });
  });

  it('passes the lifetime of a value to the driver, in seconds', async () => {
    const setItem = vi.fn(async (_key: string, _value: string, _options: { ttl: number }) => {});
    await fromUnstorage({ ...createStorage(), setItem }).set('key', 'value', 1500);
    expect(setItem).toHaveBeenCalledExactlyOnceWith('key', `${Date.now() + 1500}:value`, { ttl: 2 });
  });
});
