/** Remembers keys for a fixed time. */
export class RecentKeys {
  /** When each key is forgotten. The oldest key first. */
  readonly #endsAt = new Map<string, number>();
  readonly #lifetimeMs: number;
  readonly #monotonicNow: () => number;

  constructor(lifetimeMs: number, monotonicNow: () => number) {
    this.#lifetimeMs = lifetimeMs;
    this.#monotonicNow = monotonicNow;
  }

  /** Remembers a key from now on, and forgets those whose time has passed. */
  add(key: string): void {
    const now = this.#monotonicNow();
    for (const [oldKey, endsAt] of this.#endsAt) {
      if (endsAt > now) break; // all others are newer
      this.#endsAt.delete(oldKey);
    }
    this.#endsAt.delete(key); // otherwise it would stay at its old place in the order
    this.#endsAt.set(key, now + this.#lifetimeMs);
  }

  has(key: string): boolean {
    return (this.#endsAt.get(key) ?? Number.NEGATIVE_INFINITY) > this.#monotonicNow();
  }
}
