import type { RequestContext } from './authorizer.js';
import type { CacheSettings } from './cache-options.js';
import { lateAnswer, withDeadline } from './deadline.js';
import { delay } from './delay.js';
import { isIntrospectionError } from './errors.js';
import { ForgetMarks, type ForgetTarget, forgetTarget, type MarkName } from './forget-marks.js';
import { type IntrospectionClient, settingsOf } from './introspection-client.js';
import type { IntrospectionClientSettings } from './introspection-client-options.js';
import type { IntrospectionResponse } from './introspection-response.js';
import { questionKey } from './question-key.js';
import { SingleFlight } from './single-flight.js';
import { steadyClock } from './steady-clock.js';
import { isMarkKey, StoredAnswers, type StoreOperation } from './stored-answers.js';
import { type DatedAnswer, expiryOf, TokenCache } from './token-cache.js';
import { afterAnswer } from './workerd.js';

/** How long the guards of one request share an answer: a bound, should `native` outlive its request. */
const sameRequestMs = 5000;
/** A fault of the server's own that lasts a second is over when the token is asked about again, so much later. */
const blipMs = 1000;
const blipJitterMs = 250;
/** Marks outlast the answers that they concern, and the questions that were running. */
const markSlackMs = 120_000;
const maxTtlMs = 2 ** 31 - 1;

/** A question, and how work that its answer need not wait for is gone about. */
interface Question {
  readonly key: string;
  readonly token: string;
  afterwards(work: Promise<void>): Promise<void> | undefined;
}

/**
 * What the server says of a token: as it said a while ago, as it is being asked already, or asked now.
 *
 * Judges nothing: what is kept and shared is the server's answer.
 */
export class TokenAnswers {
  readonly #client: IntrospectionClient;
  readonly #settings: IntrospectionClientSettings;
  /** By which answers and marks of several processes are compared. */
  readonly #sharedNow: () => number;
  readonly #keyOf: (token: string) => string | Promise<string>;
  readonly #marks: ForgetMarks;
  readonly #cache: TokenCache | undefined;
  readonly #stored: StoredAnswers | undefined;
  /** How long an answer may be of use, at most. */
  readonly #lifeMs: number;
  readonly #leaseMs: number;
  readonly #questions = new SingleFlight<DatedAnswer>();
  readonly #reads = new SingleFlight<boolean>();
  /** The keys that are being read from the second tier, and whether there was news of them since. */
  readonly #reading = new Map<string, boolean>();
  /** Without a cache, what was answered for a request of a framework: a second guard on it does not ask again. */
  readonly #answered = new WeakMap<object, { key: string; asked: DatedAnswer }>();

  /** @param cache absent: nothing is kept */
  constructor(client: IntrospectionClient, cache: CacheSettings | undefined) {
    const settings = settingsOf(client);
    this.#client = client;
    this.#settings = settings;
    this.#keyOf = questionKey(settings);
    this.#lifeMs = Math.max(cache?.maxAgeMs ?? 0, cache?.staleIfErrorMs ?? 0);
    this.#leaseMs = Math.max(1, Math.floor(Math.min(settings.timeoutMs, cache?.refreshAfterMs ?? 0)));
    this.#sharedNow = steadyClock(settings);
    const clocks = { now: settings.now, monotonicNow: settings.monotonicNow, sharedNow: this.#sharedNow };
    this.#marks = new ForgetMarks(clocks, this.#lifeMs + markSlackMs);
    if (cache === undefined) return;
    const kept = new TokenCache(cache, clocks, this.#marks);
    this.#cache = kept;
    if (cache.store === undefined) return;
    const failed = (operation: StoreOperation) => settings.onEvent?.({ type: 'store_failed', operation });
    this.#stored = new StoredAnswers(cache.store, { now: this.#sharedNow, keyOf: this.#keyOf, failed });
    this.#stored.onNews((key) => {
      if (isMarkKey(key)) kept.rereadAll();
      else kept.reread(key);
      if (this.#reading.has(key)) this.#reading.set(key, true);
    });
  }

  /**
   * The answer about a token: younger than `maxStalenessMs`, or as old as its question took.
   *
   * @throws IntrospectionError, or `signal.reason` of the request
   */
  async about(token: string, request: RequestContext, maxStalenessMs: number): Promise<IntrospectionResponse> {
    const made = this.#keyOf(token);
    const key = typeof made === 'string' ? made : await made;
    const question = { key, token, afterwards: (work: Promise<void>) => afterAnswer(work, request) };
    return (
      (await this.#fromCache(question, maxStalenessMs)) ??
      this.#fromSameRequest(question, request, maxStalenessMs) ??
      (await this.#fromStore(question, request, maxStalenessMs)) ??
      this.#fromServer(question, request, maxStalenessMs)
    );
  }

  /**
   * Forgets what is known, and what was asked before this call and is not answered yet.
   *
   * Holds in this process at once, and by way of the store in the others.
   *
   * @throws TypeError for a target that is none
   * @throws UnavailableError when the store could not be told; this process has forgotten all the same
   */
  async forget(target: ForgetTarget): Promise<void> {
    const [kind, value] = forgetTarget(target);
    const made = kind === 'token' ? this.#keyOf(value) : value;
    const named = typeof made === 'string' ? made : await made;
    const name: MarkName = `${kind}:${named}`;
    this.#marks.leave(name);
    if (kind === 'token') this.#cache?.drop(named);
    if (kind === 'all') this.#cache?.clear();
    this.#settings.onEvent?.({ type: 'forgotten', by: kind });
    const ttlMs = Math.min(this.#lifeMs + markSlackMs, maxTtlMs);
    await Promise.all([this.#stored?.mark(name, ttlMs), kind === 'token' ? this.#stored?.remove(named) : undefined]);
  }

  /** An answer that is due for renewal serves once more, while one question renews it. */
  async #fromCache(
    question: Question,
    maxStalenessMs: number,
    justRead = false,
  ): Promise<IntrospectionResponse | undefined> {
    const kept = this.#cache?.fresh(question.key, maxStalenessMs, justRead);
    if (kept === undefined) return undefined;
    this.#settings.onEvent?.({ type: 'hit', active: kept.answer.active });
    const renewed = this.#cache?.takeRenewal(kept) ? question.afterwards(this.#renew(question)) : undefined;
    if (renewed === undefined) return kept.answer;
    await renewed;
    return this.#cache?.fresh(question.key, maxStalenessMs, justRead)?.answer;
  }

  #fromSameRequest(
    { key }: Question,
    { native }: RequestContext,
    maxStalenessMs: number,
  ): IntrospectionResponse | undefined {
    if (this.#cache !== undefined || typeof native !== 'object' || native === null) return undefined;
    const known = this.#answered.get(native);
    if (known?.key !== key || this.#marks.forgets(key, known.asked)) return undefined;
    const ageMs = this.#settings.monotonicNow() - known.asked.askedAt;
    return ageMs < Math.min(sameRequestMs, maxStalenessMs) ? known.asked.answer : undefined;
  }

  /** What the second tier has goes into the first, by whose rules it is then used. */
  async #fromStore(
    question: Question,
    { signal }: RequestContext,
    maxStalenessMs: number,
  ): Promise<IntrospectionResponse | undefined> {
    const [stored, cache] = [this.#stored, this.#cache];
    if (stored === undefined || cache === undefined || maxStalenessMs === 0) return undefined;
    const { key } = question;
    const justRead = await this.#reads.join(key, signal, () => this.#read(key, stored, cache));
    return justRead ? this.#fromCache(question, maxStalenessMs, justRead) : undefined;
  }

  /** Whether the second tier had an answer, which the first one now has. */
  async #read(key: string, stored: StoredAnswers, cache: TokenCache): Promise<boolean> {
    const { monotonicNow } = this.#settings;
    const { generation } = cache;
    const known = cache.known(key);
    const ageOfKnownMs = monotonicNow() - (known?.askedAt ?? 0);
    this.#reading.set(key, false);
    const reading = await stored.read(
      key,
      known?.answer.active ? { answer: known.answer, askedAt: this.#sharedNow() - ageOfKnownMs } : undefined,
    );
    const isOldNews = this.#reading.get(key);
    this.#reading.delete(key);
    if (reading?.knownIsForgotten && cache.known(key) === known) cache.drop(key);
    if (reading?.stored === undefined || isOldNews) return false;
    const { answer, askedAt } = reading.stored;
    const ageMs = this.#sharedNow() - askedAt;
    // Below zero: the other process's clock is ahead, and nobody knows how old it is.
    if (ageMs < 0 || this.#marks.forgetsSince(key, answer, askedAt)) return false;
    return cache.adopt(key, { answer, askedAt: monotonicNow() - ageMs, order: this.#marks.order, generation });
  }

  async #fromServer(
    question: Question,
    { signal, native }: RequestContext,
    maxStalenessMs: number,
  ): Promise<IntrospectionResponse> {
    const { key } = question;
    if (this.#questions.has(key)) this.#settings.onEvent?.({ type: 'coalesced' });
    else if (this.#cache !== undefined) this.#settings.onEvent?.({ type: 'miss' });
    try {
      const asked = await this.#questions.join(key, signal, (shared) => this.#ask(question, shared));
      if (this.#cache === undefined && typeof native === 'object' && native !== null)
        this.#answered.set(native, { key, asked });
      return asked.answer;
    } catch (error) {
      const unreachable = isIntrospectionError(error) && error.code === 'unavailable' && signal?.aborted !== true;
      const stale = unreachable ? this.#cache?.stale(key, maxStalenessMs) : undefined;
      if (stale === undefined) throw error;
      this.#settings.onEvent?.({ type: 'stale', ageSeconds: stale.ageMs / 1000 });
      return stale.answer;
    }
  }

  /** Never rejects: the answer serves on, its next use tries again, and the question after its end tells what is wrong. */
  async #renew({ key, token }: Question): Promise<void> {
    try {
      if ((await this.#stored?.mayRenew(key, this.#leaseMs)) === false) return;
      const question: Question = { key, token, afterwards: (work) => work };
      const { answer } = await this.#questions.join(key, undefined, (signal) => this.#ask(question, signal));
      this.#settings.onEvent?.({ type: 'refreshed', active: answer.active });
    } catch {}
  }

  /** Asks under one deadline, keeps what is to be believed, and tells the second tier, which nobody need wait for. */
  async #ask(question: Question, callers: AbortSignal): Promise<DatedAnswer> {
    const { timeoutMs } = this.#settings;
    const deadline = { timeoutMs, late: () => lateAnswer(this.#settings), signal: callers };
    const { asked, isKept } = await withDeadline(deadline, (signal) => this.#believable(question, signal));
    if (isKept) await this.#afterwards(question, (stored) => this.#share(question.key, asked, stored));
    return asked;
  }

  /** An answer that no doubt and no `forget` speaks against. */
  async #believable(question: Question, signal: AbortSignal): Promise<{ asked: DatedAnswer; isKept: boolean }> {
    const { key, token } = question;
    const { timeoutMs, monotonicNow, onEvent } = this.#settings;
    const startedAt = monotonicNow();
    let asked = await this.#question(token, signal);
    if (!asked.answer.active && this.#cache?.suspect(key, asked)) {
      const removed = this.#afterwards(question, (stored) => stored.remove(key));
      const leftMs = timeoutMs - (monotonicNow() - startedAt);
      await delay(Math.min(blipMs + blipJitterMs * Math.random(), leftMs / 2), signal);
      await removed;
      asked = await this.#question(token, signal);
      onEvent?.({ type: 'flipped', believed: !asked.answer.active });
    }
    while (this.#marks.forgets(key, asked)) asked = await this.#question(token, signal);
    return { asked, isKept: this.#cache?.keep(key, asked) === true };
  }

  #afterwards(question: Question, work: (stored: StoredAnswers) => Promise<void>): Promise<void> | undefined {
    return this.#stored && question.afterwards(work(this.#stored));
  }

  async #question(token: string, signal: AbortSignal): Promise<DatedAnswer> {
    const askedAt = this.#settings.monotonicNow();
    const { order } = this.#marks;
    const generation = this.#cache?.generation ?? 0;
    return { answer: await this.#client.introspect(token, { signal }), askedAt, order, generation };
  }

  async #share(key: string, { answer, askedAt }: DatedAnswer, stored: StoredAnswers): Promise<void> {
    if (!answer.active) return stored.remove(key);
    const ageMs = this.#settings.monotonicNow() - askedAt;
    const ttlMs = Math.floor(Math.min(this.#lifeMs - ageMs, expiryOf(answer) - this.#settings.now(), maxTtlMs));
    if (ttlMs > 0) await stored.write(key, answer, { askedAt: this.#sharedNow() - ageMs, ttlMs });
  }
}
