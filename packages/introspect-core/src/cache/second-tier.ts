import type { StoreOperation } from '../events/events.js';
import type { AgeClock } from '../runtime/age-clock.js';
import { maxSharedSeconds } from './cache-options.js';
import { type ForgetMarks, type MarkName, markSlackMs } from './forget-marks.js';
import { type CacheStore, isMarkKey, type StampedToken, StoredAnswers } from './stored-answers.js';
import { type DatedAnswer, expiryOf, type TokenCache } from './token-cache.js';

/** As long as some process may use an answer, whatever its settings. */
const markTtlMs = maxSharedSeconds * 1000 + markSlackMs;

export interface SecondTierSettings {
  now: () => number;
  age: AgeClock;
  /** The wall clock, but never going back: by it the age of another process's answer is known. */
  steadyNow: () => number;
  /** How long an answer may be of use, at most. */
  lifeMs: number;
  leaseMs: number;
  keyOf: (text: string) => string | Promise<string>;
  failed: (operation: StoreOperation) => void;
}

/**
 * What goes from the store, which processes share, into the cache of this one, and back. Each answer there has the stamp of
 * the process that asked for it, by its wall clock; here that becomes an age.
 */
export class SecondTier {
  readonly #stored: StoredAnswers;
  readonly #cache: TokenCache;
  readonly #marks: ForgetMarks;
  readonly #settings: SecondTierSettings;
  /** For each key the looks that are being taken, and whether there was news meanwhile. */
  readonly #reading = new Map<string, Set<{ hadNews: boolean }>>();

  constructor(store: CacheStore, cache: TokenCache, marks: ForgetMarks, settings: SecondTierSettings) {
    this.#stored = new StoredAnswers(store, settings);
    this.#cache = cache;
    this.#marks = marks;
    this.#settings = settings;
    const tier = new WeakRef(this); // a store that is shared must not keep what nobody uses any more
    const end = this.#stored.onNews((key) => {
      const told = tier.deref();
      if (told === undefined) end?.();
      else told.#heard(key);
    });
  }

  #heard(key: unknown): void {
    if (typeof key !== 'string' || key === '' || isMarkKey(key)) this.#cache.rereadAll();
    else this.#cache.reread(key);
    for (const look of this.#reading.get(String(key)) ?? []) look.hadNews = true;
  }

  /** Whether the store had an answer, which the cache now has. What others have forgotten, this process then has, too. */
  async read(key: string): Promise<boolean> {
    const { age, steadyNow } = this.#settings;
    const { generation } = this.#cache;
    const known = this.#cache.known(key);
    const look = { hadNews: false };
    const looks = this.#reading.get(key) ?? new Set();
    this.#reading.set(key, looks.add(look));
    const reading = await this.#stored.read(key, known && this.#stamped(known));
    looks.delete(look);
    if (looks.size === 0) this.#reading.delete(key);
    // What is doubted stays, since the doubt must: an older answer could take its place.
    if (reading?.knownIsForgotten && known?.isDoubted === false && this.#cache.known(key) === known) {
      this.#cache.drop(key);
    }
    if (reading?.stored === undefined || look.hadNews) return false;
    const { answer, stamp } = reading.stored;
    const now = steadyNow();
    // If the other process's clock is ahead, the age of its response is unknown.
    if (now < stamp || this.#marks.forgetsStamped(key, answer, stamp)) return false;
    const { order } = this.#marks;
    return this.#cache.adopt(key, { answer, ...age.requestTimeOf(stamp, now), order, generation });
  }

  /** Puts an active answer there. */
  async share(key: string, asked: DatedAnswer): Promise<void> {
    const { now, age, steadyNow, lifeMs } = this.#settings;
    const answer = this.#stamped(asked);
    if (answer === undefined) return;
    steadyNow(); // sees the time by which the stamp was made
    const ttlMs = Math.floor(Math.min(lifeMs - age.ageMs(asked), expiryOf(answer.answer) - now()));
    if (ttlMs > 0) await this.#stored.write(key, answer, ttlMs);
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
    const marked = this.#stored.mark(name, { leftAt, ttlMs: markTtlMs });
    await Promise.all([marked, key === undefined ? undefined : this.remove(key)]);
  }

  /** Whether this process is the one to renew an answer. */
  mayRenew(key: string): Promise<boolean> {
    return this.#stored.mayRenew(key, this.#settings.leaseMs);
  }

  #stamped(asked: DatedAnswer): StampedToken | undefined {
    const { answer } = asked;
    return answer.active ? { answer, stamp: this.#settings.age.stampOf(asked) } : undefined;
  }
}
