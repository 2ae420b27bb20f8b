import type { ForgetMarks, MarkName } from './forget-marks.js';
import { type CacheStore, isMarkKey, StoredAnswers, type StoreOperation } from './stored-answers.js';
import { type DatedAnswer, expiryOf, type TokenCache } from './token-cache.js';

const maxTtlMs = 2 ** 31 - 1;

export interface SecondTierSettings {
  now: () => number;
  monotonicNow: () => number;
  /** The wall clock, but never going back: by it the age of another process's answer is known. */
  steadyNow: () => number;
  /** How long an answer may be of use, at most. */
  lifeMs: number;
  /** How long a mark is of use. */
  markLifeMs: number;
  leaseMs: number;
  keyOf: (text: string) => string | Promise<string>;
  failed: (operation: StoreOperation) => void;
}

/**
 * What goes from the store, which processes share, into the cache of this one, and back. Wall clocks are compared here, and
 * nowhere else: each answer has the stamp of the process that asked for it.
 */
export class SecondTier {
  readonly #stored: StoredAnswers;
  readonly #cache: TokenCache;
  readonly #marks: ForgetMarks;
  readonly #settings: SecondTierSettings;
  /** The keys that are being read, and whether there was news of them meanwhile. */
  readonly #reading = new Map<string, boolean>();

  constructor(store: CacheStore, cache: TokenCache, marks: ForgetMarks, settings: SecondTierSettings) {
    this.#stored = new StoredAnswers(store, settings);
    this.#cache = cache;
    this.#marks = marks;
    this.#settings = settings;
    this.#stored.onNews((key) => {
      if (isMarkKey(key)) cache.rereadAll();
      else cache.reread(key);
      if (this.#reading.has(key)) this.#reading.set(key, true);
    });
  }

  /** Whether the store had an answer, which the cache now has. What others have forgotten, this process then has, too. */
  async read(key: string): Promise<boolean> {
    const { monotonicNow, steadyNow } = this.#settings;
    const { generation } = this.#cache;
    const known = this.#cache.known(key);
    this.#reading.set(key, false);
    const reading = await this.#stored.read(key, known && this.#stamped(known));
    const hadNews = this.#reading.get(key);
    this.#reading.delete(key);
    // What is doubted stays, since the doubt must: an older answer could take its place.
    if (reading?.knownIsForgotten && known?.suspectedAt === undefined && this.#cache.known(key) === known) {
      this.#cache.drop(key);
    }
    if (reading?.stored === undefined || hadNews) return false;
    const { answer, askedAt } = reading.stored;
    const ageMs = steadyNow() - askedAt;
    // Below zero: the other process's clock is ahead, and nobody knows how old its answer is.
    if (ageMs < 0 || this.#marks.forgetsSince(key, answer, askedAt)) return false;
    return this.#cache.adopt(key, { answer, askedAt: monotonicNow() - ageMs, order: this.#marks.order, generation });
  }

  /** Puts an answer there, or takes away what was there before. */
  async share(key: string, asked: DatedAnswer): Promise<void> {
    const { now, monotonicNow, steadyNow, lifeMs } = this.#settings;
    steadyNow(); // sees the time by which the stamp is made
    if (!asked.answer.active) return this.remove(key);
    const ageMs = monotonicNow() - asked.askedAt;
    const ttlMs = Math.floor(Math.min(lifeMs - ageMs, expiryOf(asked.answer) - now(), maxTtlMs));
    if (ttlMs > 0) await this.#stored.write(key, asked.answer, { askedAt: now() - ageMs, ttlMs });
  }

  remove(key: string): Promise<void> {
    return this.#stored.remove(key);
  }

  /**
   * Tells all processes to forget.
   *
   * @throws UnavailableError when the store did not take it
   */
  async forget(name: MarkName, key: string | undefined): Promise<void> {
    const leftAt = this.#settings.steadyNow();
    const marked = this.#stored.mark(name, { leftAt, ttlMs: Math.min(this.#settings.markLifeMs, maxTtlMs) });
    await Promise.all([marked, key === undefined ? undefined : this.remove(key)]);
  }

  /** Whether this process is the one to renew an answer. */
  mayRenew(key: string): Promise<boolean> {
    return this.#stored.mayRenew(key, this.#settings.leaseMs);
  }

  #stamped({ answer, askedAt }: DatedAnswer) {
    const { now, monotonicNow } = this.#settings;
    return answer.active ? { answer, askedAt: now() - (monotonicNow() - askedAt) } : undefined;
  }
}
