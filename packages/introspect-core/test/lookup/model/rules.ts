import type { ActiveToken } from '../../../src/index.js';
import type { History, Question, Request, Thread } from './history.js';

/** Milliseconds that a slow store may lag behind. */
const storeLagMs = 500;

/** The rules of the cache, put to every answer that a request got. */
export class Rules {
  readonly #history: History;
  /** What has served without a question since an answer of this kind came in: no more than can be kept. */
  readonly #served: readonly Record<'active' | 'inactive', Set<number>>[];

  constructor(history: History) {
    this.#history = history;
    this.#served = [0, 1].map(() => ({ active: new Set(), inactive: new Set() }));
  }

  /** An answer came in, which may evict others. */
  changed({ process, outcome }: Question): void {
    if (outcome === 'active' || outcome === 'inactive') this.#served[process]?.[outcome].clear();
  }

  /** Why a request must not be served by an answer, if it must not. */
  served(request: Request, token: ActiveToken): string | undefined {
    const { time, questions } = this.#history;
    if (!Object.isFrozen(token) || !Object.isFrozen(token.nested)) return 'it is not frozen';
    const question = questions[Number(token.question)];
    if (question?.outcome !== 'active' || question.ended === undefined) return 'the server did not answer so';
    if (question.token !== request.token) return 'it is about another token';
    if (token.exp !== undefined && time.wall >= token.exp * 1000) return 'it has expired';
    const thread = this.#history.thread(request);
    const isOwn = this.#isOwn(request, question);
    const isForgotten = thread.forgotten > question.asked.order && this.#isDated(question);
    if (isForgotten && !this.#mayServeForgotten(request, question)) return 'it was forgotten';
    const { lastInactive } = thread;
    if (lastInactive !== undefined && this.#isNewer(lastInactive, question, isOwn)) {
      return `question ${lastInactive.number} was answered inactive since`;
    }
    if (isOwn) return this.#tooEarly(request, question);
    return this.#reused(request, question) ?? this.#counted(request, 'active');
  }

  /** Why a request must not be refused as inactive, if it must not. */
  refusedInactive(request: Request): string | undefined {
    const { setting } = this.#history;
    const thread = this.#history.thread(request);
    const isAfterForget = (each: Question) =>
      each.asked.order > thread.forgottenAsToken || this.#mayServeForgotten(request, each);
    const isOwnInactive = (each: Question) => each.outcome === 'inactive' && this.#isOwn(request, each);
    const candidates = thread.ended.filter((each) => isOwnInactive(each) && isAfterForget(each));
    // When introspections run in parallel, not every response that arrives meanwhile is for this request.
    const question =
      candidates.find((each) => this.#tooEarly(request, each) === undefined) ?? candidates[0] ?? thread.lastInactive;
    if (question?.ended === undefined) return 'the server never answered so';
    if (!isAfterForget(question)) return 'that was forgotten';
    if (!question.confirmed) return 'the server was to be asked once more';
    if (this.#isOwn(request, question)) {
      thread.believed = question;
      return this.#tooEarly(request, question);
    }
    const ageMs = this.#history.ageMs(question);
    if (ageMs >= setting.cache.inactiveMaxAgeSeconds * 1000) return `the answer is ${ageMs} ms old`;
    if (ageMs >= request.maxResponseAgeMs) return `the answer is ${ageMs} ms old, older than the policy allows`;
    const { lastAnswer } = thread;
    const isAsNew = (each: Question) =>
      each.outcome === 'inactive' && each.asked.elapsed >= (lastAnswer?.asked.elapsed ?? 0);
    if (lastAnswer !== undefined && !thread.ended.some(isAsNew) && this.#isKept(lastAnswer)) {
      return 'the server has answered active since';
    }
    return this.#counted(request, 'inactive');
  }

  /** Why a request must not be refused by a fault, if it must not. */
  refused(request: Request, code: string, reason: string | undefined): string | undefined {
    const ended = this.#justEnded(request);
    if (code !== 'invalid_token')
      return ended.some(({ outcome }) => outcome === code) || this.#isLate(request, code)
        ? undefined
        : 'that was no fault';
    const { wall } = this.#history.time;
    const hasExpired = ended.some(({ outcome, endsAt }) => outcome === 'active' && wall >= endsAt);
    return reason === 'expired' && hasExpired ? undefined : 'the server did not answer so';
  }

  /** What a new request can be served by without a question. Where that is not certain, nothing. */
  known(process: number, token: number, maxResponseAgeMs: number): Question | undefined {
    const { setting, isRoomy } = this.#history;
    const thread = this.#history.thread({ process, token });
    const answer = setting.store === undefined ? thread.lastAnswer : this.#shared(thread, { process, token });
    if (answer?.ended === undefined || !isRoomy || setting.isWorkerd) return undefined;
    const isActive = answer.outcome === 'active';
    const { maxAgeSeconds, inactiveMaxAgeSeconds } = setting.cache;
    const maxAgeMs = (isActive ? maxAgeSeconds : inactiveMaxAgeSeconds) * 1000;
    if (this.#history.ageMs(answer) >= Math.min(maxAgeMs, maxResponseAgeMs)) return undefined;
    if (!isActive) {
      return thread.believed === answer && thread.forgottenAsToken < answer.asked.order ? answer : undefined;
    }
    return this.#isKept(answer) && thread.forgotten < answer.asked.order ? answer : undefined;
  }

  /** Returns why a response may not be used for a waiting request: it was requested earlier than the policy allows. */
  #tooEarly({ began, maxResponseAgeMs }: Request, question: Question): string | undefined {
    if (question.asked.order > began.order || this.#history.ageMs(question, began) < maxResponseAgeMs) return undefined;
    return 'it was requested earlier than the policy allows';
  }

  /**
   * Returns whether the request's own time limit has passed: it may have waited for an introspection that began too
   * early.
   */
  #isLate({ began }: Request, code: string): boolean {
    const { time, setting } = this.#history;
    return code === 'unavailable' && time.elapsed - began.elapsed >= setting.timeoutMs;
  }

  /**
   * Returns whether a response may be used although it was forgotten: it is the fourth that the request waited for, and
   * was requested after each `forget` that had ended before the request came.
   */
  #mayServeForgotten(request: Request, question: Question): boolean {
    const isOwn = this.#isOwn(request, question);
    return isOwn && request.forgottenBefore < question.asked.order && this.#isFourth(question);
  }

  /** Returns whether a response and the three before it were forgotten, each before the next was requested. */
  #isFourth(question: Question): boolean {
    const { questions, setting } = this.#history;
    const { forgets } = this.#history.thread(question);
    const isSame = ({ process, token }: Question) => process === question.process && token === question.token;
    const asked = questions.filter((each) => isSame(each) && each.number <= question.number).reverse();
    // On workerd, introspections of other requests may be in between.
    const last = setting.isWorkerd ? asked : asked.slice(0, 4);
    const isForgotten = ({ asked: { order } }: Question, index: number) => {
      const next = setting.isWorkerd ? Infinity : (last[index - 1]?.asked.order ?? Infinity);
      return forgets.some((each) => order < each && each < next);
    };
    return last.filter(isForgotten).length >= 4;
  }

  /** Whether an active answer has certainly not been evicted, nor ended by any clock at any time, nor been forgotten. */
  #isKept(answer: Question): boolean {
    const { lastStep, isRoomy } = this.#history;
    if (!isRoomy) return false;
    if (answer.endsAt !== Infinity && lastStep > (answer.ended?.order ?? 0)) return false;
    return this.#history.thread(answer).forgotten < answer.asked.order && !this.#history.hasExpired(answer);
  }

  /** The questions whose outcome decides now; after it the store may have been waited for. */
  #justEnded(request: Request): Question[] {
    const { time, storeEverFailed, storeEverSlow } = this.#history;
    const lagMs = storeEverFailed || storeEverSlow ? storeLagMs : 0;
    return this.#history
      .thread(request)
      .ended.filter(({ ended }) => ended?.tick === time.tick || (ended?.elapsed ?? 0) >= time.elapsed - lagMs);
  }

  /** Whether an inactive answer is newer than an active one, which then must not serve. */
  #isNewer(inactive: Question, active: Question, isOwn: boolean): boolean {
    if (inactive.asked.order < active.asked.order || !this.#isRemembered(inactive, active)) return false;
    // Where questions run side by side, each request gets the answer to its own.
    return !this.#history.setting.isWorkerd || (!isOwn && inactive.asked.elapsed > active.asked.elapsed);
  }

  /** Whether an answer came in, here, while a request waited. */
  #isOwn({ process, began }: Request, question: Question): boolean {
    return question.process === process && question.ended !== undefined && question.ended.order > began.order;
  }

  /** An answer from the cache, or from the store. */
  #reused(request: Request, question: Question): string | undefined {
    const { time, setting } = this.#history;
    if (time.wall >= question.endsAt) return 'it has expired by the wall clock';
    if (!this.#isDated(question)) return undefined;
    if (this.#history.hasExpired(question)) return 'it has expired by the monotonic clock';
    if (this.#isForgottenElsewhere(request, question)) return 'another process forgot it';
    const ageMs = this.#history.ageMs(question);
    if (ageMs >= request.maxResponseAgeMs) return `it is ${ageMs} ms old, older than the policy allows`;
    if (ageMs < setting.cache.maxAgeSeconds * 1000) return undefined;
    if (ageMs > setting.cache.maxAgeIfErrorSeconds * 1000) return `it is ${ageMs} ms old, older than the cache allows`;
    const isUnreachable = this.#justEnded(request).some(({ outcome }) => outcome === 'unavailable');
    return isUnreachable || this.#isLate(request, 'unavailable')
      ? undefined
      : `it is ${ageMs} ms old, and the server was not unreachable`;
  }

  /** Whether another process forgot an answer so long ago that this one has looked into the store since. */
  #isForgottenElsewhere(request: Request, question: Question): boolean {
    const { time, setting, storeEverSlow, storeEverFailed } = this.#history;
    if (storeEverFailed) return false;
    const hears = setting.store === 'notifies' || setting.store === 'both';
    const localMs = (hears ? 0 : setting.cache.localMaxAgeSeconds * 1000) + (storeEverSlow ? storeLagMs : 0);
    const keptAt = question.process === request.process ? (question.ended?.elapsed ?? 0) : 0;
    return this.#history
      .thread(request)
      .forgottenElsewhere.some(
        ({ asOf, stored }) =>
          asOf.order > question.asked.order &&
          stored.order < request.began.order &&
          time.elapsed >= Math.max(stored.elapsed, keptAt) + localMs,
      );
  }

  /** An answer that every process can have from the store, if it has never failed. */
  #shared(thread: Thread, of: { process: number; token: number }): Question | undefined {
    const { lastStep, storeEverFailed, storeEverSlow } = this.#history;
    if (storeEverFailed || storeEverSlow || lastStep > 0) return undefined;
    const other = this.#history.elsewhere(of);
    const answer = other.lastAnswer;
    if (answer?.outcome !== 'active' || answer.ended === undefined || other.forgotten > 0) return undefined;
    if (thread.forgotten > 0 || other.running !== undefined || thread.running !== undefined) return undefined;
    const own = thread.ended[0]?.ended?.elapsed ?? -1;
    const isLatest = other.ended.every((each) => each === answer || each.asked.elapsed < answer.asked.elapsed);
    return isLatest && own < answer.asked.elapsed && other.ended[0] === answer ? answer : undefined;
  }

  /** For the age of what comes by way of the store there is only the wall clock's word. */
  #isDated({ asked }: Question): boolean {
    const { setting, lastStep } = this.#history;
    return setting.store === undefined || lastStep < asked.order;
  }

  /** What a process has evicted, or replaced by an answer that ended at once, it knows no better than the store does. */
  #isRemembered(inactive: Question, active: Question): boolean {
    const { setting, isRoomy } = this.#history;
    if (setting.store === undefined) return isRoomy || !setting.isWorkerd;
    return isRoomy && this.#isDated(active) && this.#history.thread(inactive).lastAnswer === inactive;
  }

  #counted({ process, token }: Request, kind: 'active' | 'inactive'): string | undefined {
    const { setting } = this.#history;
    if (setting.store !== undefined) return undefined;
    const served = this.#served[process]?.[kind].add(token);
    const kept = served?.size ?? 0;
    return kept > setting.cache.maxEntries ? `${kept} ${kind} answers are kept` : undefined;
  }
}
