import assert from 'node:assert/strict';
import type { CacheStore } from '@acme/introspect-core';
import type { LeasingStore, ReportingStore, StoreCases, StoreContractSetup } from './store-cases.js';
import { invalidationCases } from './store-invalidation-cases.js';
import { leaseCases } from './store-lease-cases.js';
import { valueCases } from './store-value-cases.js';

/** One case of the contract. */
export interface StoreContractCase {
  /** What the store must do, such as `deletes a value`. */
  name: string;
  /** Rejects if the store breaks the contract, and says what was expected. Each case needs a new setup without data. */
  check(setup: StoreContractSetup): Promise<void>;
}

/**
 * Returns all cases of the contract for a store with these optional functions. Any test runner can run them.
 *
 * @example
 * ```ts
 * const cases = storeContractCases({ lease: true, onInvalidate: false });
 * for (const { name, check } of cases) it(name, () => check(setup()));
 * ```
 * @param has the optional functions that the store has. The first case rejects if that is not true
 */
export function storeContractCases(has: { lease: boolean; onInvalidate: boolean }): StoreContractCase[] {
  return [
    {
      name: `has ${has.lease ? 'the' : 'no'} function "lease", and ${has.onInvalidate ? 'the' : 'no'} "onInvalidate"`,
      check: async ({ store, other }) => {
        for (const { lease, onInvalidate } of [store, other]) {
          assert.deepEqual({ lease: lease !== undefined, onInvalidate: onInvalidate !== undefined }, has);
        }
      },
    },
    ...Object.entries(valueCases).map(([name, check]) => ({ name, check })),
    ...(has.lease ? casesFor(leaseCases, hasLease) : []),
    ...(has.onInvalidate ? casesFor(invalidationCases, hasOnInvalidate) : []),
  ];
}

function casesFor<Store extends CacheStore>(
  cases: StoreCases<Store>,
  isSuitable: (store: CacheStore) => store is Store,
): StoreContractCase[] {
  return Object.entries(cases).map(([name, check]) => ({
    name,
    check: async ({ store, other, elapse }) => {
      assert(isSuitable(store) && isSuitable(other), 'the store lacks the function');
      await check({ store, other, elapse });
    },
  }));
}

function hasLease(store: CacheStore): store is LeasingStore {
  return store.lease !== undefined;
}

function hasOnInvalidate(store: CacheStore): store is ReportingStore {
  return store.onInvalidate !== undefined;
}
