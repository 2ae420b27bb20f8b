import type { InvalidationKind } from '../events/events.js';
import type { IntrospectionResponse } from '../protocol/active-token.js';
import type { CachedResponse } from './cache-entry.js';

/** Which responses a tombstone concerns, for example `sub:mickey`. A token is named by its cache key, never by itself. */
export type TombstoneName = `${InvalidationKind}:${string}`;

/** The record of a call of `invalidate`. It concerns the responses that were requested before it was created. */
interface Tombstone {
  /** The number of the tombstone. It orders events that happen within one tick of a clock. */
  readonly sequence: number;
  /** In milliseconds since the epoch, by a clock that never goes back: for responses that another process requested. */
  readonly createdAt: number;
  /** In monotonic milliseconds. From then on, each response that it concerns is too old to be used. */
  readonly endsAt: number;
}

/** How long a tombstone outlives the responses that it concerns, for introspections that run when it is created. */
export const tombstoneSlackMs = 120_000;
/** How much the wall clocks of processes with a shared cache may differ. */
const clockToleranceMs = 5000;
const maxTombstones = 10_000;
const claims = ['sub', 'jti', 'client_id'] as const;

/**
 * Returns whether a response in the shared cache was certainly requested after a tombstone was created.
 *
 * The times are from the wall clocks of two processes. If the order is uncertain, or if `createdAt` is NaN, the result is
 * `false`, which costs one introspection request.
 */
export function isAfterTombstone(requestedAt: number, createdAt: number): boolean {
  return requestedAt > createdAt + clockToleranceMs;
}

/** Returns the names of the tombstones that concern a response. */
export function tombstoneNames(key: string, response: IntrospectionResponse): TombstoneName[] {
  const names: TombstoneName[] = ['all:', `token:${key}`];
  if (!response.active) return names;
  for (const claim of claims) {
    const value = response[claim];
    if (value !== undefined) names.push(`${claim}:${value}`);
  }
  return names;
}

/**
 * The tombstones of this process. A response that was requested before a tombstone was created is neither cached nor used
 * after that, even if it arrives later. One exception: see `repeatIfInvalidated`, which limits the repeats.
 *
 * Memory is bounded. A tombstone is deleted when all responses that it concerns are too old to be used. If there are
 * 10,000 tombstones, the next call replaces all of them by one that concerns all responses.
 */
export class Invalidations {
  /** The oldest first. */
  readonly #tombstones = new Map<TombstoneName, Tombstone>();
  readonly #clocks: { steadyNow: () => number; monotonicNow: () => number };
  readonly #lifetimeMs: number;
  #sequence = 0;

  /** @param lifetimeMs how long a tombstone exists: as long as a response may be used, plus {@link tombstoneSlackMs} */
  constructor(clocks: { steadyNow: () => number; monotonicNow: () => number }, lifetimeMs: number) {
    this.#clocks = clocks;
    this.#lifetimeMs = lifetimeMs;
  }

  /** The number of tombstones that were ever created. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Creates a tombstone, or replaces the one with the same name. */
  add(name: TombstoneName): void {
    const now = this.#clocks.monotonicNow();
    for (const [oldName, { endsAt }] of this.#tombstones) {
      if (endsAt > now) break; // all others are newer
      this.#tombstones.delete(oldName);
    }
    const isFull = this.#tombstones.size >= maxTombstones;
    if (isFull) this.#tombstones.clear();
    const nameOrAll = isFull ? 'all:' : name;
    this.#tombstones.delete(nameOrAll); // otherwise it would stay at its old place in the order
    this.#sequence++;
    this.#tombstones.set(nameOrAll, {
      sequence: this.#sequence,
      createdAt: this.#clocks.steadyNow(),
      endsAt: now + this.#lifetimeMs,
    });
  }

  /** Returns whether a response that this process requested was invalidated since it was requested. */
  invalidates(key: string, received: CachedResponse): boolean {
    if (received.sequence === this.#sequence) return false;
    // The tombstone that concerns it may already be deleted.
    if (this.#clocks.monotonicNow() - received.requestedAt > this.#lifetimeMs) return true;
    if (this.#concerning(key, received.response).some(({ sequence }) => sequence > received.sequence)) return true;
    received.sequence = this.#sequence;
    return false;
  }

  /**
   * Returns whether a response in the shared cache was invalidated here since another process requested it.
   *
   * @param requestedAt by the wall clock of the process that requested the response
   */
  invalidatesShared(key: string, response: IntrospectionResponse, requestedAt: number): boolean {
    return this.#concerning(key, response).some(({ createdAt }) => !isAfterTombstone(requestedAt, createdAt));
  }

  #concerning(key: string, response: IntrospectionResponse): Tombstone[] {
    return tombstoneNames(key, response).flatMap((name) => this.#tombstones.get(name) ?? []);
  }
}
