/** A store to test. It has the same type as `CacheStore` of the core. */
export interface StoreUnderTest {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, ttlMs: number): Promise<void>;
  delete(key: string): Promise<void>;
  onInvalidate?(listener: (key: string) => void): () => void;
  lease?(key: string, ttlMs: number): Promise<boolean>;
  close?(): Promise<void>;
}

/** What one case needs. */
export interface StoreContractSetup<Store = StoreUnderTest> {
  readonly store: Store;
  /** A second store with the same data, as another process has it. */
  readonly other: Store;
  /** Lets time pass for the data: advances a virtual clock, or shortens the remaining time of all entries. Up to weeks. */
  elapse(ms: number): void | Promise<void>;
}

/** A store that has `lease`. */
export type LeasingStore = StoreUnderTest & Required<Pick<StoreUnderTest, 'lease'>>;
/** A store that has `onInvalidate`. */
export type ReportingStore = StoreUnderTest & Required<Pick<StoreUnderTest, 'onInvalidate'>>;
/** Cases by their names. */
export type StoreCases<Store> = Readonly<Record<string, (setup: StoreContractSetup<Store>) => Promise<void>>>;
