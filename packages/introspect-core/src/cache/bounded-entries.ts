import { LRUCache } from 'lru-cache';

/**
 * A map that limits the number of its entries and their total size. It evicts the least recently used entry first.
 *
 * It does not use the option `max` of LRUCache, which allocates memory for that many entries at construction.
 */
export class BoundedEntries<Value extends object> {
  readonly #entries: LRUCache<string, Value>;
  readonly #maxEntries: number;

  constructor({ maxEntries, maxSize }: { maxEntries: number; maxSize: number }) {
    this.#entries = new LRUCache({ maxSize });
    this.#maxEntries = maxEntries;
  }

  get count(): number {
    return this.#entries.size;
  }

  /** Returns the value of a key, and makes its entry the most recently used one. */
  get(key: string): Value | undefined {
    return this.#entries.get(key);
  }

  /** Returns the value of a key without a change to the order of eviction. */
  peek(key: string): Value | undefined {
    return this.#entries.peek(key);
  }

  /** Sets an entry. If its size alone exceeds `maxSize`, returns `false` and leaves the key without an entry. */
  set(key: string, value: Value, size: number): boolean {
    this.#entries.set(key, value, { size });
    if (this.#entries.size > this.#maxEntries) this.#entries.pop();
    return size <= this.#entries.maxSize;
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}
