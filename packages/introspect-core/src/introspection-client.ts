import { CircuitBreaker, type Outcome } from './circuit-breaker.js';
import { lateAnswer, withDeadline } from './deadline.js';
import { delay } from './delay.js';
import { InvalidClientError, InvalidTokenError, isIntrospectionError, UnavailableError } from './errors.js';
import type { QuestionOutcome } from './events.js';
import {
  type IntrospectionClientOptions,
  type IntrospectionClientSettings,
  introspectionClientSettings,
} from './introspection-client-options.js';
import { hasSameCredentials, type IntrospectionRequest, introspectionRequest } from './introspection-request.js';
import { type IntrospectionResponse, readIntrospectionResponse } from './introspection-response.js';
import { type Priority, QuestionLimits } from './question-limits.js';
import { Retries } from './retries.js';
import { type EndpointDiscovery, endpointDiscovery } from './server-metadata.js';
import { transient } from './transient.js';
import { send } from './transport.js';

/** For the `Authorizer` alone, which goes by its client's clocks; nobody else can look into a client. */
export let settingsOf: (client: IntrospectionClient) => IntrospectionClientSettings;

/** What a client has done since it was made, and how it stands. */
export interface ClientStats {
  /** Attempts, retries included, by how they ended. */
  readonly questions: Readonly<Record<QuestionOutcome, number>>;
  /** Questions that `limits` turned away. */
  readonly shed: number;
  /** Questions that are being asked, and that wait for their turn. */
  readonly running: number;
  readonly waiting: number;
  readonly circuitBreaker: 'closed' | 'open' | 'half_open' | 'off';
}

/** One question, from its first attempt to its last. */
interface Question {
  readonly token: string;
  readonly priority: Priority;
  readonly signal: AbortSignal | undefined;
  /** Of the deadline over all attempts. */
  leftMs(): number;
  attempt: number;
  /** What was sent last. */
  request?: IntrospectionRequest;
  refused?: boolean;
  /** What is to be sent next, after a refusal. */
  renewed?: IntrospectionRequest | undefined;
  /** What it means for the breaker if the attempt fails at this moment. */
  failureMeans: Outcome;
}

/**
 * Asks an authorization server about tokens (RFC 7662). Nothing is cached or judged: whether an active token has expired,
 * or is meant for another API, is for the caller to check.
 *
 * Retries, limits and the circuit breaker are its own, and shared by all who use it.
 */
export class IntrospectionClient {
  static {
    settingsOf = (client) => client.#settings;
  }

  readonly #settings: IntrospectionClientSettings;
  readonly #endpoint: EndpointDiscovery;
  readonly #retries: Retries;
  readonly #breaker: CircuitBreaker | undefined;
  readonly #limits: QuestionLimits | undefined;
  readonly #questions: Record<QuestionOutcome, number> = {
    active: 0,
    inactive: 0,
    unavailable: 0,
    invalid_response: 0,
    invalid_client: 0,
    aborted: 0,
  };
  #running = 0;
  #shed = 0;
  /** What the last failed attempt ended with: why the breaker is open. */
  #lastFailure: QuestionOutcome = 'unavailable';

  /**
   * Checks the options. The network is not touched, and the object is neither written to nor kept.
   *
   * @throws TypeError naming the option
   */
  constructor(options: IntrospectionClientOptions) {
    const settings = introspectionClientSettings(options);
    const { issuer = '', endpoint, events, monotonicNow, circuitBreaker, limits } = settings;
    this.#settings = settings;
    this.#endpoint = endpoint === undefined ? endpointDiscovery({ ...settings, issuer }) : async () => endpoint;
    this.#retries = new Retries(settings.retry, monotonicNow);
    if (limits !== undefined) this.#limits = new QuestionLimits(limits, settings);
    if (circuitBreaker === undefined) return;
    this.#breaker = new CircuitBreaker(circuitBreaker, monotonicNow, (state) =>
      events.tell({ type: `breaker_${state}` }),
    );
  }

  /**
   * Asks about one token and gives the server's answer.
   *
   * @param options.priority who goes first when one of the `limits` bites
   * @throws InvalidTokenError (`malformed`) for an empty token, without a question
   * @throws UnavailableError, InvalidResponseError, InvalidClientError
   * @throws `signal.reason` when `signal` was aborted
   */
  async introspect(
    token: string,
    { signal, priority = 'normal' }: { signal?: AbortSignal; priority?: Priority } = {},
  ): Promise<IntrospectionResponse> {
    if (typeof token !== 'string' || token === '' || !token.isWellFormed()) throw new InvalidTokenError('malformed');
    signal?.throwIfAborted();
    const { timeoutMs, monotonicNow } = this.#settings;
    const startedAt = monotonicNow();
    const leftMs = () => Math.max(0, timeoutMs - (monotonicNow() - startedAt));
    const question: Question = { token, priority, signal, leftMs, attempt: 1, failureMeans: 'failed' };
    this.#retries.count();
    for (; ; question.attempt++) {
      try {
        return await this.#attempt(question);
      } catch (error) {
        signal?.throwIfAborted();
        if (await this.#provesAnew(question, error)) continue;
        const waitMs = this.#retries.waitMs(error, { attempt: question.attempt, leftMs: leftMs() });
        if (waitMs === undefined) throw error;
        await delay(waitMs, signal);
      }
    }
  }

  /** What this client has done, and how it stands: for a health page. */
  stats(): ClientStats {
    return {
      questions: { ...this.#questions },
      shed: this.#shed,
      running: this.#running,
      waiting: this.#limits?.waiting ?? 0,
      circuitBreaker: this.#breaker?.state ?? 'off',
    };
  }

  async #attempt(question: Question): Promise<IntrospectionResponse> {
    this.#refuseWhileOpen();
    if (this.#limits !== undefined) await this.#takeTurn(this.#limits, question);
    this.#running++;
    let asked = false;
    try {
      this.#refuseWhileOpen(); // it may have opened meanwhile
      asked = true;
      return await this.#ask(question);
    } finally {
      this.#running--;
      this.#limits?.leave(asked);
    }
  }

  async #takeTurn(limits: QuestionLimits, { priority, signal, leftMs }: Question): Promise<void> {
    try {
      await limits.enter(priority, { leftMs: leftMs(), signal });
    } catch (error) {
      if (signal?.aborted !== true) {
        this.#shed++;
        this.#settings.events.tell({ type: 'shed', priority });
      }
      throw error;
    }
  }

  /** One attempt, under its own limit and within what is left of the deadline. */
  async #ask(question: Question): Promise<IntrospectionResponse> {
    const { monotonicNow, origin, timeoutMs, retry } = this.#settings;
    const leftMs = question.leftMs();
    const limited = retry.attemptTimeoutMs < leftMs;
    const late = () =>
      limited
        ? transient(lateAnswer({ origin, timeoutMs: retry.attemptTimeoutMs, option: 'retry.attemptTimeoutMs' }))
        : lateAnswer({ origin, timeoutMs });
    const deadline = { timeoutMs: limited ? retry.attemptTimeoutMs : leftMs, late, signal: question.signal };
    const askedAt = monotonicNow();
    const settle = this.#breaker?.enter();
    const ended = (outcome: QuestionOutcome) => {
      settle?.(this.#breakerOutcome(outcome, question));
      this.#count(outcome, { attempt: question.attempt, durationMs: monotonicNow() - askedAt });
    };
    try {
      const answer = await withDeadline(deadline, (signal) => this.#send(question, signal));
      ended(answer.active ? 'active' : 'inactive');
      return answer;
    } catch (error) {
      ended(question.signal?.aborted === true || !isIntrospectionError(error) ? 'aborted' : error.code);
      throw error;
    }
  }

  async #send(question: Question, signal: AbortSignal): Promise<IntrospectionResponse> {
    const { now, transport, maxResponseBytes } = this.#settings;
    question.failureMeans = 'failed';
    const endpoint = await this.#endpoint();
    signal.throwIfAborted();
    question.failureMeans = 'unknown'; // it is this API's own, until the server is asked
    const request = question.renewed ?? (await this.#request(question.token, endpoint, false));
    signal.throwIfAborted();
    question.request = request;
    question.renewed = undefined;
    question.failureMeans = 'failed';
    const response = await send(transport, { ...request, signal, maxResponseBytes });
    if (response.status === 403) question.failureMeans = 'answered'; // perhaps by a filter that disliked this one token
    return readIntrospectionResponse(response, new URL(endpoint).origin, now);
  }

  #breakerOutcome(outcome: QuestionOutcome, { failureMeans }: Question): Outcome {
    if (outcome === 'aborted') return 'unknown';
    if (outcome !== 'unavailable' && outcome !== 'invalid_client') return 'answered';
    if (failureMeans === 'failed') this.#lastFailure = outcome;
    return failureMeans;
  }

  #count(outcome: QuestionOutcome, attempt: { attempt: number; durationMs: number }): void {
    const { events, origin } = this.#settings;
    this.#questions[outcome]++;
    if (events.heard) events.tell({ type: 'question', origin, outcome, ...attempt });
  }

  #request(token: string, endpoint: string, afterRefusal: boolean): Promise<IntrospectionRequest> {
    return introspectionRequest(token, { endpoint, afterRefusal }, this.#settings);
  }

  /** Whether there are other credentials now than those that were refused, once for a question: secrets rotate. */
  async #provesAnew(question: Question, error: unknown): Promise<boolean> {
    const { request, token, refused, signal, leftMs } = question;
    if (request === undefined || !isIntrospectionError(error) || error.code !== 'invalid_client') return false;
    if (refused !== true) {
      question.refused = true;
      const deadline = { timeoutMs: leftMs(), late: () => error, signal };
      const again = await withDeadline(deadline, () => this.#request(token, request.url, true));
      question.renewed = hasSameCredentials(again, request) ? undefined : again;
    }
    if (question.renewed !== undefined) return true;
    const { events, origin } = this.#settings;
    events.tell({ type: 'credentials_refused', origin });
    return false;
  }

  #refuseWhileOpen(): void {
    const closedForMs = this.#breaker?.closedForMs ?? 0;
    if (closedForMs === 0) return;
    const { origin } = this.#settings;
    const retryAfterSeconds = Math.max(1, Math.ceil(closedForMs / 1000));
    if (this.#lastFailure === 'invalid_client') {
      throw new InvalidClientError(
        `${origin} refused this API's own credentials a moment ago, and is not asked for now ("circuitBreaker")`,
        retryAfterSeconds,
      );
    }
    throw new UnavailableError(
      `${origin} failed most questions of late, and is not asked for now ("circuitBreaker")`,
      retryAfterSeconds,
    );
  }
}
