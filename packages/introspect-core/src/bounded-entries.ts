import { LRUCache } from 'lru-cache';

/**
 * A map that is bounded by number and by size; the least recently used entry goes first.
 *
 * LRUCache is given no `max`, because it would allocate memory for that many entries at construction.
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

  /** Returns the value and counts that as a use. */
  get(key: string): Value | undefined {
    return this.#entries.get(key);
  }

  peek(key: string): Value | undefined {
    return this.#entries.peek(key);
  }

  /** Returns `false` for a value that is larger than all entries may be together: then the key has no entry. */
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
