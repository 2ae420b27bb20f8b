import type { CacheStore } from '../../../src/index.js';
import type { VirtualTime } from '../../support/virtual-time.js';

export const storeModes = ['works', 'slow', 'rejects', 'throws', 'hangs'] as const;
export type StoreMode = (typeof storeModes)[number];
export type StoreKind = 'plain' | 'lease' | 'notifies' | 'both';

const slowMs = 100;

/** A shared store for several processes. Its `mode` says whether it works, and how it fails. */
export class SharedStore {
  mode: StoreMode = 'works';
  /** Writes that the cache must never make. */
  readonly violations: string[] = [];
  readonly #time: VirtualTime;
  readonly #entries = new Map<string, { value: string; endsAt: number }>();
  readonly #leases = new Map<string, number>();
  readonly #listeners = new Map<number, (key: string) => void>();

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  /** Returns the store as one process uses it. */
  seenBy(process: number, kind: StoreKind): CacheStore {
    const store: CacheStore = {
      get: (key) => this.#work(() => this.#get(key)),
      set: (key, value, ttlMs) => this.#work(() => this.#set(process, key, value, ttlMs)),
      delete: (key) =>
        this.#work(() => {
          this.#entries.delete(key);
          this.#notify(process, key);
        }),
    };
    if (kind === 'lease' || kind === 'both') store.lease = (key, ttlMs) => this.#work(() => this.#lease(key, ttlMs));
    if (kind !== 'plain') store.getMany = (keys) => this.#work(() => keys.map((key) => this.#get(key)));
    if (kind === 'notifies' || kind === 'both') {
      store.onInvalidate = (listener) => {
        this.#listeners.set(process, listener);
        return () => this.#listeners.delete(process);
      };
    }
    return store;
  }

  /** Records a value that no cache may write. */
  protected check(key: string, value: string, ttlMs: number): void {
    if (!Number.isInteger(ttlMs) || ttlMs < 1 || ttlMs >= 2 ** 31) this.violations.push(`a time to live of ${ttlMs}`);
    const isForWaiting = key.startsWith('miss.') && ttlMs <= 500; // an inactive response for processes that wait for it
    if (/secret-token/.test(value + key) || (/"active":false/.test(value) && !isForWaiting)) {
      this.violations.push(`in the store: ${key} ${value}`);
    }
  }

  #get(key: string): string | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && this.#time.elapsed < entry.endsAt ? entry.value : undefined;
  }

  #set(process: number, key: string, value: string, ttlMs: number): void {
    this.check(key, value, ttlMs);
    this.#entries.set(key, { value, endsAt: this.#time.elapsed + ttlMs });
    this.#notify(process, key);
  }

  #lease(key: string, ttlMs: number): boolean {
    if (this.#time.elapsed < (this.#leases.get(key) ?? 0)) return false;
    this.#leases.set(key, this.#time.elapsed + ttlMs);
    return true;
  }

  #notify(process: number, key: string): void {
    for (const [listening, listener] of this.#listeners) if (listening !== process) listener(key);
  }

  #work<Value>(work: () => Value): Promise<Value> {
    if (this.mode === 'throws') throw new Error('the store is broken');
    if (this.mode === 'rejects') return Promise.reject(new Error('the store is down'));
    if (this.mode === 'hangs') return new Promise(() => {});
    if (this.mode === 'works') return new Promise((resolve) => resolve(work()));
    return new Promise((resolve) => this.#time.setTimeout(() => resolve(work()), slowMs));
  }
}
