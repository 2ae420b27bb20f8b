import { expect, onTestFinished, vi } from 'vitest';
import type { RedisStore, StoreOptions } from '../src/index.js';

export const waiting = { interval: 10, timeout: 60_000 };

/** A store of the current test, its errors, and what it has reported since `listen`. */
export interface ObservedStore {
  store: RedisStore;
  errors: unknown[];
  reported: string[];
  listen(): void;
}

/** Returns a store that is closed when the current test has finished. */
export function observed(make: (options: StoreOptions) => RedisStore, prefix: string): ObservedStore {
  const errors: unknown[] = [];
  const reported: string[] = [];
  const store = make({ prefix, onError: (error) => errors.push(error) });
  onTestFinished(() => store.close());
  const listen = () => {
    store.onInvalidate((key) => reported.push(key), {
      reset: () => reported.push('(reset)'),
      unreliable: () => reported.push('(unreliable)'),
    });
  };
  return { store, errors, reported, listen };
}

/** Returns a store after its proof: then it has reported twice that any key may have changed. */
export async function proven(make: (options: StoreOptions) => RedisStore, prefix: string): Promise<ObservedStore> {
  const all = observed(make, prefix);
  all.listen();
  await vi.waitFor(() => expect(all.reported.length).toBeGreaterThanOrEqual(2), waiting);
  expect(all.errors).toEqual([]);
  return all;
}
