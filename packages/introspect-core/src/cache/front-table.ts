/**
 * How many characters at the end of a token make the key of the table. An attacker who knows as many characters of a
 * random token has 256 bits of it.
 */
const endLength = 43;

/** A token of the table. */
export interface FrontEntry {
  readonly token: string;
  /** The key of its response in the cache. */
  readonly key: string;
  /** When a lookup through the table last made the entry of the cache the most recently used one, in monotonic time. */
  usedAt: number;
}

/**
 * A small table of tokens that were used recently, with their cache keys. It saves the hash, which is the largest part
 * of the time of a cache hit.
 *
 * It holds keys and no entries, so the cache alone decides about expiry, age, invalidation and eviction. A token is
 * found by its end and then compared in full. So the time of a lookup tells nothing to somebody who does not know the
 * end of a token; a lookup by the beginning would tell them the token part by part.
 *
 * The tokens in it stay in memory until others replace them.
 */
export class FrontTable {
  readonly #maxTokens: number;
  readonly #tokens = new Map<string, FrontEntry>();

  /** @param maxTokens how many tokens it holds at most; 0 holds none */
  constructor(maxTokens: number) {
    this.#maxTokens = maxTokens;
  }

  /** Returns what the table has about a token, or `undefined`. */
  find(token: string): FrontEntry | undefined {
    const known = this.#tokens.get(token.slice(-endLength));
    return known?.token === token ? known : undefined;
  }

  /** Adds a token. Replaces one with the same end, or the oldest one if the table is full. */
  add(token: string, key: string): void {
    if (this.#maxTokens === 0) return;
    const end = token.slice(-endLength);
    this.#tokens.delete(end);
    if (this.#tokens.size >= this.#maxTokens) this.#tokens.delete(this.#tokens.keys().next().value ?? '');
    this.#tokens.set(end, { token, key, usedAt: Number.NEGATIVE_INFINITY });
  }

  delete(token: string): void {
    this.#tokens.delete(token.slice(-endLength));
  }
}
