import type { CacheStore } from '@acme/introspect-core';

/** What one case needs. */
export interface StoreContractSetup<Store = CacheStore> {
  /** The store under test. */
  readonly store: Store;
  /** A second store with the same data, as another process has it. */
  readonly other: Store;
  /** Lets time pass for the data: advances a virtual clock, or shortens the remaining time of all entries. Up to weeks. */
  elapse(ms: number): void | Promise<void>;
}

/** A store that has `lease`. */
export type LeasingStore = CacheStore & Required<Pick<CacheStore, 'lease'>>;
/** A store that has `onInvalidate`. */
export type ReportingStore = CacheStore & Required<Pick<CacheStore, 'onInvalidate'>>;
/** Cases by their names. */
export type StoreCases<Store> = Readonly<Record<string, (setup: StoreContractSetup<Store>) => Promise<void>>>;
