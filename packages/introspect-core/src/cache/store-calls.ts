import { UnavailableError } from '../errors/errors.js';
import type { StoreOperation } from '../events/events.js';
import { withDeadline } from '../runtime/deadline.js';
import type { CacheStore } from './cache-store.js';
import { StoreBreaker } from './store-breaker.js';

const storeTimeoutMs = 250;

/** Runs the calls of a store: each with a time limit, and each failure is reported to `onFailure`. */
export class StoreCalls {
  readonly #breaker: StoreBreaker;
  readonly #onFailure: (operation: StoreOperation) => void;

  constructor(monotonicNow: () => number, onFailure: (operation: StoreOperation) => void) {
    this.#breaker = new StoreBreaker(monotonicNow);
    this.#onFailure = onFailure;
  }

  /** Whether the last call of `runUnlessFailing` failed. */
  get isFailing(): boolean {
    return this.#breaker.isFailing;
  }

  /** Like `run`, but after several failures it leaves the store alone: see {@link StoreBreaker}. */
  runUnlessFailing<Value>(operation: StoreOperation, work: () => Promise<Value>): Promise<Value> {
    return this.#breaker.run(() => this.run(operation, work));
  }

  /** Reads several keys: with one call if the store can do that. */
  getAll(store: CacheStore, keys: readonly string[]): Promise<(string | undefined)[]> {
    return this.runUnlessFailing('get', async () => {
      if (store.getMany === undefined) return Promise.all(keys.map((key) => store.get(key)));
      const values = await store.getMany(keys);
      // Without this check, a tombstone that is missing in the list would count as one that does not exist.
      if (values.length !== keys.length) throw new TypeError('The cache store returned too few or too many values');
      return values;
    });
  }

  /** @throws UnavailableError if the store failed, or took longer than 250 ms */
  async run<Value>(operation: StoreOperation, work: () => Promise<Value>): Promise<Value> {
    try {
      return await withDeadline({ timeoutMs: storeTimeoutMs, late: storeError }, work);
    } catch {
      this.report(operation);
      throw storeError();
    }
  }

  /** Reports a failure that the caller has noticed itself. */
  report(operation: StoreOperation): void {
    this.#onFailure(operation);
  }
}

/** An error without its cause: the error of a store may contain the key, the value, or the password of the store. */
function storeError(): UnavailableError {
  return new UnavailableError(`The cache store failed, or took longer than ${storeTimeoutMs} ms`);
}
