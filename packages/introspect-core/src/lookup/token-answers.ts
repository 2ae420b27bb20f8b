import type { CacheSettings } from '../cache/cache-options.js';
import { ForgetMarks, type ForgetTarget, forgetTarget, type MarkName, markSlackMs } from '../cache/forget-marks.js';
import { questionKey } from '../cache/question-key.js';
import { SecondTier } from '../cache/second-tier.js';
import { type DatedAnswer, TokenCache } from '../cache/token-cache.js';
import { hasMetRateLimit, type IntrospectionClient, settingsOf } from '../client/introspection-client.js';
import type { IntrospectionClientSettings } from '../client/introspection-client-options.js';
import { isShed } from '../client/question-limits.js';
import { type InvalidTokenReason, isIntrospectionError } from '../errors/errors.js';
import { lateAnswer } from '../errors/late-answer.js';
import type { IntrospectEvent, Priority, StoreOperation } from '../events/events.js';
import type { IntrospectionResponse } from '../protocol/introspection-response.js';
import type { RequestContext } from '../request/request-context.js';
import { AgeClock, type Moment } from '../runtime/age-clock.js';
import { withDeadline } from '../runtime/deadline.js';
import { delay } from '../runtime/delay.js';
import { steadyClock } from '../runtime/steady-clock.js';
import { unlessAborted } from '../runtime/unless-aborted.js';
import { afterAnswer } from '../runtime/workerd.js';
import type { Lookouts } from './prefilter.js';
import { SingleFlight } from './single-flight.js';

/** For how long guards that see one `native` belong to one request: a bound, should it outlive that. */
const sameRequestMs = 5000;
/** A fault of the server's own that lasts a second is over when the token is asked about again, so much later. */
const blipMs = 1000;
const blipJitterMs = 250;
/**
 * How often an introspection is repeated because of `forget`: without a limit, repeated calls would starve good tokens.
 */
const maxRepeats = 3;

/** What an authorizer itself tells, and counts; what its client tells names a server. */
type AnswerEvent = Exclude<IntrospectEvent, { origin: string }>;

/** What an authorizer has done since it was made, and what it keeps. */
export interface AnswerStats {
  /** As the events of these names. */
  readonly answers: Readonly<Record<AnswerEvent['type'], number>>;
  /** What is kept in this process; some of it may have ended. */
  readonly entries: { readonly active: number; readonly inactive: number };
}

/** What the server said, or the reason for which the prefilter refused the token. */
type TokenAnswer = IntrospectionResponse | InvalidTokenReason;

/** A token, and the request that brought it. */
interface Question {
  readonly key: string;
  readonly token: string;
  readonly request: RequestContext;
  readonly maxStalenessMs: number;
  /** When the HTTP request came: when the first of its guards was called. */
  readonly arrival: Moment;
  /** The deadline of the request, by the monotonic clock. */
  readonly endsAt: number;
  /** How many marks existed when the request came. */
  readonly marksBefore: number;
}

/** A response of the server, and how it may be used. */
interface Asked {
  readonly asked: DatedAnswer;
  /** When it was requested. */
  readonly requested: Moment;
  /**
   * Whether `forget` has caused all repeats that it may cause. Then the response is used even if it was forgotten
   * again.
   */
  readonly isLast: boolean;
  /** The work of telling the second tier, which nobody need wait for. */
  readonly told: Promise<void> | undefined;
}

/**
 * What the server says of a token: as it said a while ago, as it is being asked already, or asked now.
 *
 * Judges nothing: what is kept and shared is the server's answer.
 */
export class TokenAnswers {
  readonly #client: IntrospectionClient;
  readonly #settings: IntrospectionClientSettings;
  readonly #keyOf: (token: string) => string | Promise<string>;
  readonly #marks: ForgetMarks;
  readonly #cache: TokenCache | undefined;
  readonly #secondTier: SecondTier | undefined;
  readonly #counts: Record<AnswerEvent['type'], number> = {
    hit: 0,
    miss: 0,
    coalesced: 0,
    stale: 0,
    refreshed: 0,
    flipped: 0,
    forgotten: 0,
    store_failed: 0,
    refused: 0,
    keys_failed: 0,
    inactive_explained: 0,
    too_large_to_cache: 0,
  };
  /** This platform has no hash that is there at once, as it turned out. */
  #keysTakeTime = false;
  readonly #lookouts: Lookouts;
  readonly #age: AgeClock;
  readonly #questions: SingleFlight<Asked | InvalidTokenReason, Moment>;
  readonly #reads = new SingleFlight<boolean>(() => true);
  /** For each framework request: when it came, and the response for it, which its other guards use as well. */
  readonly #ofRequest = new WeakMap<object, { readonly arrival: Moment; answered?: { key: string } & Asked }>();

  /** @param cache absent: nothing is kept */
  constructor(client: IntrospectionClient, cache: CacheSettings | undefined, lookouts: Lookouts = {}) {
    const settings = settingsOf(client);
    const { now, monotonicNow, timeoutMs } = settings;
    this.#client = client;
    this.#lookouts = lookouts;
    this.#settings = settings;
    this.#keyOf = questionKey(settings);
    const age = new AgeClock(settings);
    this.#age = age;
    this.#questions = new SingleFlight(() => age.moment());
    const lifeMs = Math.max(cache?.maxAgeMs ?? 0, cache?.staleIfErrorMs ?? 0);
    const markLifeMs = lifeMs + markSlackMs;
    const steadyNow = steadyClock(settings, markLifeMs);
    this.#marks = new ForgetMarks({ monotonicNow, steadyNow }, markLifeMs);
    if (cache === undefined) return;
    this.#cache = new TokenCache(cache, { now, monotonicNow, steadyNow, age }, this.#marks);
    if (cache.store === undefined) return;
    this.#secondTier = new SecondTier(cache.store, this.#cache, this.#marks, {
      now,
      steadyNow,
      age,
      lifeMs,
      leaseMs: Math.max(1, Math.floor(Math.min(timeoutMs, cache.refreshAfterMs))),
      keyOf: this.#keyOf,
      failed: (operation: StoreOperation) => this.note({ type: 'store_failed', operation }),
    });
  }

  /** The answer that is kept here, if it serves without a question, a look into the store or a renewal: the usual case. */
  atHand(token: string, maxStalenessMs: number): IntrospectionResponse | undefined {
    if (this.#cache === undefined || this.#keysTakeTime) return undefined;
    const key = this.#keyOf(token);
    this.#keysTakeTime = typeof key !== 'string';
    const kept = typeof key === 'string' ? this.#cache.fresh(key, maxStalenessMs) : undefined;
    if (kept === undefined || this.#cache.isDue(kept)) return undefined;
    this.note({ type: 'hit', active: kept.answer.active });
    return kept.answer;
  }

  /**
   * Returns a response about a token that was requested after the HTTP request came, or less than `maxStalenessMs`
   * before.
   *
   * @throws IntrospectionError, or `signal.reason` of the request
   */
  async about(token: string, request: RequestContext, maxStalenessMs: number): Promise<TokenAnswer> {
    const arrival = this.#arrivalOf(request);
    const marksBefore = this.#marks.order;
    const endsAt = this.#settings.monotonicNow() + this.#settings.timeoutMs;
    const made = this.#keyOf(token);
    const key = typeof made === 'string' ? made : await made;
    const question: Question = { key, token, request, maxStalenessMs, arrival, endsAt, marksBefore };
    return (
      this.#fromSameRequest(question) ??
      (await this.#fromCache(question)) ??
      (await this.#fromStore(question)) ??
      this.#fromServer(question)
    );
  }

  /**
   * Forgets what is known, and what was asked before this call and is not answered yet.
   *
   * Holds here at once, and by way of the store in other processes that ask in the same way.
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
    this.note({ type: 'forgotten', by: kind });
    await this.#secondTier?.forget(name, kind === 'token' ? named : undefined);
  }

  /** What was done so far, and what is kept. */
  stats(): AnswerStats {
    return { answers: { ...this.#counts }, entries: this.#cache?.entries ?? { active: 0, inactive: 0 } };
  }

  /** Counts an event, and tells it to those who listen. */
  note(event: AnswerEvent): void {
    this.#counts[event.type]++;
    if (this.#settings.events.heard) this.#settings.events.tell(event);
  }

  /** An answer that is due for renewal serves once more, while one question renews it. */
  async #fromCache(question: Question, justRead = false): Promise<TokenAnswer | undefined> {
    const { key, request, maxStalenessMs } = question;
    const kept = this.#cache?.fresh(key, maxStalenessMs, justRead);
    if (kept === undefined) return undefined;
    const wait = this.#cache?.takeRenewal(kept) ? afterAnswer(this.#renew(question), request) : undefined;
    if (wait !== undefined) await unlessAborted(wait, request.signal);
    const { answer } = wait === undefined ? kept : (this.#cache?.fresh(key, maxStalenessMs, justRead) ?? {});
    if (answer === undefined) return this.#fromServer(question);
    this.note({ type: 'hit', active: answer.active });
    return answer;
  }

  #fromSameRequest(question: Question): IntrospectionResponse | undefined {
    const { key, request } = question;
    const known = isObject(request.native) ? this.#ofRequest.get(request.native)?.answered : undefined;
    if (known?.key !== key || !this.#isNewEnough(question)(known.requested)) return undefined;
    return this.#marks.forgets(key, known.asked) ? undefined : known.asked.answer;
  }

  /** Returns when the HTTP request came: when the first guard with the same `native` was called. */
  #arrivalOf({ native }: RequestContext): Moment {
    const now = this.#age.moment();
    if (!isObject(native)) return now;
    const seen = this.#ofRequest.get(native);
    if (seen !== undefined && this.#age.ageMs(seen.arrival, now) < sameRequestMs) return seen.arrival;
    this.#ofRequest.set(native, { arrival: now });
    return now;
  }

  /** Returns a function that tells whether the policy allows a response that was requested at a moment. */
  #isNewEnough({ arrival, maxStalenessMs }: Question): (requested: Moment) => boolean {
    return (requested) => requested.sequence > arrival.sequence || this.#age.ageMs(requested, arrival) < maxStalenessMs;
  }

  async #fromStore(question: Question): Promise<TokenAnswer | undefined> {
    if (question.maxStalenessMs === 0) return undefined;
    const justRead = await this.#lookIntoStore(question);
    return justRead ? this.#fromCache(question, justRead) : undefined;
  }

  /** What the second tier has goes into the first, by whose rules it is then used; `false` where it has nothing. */
  async #lookIntoStore({ key, request }: Question): Promise<boolean> {
    const secondTier = this.#secondTier;
    if (secondTier === undefined) return false;
    return this.#reads.join(key, { signal: request.signal }, () => secondTier.read(key));
  }

  async #fromServer(question: Question, repeats = 0): Promise<TokenAnswer> {
    const { key, request, marksBefore } = question;
    const { signal, native } = request;
    let answered: Asked | InvalidTokenReason;
    try {
      answered = await this.#join(question, repeats);
    } catch (error) {
      return this.#staleAnswer(question, error);
    }
    if (typeof answered === 'string') return answered;
    const { asked, requested, isLast, told } = answered;
    // If the wall clock was set back after the flight began, its response can be older than the flight.
    if (!this.#isNewEnough(question)(requested)) return this.#fromServer(question, repeats + 1);
    const wait = told && afterAnswer(told, request);
    if (wait !== undefined) await unlessAborted(wait, signal);
    if (this.#marks.forgets(key, asked)) {
      const mayServe = asked.order >= marksBefore && (isLast || repeats >= maxRepeats);
      if (!mayServe) return this.#fromServer(question, repeats + 1);
    }
    const seen = isObject(native) ? this.#ofRequest.get(native) : undefined;
    if (seen !== undefined) seen.answered = { key, ...answered };
    return asked.answer;
  }

  /**
   * Joins the running flight if it began late enough for this request. If not, joins the flight that begins when it
   * ends.
   *
   * Each flight has its own time limit. A request that may wait for two flights has a time limit of its own as well.
   */
  #join(question: Question, repeats: number): Promise<Asked | InvalidTokenReason> {
    const { key, request, endsAt } = question;
    const accepts = this.#isNewEnough(question);
    const { isShared, mustWait } = this.#questions.outlook(key, accepts);
    if (isShared) this.note({ type: 'coalesced' });
    else if (this.#cache !== undefined) this.note({ type: 'miss' });
    const join = (signal: AbortSignal | undefined) =>
      this.#questions.join(key, { signal, accepts }, (shared) => this.#ask(question, shared));
    if (!mustWait && repeats === 0) return join(request.signal);
    return withDeadline(this.#deadline(endsAt, request.signal), join);
  }

  /**
   * Returns a stale response in place of a failure.
   *
   * Returns none if this client rejected the request itself, or if the server recently answered 429. Then the server
   * can be reached, and a flood of requests must not keep a revoked token usable (RFC 5861 §4).
   *
   * @throws the given error if no stale response may be used
   */
  async #staleAnswer(question: Question, error: unknown): Promise<IntrospectionResponse> {
    const { key, request, maxStalenessMs } = question;
    if (!isIntrospectionError(error) || error.code !== 'unavailable' || request.signal?.aborted === true) throw error;
    if (isShed(error) || hasMetRateLimit(this.#client)) throw error;
    await this.#lookIntoStore(question); // another process may have forgotten it meanwhile
    const stale = this.#cache?.stale(key, maxStalenessMs);
    if (stale === undefined) throw error;
    this.note({ type: 'stale', ageSeconds: stale.ageMs / 1000 });
    return stale.answer;
  }

  /** Never rejects: the answer serves on, its next use tries again, and the question after its end tells what is wrong. */
  async #renew(question: Question): Promise<void> {
    const { key } = question;
    try {
      if ((await this.#secondTier?.mayRenew(key)) === false) return this.#cache?.reread(key); // another one renews it
      const answered = await this.#questions.join(key, {}, (signal) => this.#ask(question, signal));
      if (typeof answered === 'string') return;
      const { asked, told } = answered;
      this.note({ type: 'refreshed', active: asked.answer.active });
      await told;
    } catch {}
  }

  /** Asks until no doubt and no `forget` speaks against the answer, and keeps that. All of it has one deadline. */
  async #ask({ key, token, maxStalenessMs }: Question, signal: AbortSignal): Promise<Asked | InvalidTokenReason> {
    const { timeoutMs, monotonicNow } = this.#settings;
    const endsAt = monotonicNow() + timeoutMs;
    let requested = this.#age.moment();
    const ask = (signal: AbortSignal, priority: Priority) => {
      requested = this.#age.moment();
      return this.#question(token, { signal, priority, requested });
    };
    const askAgain = (priority: Priority) =>
      withDeadline(this.#deadline(endsAt, signal), (signal) => ask(signal, priority));
    const known = this.#cache?.knows(key) === true;
    if (maxStalenessMs === 0) void this.#secondTier?.read(key); // not to be used: but others may know it as active
    const { prefilter, sawInactive } = this.#lookouts;
    const isFiltered = prefilter !== undefined && !known; // what the server itself lately called active is no forgery
    const verdict = isFiltered ? await prefilter(token, signal) : 'ask';
    if (typeof verdict === 'object') return verdict.refuse;
    const priority = known ? 'first' : verdict === 'ask_last' ? 'last' : 'normal';
    let asked = await (isFiltered ? askAgain(priority) : ask(signal, priority));
    const isShared = this.#cache?.known(key) !== undefined;
    const removed = isShared && !asked.answer.active ? this.#secondTier?.remove(key) : undefined;
    if (!asked.answer.active && this.#cache?.suspect(key, asked)) {
      const leftMs = Math.max(0, endsAt - monotonicNow());
      await delay(Math.min(blipMs + blipJitterMs * Math.random(), leftMs / 2), signal);
      asked = await askAgain('first');
      this.note({ type: 'flipped', believed: !asked.answer.active });
    }
    for (let repeats = 0; repeats < maxRepeats && this.#marks.forgets(key, asked); repeats++) {
      asked = await askAgain('normal');
    }
    if (!asked.answer.active) sawInactive?.(token);
    if (this.#marks.forgets(key, asked)) return { asked, requested, isLast: true, told: removed };
    const outcome = this.#cache?.keep(key, asked);
    if (outcome === 'too_large') this.note({ type: 'too_large_to_cache' });
    const isToBeShared = outcome === 'kept' && asked.answer.active;
    return { asked, requested, isLast: false, told: isToBeShared ? this.#secondTier?.share(key, asked) : removed };
  }

  #deadline(endsAt: number, signal: AbortSignal | undefined) {
    const timeoutMs = Math.max(0, endsAt - this.#settings.monotonicNow());
    return { timeoutMs, late: () => lateAnswer(this.#settings), signal };
  }

  async #question(
    token: string,
    { signal, priority, requested }: { signal: AbortSignal; priority: Priority; requested: Moment },
  ): Promise<DatedAnswer> {
    const { askedAt, drift } = requested;
    const { order } = this.#marks;
    const generation = this.#cache?.generation ?? 0;
    return { answer: await this.#client.introspect(token, { signal, priority }), askedAt, drift, order, generation };
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
