import {
  InvalidClientError,
  InvalidTokenError,
  isAuthorizationError,
  isIntrospectionError,
  UnavailableError,
} from '../errors/errors.js';
import { lateAnswer } from '../errors/late-answer.js';
import { isRateLimit, transient } from '../errors/transient.js';
import type { Priority, QuestionOutcome, ShedBy } from '../events/events.js';
import { rememberedOrigin } from '../protocol/endpoint-url.js';
import {
  hasSameCredentials,
  type IntrospectionRequest,
  type IntrospectionRequests,
  introspectionRequests,
} from '../protocol/introspection-request.js';
import {
  type IntrospectionResponse,
  readIntrospectionResponse,
  refusesClient,
} from '../protocol/introspection-response.js';
import { type EndpointDiscovery, endpointDiscovery } from '../protocol/server-metadata.js';
import { withDeadline } from '../runtime/deadline.js';
import { delay } from '../runtime/delay.js';
import { send } from '../transport/transport.js';
import { CircuitBreaker, failureWindowMs, type Outcome } from './circuit-breaker.js';
import {
  type IntrospectionClientOptions,
  type IntrospectionClientSettings,
  introspectionClientSettings,
} from './introspection-client-options.js';
import { isShed, QuestionLimits } from './question-limits.js';
import { Retries } from './retries.js';

/** For the `Authorizer` alone, which goes by its client's clocks; nobody else can look into a client. */
export let settingsOf: (client: IntrospectionClient) => IntrospectionClientSettings;

/**
 * Returns whether the server answered 429 so recently that the circuit breaker may still count it. For the
 * `Authorizer`.
 */
export let hasMetRateLimit: (client: IntrospectionClient) => boolean;

/** What a client has done since it was made, and how it stands. */
export interface ClientStats {
  /** Attempts, retries included, by how they ended. */
  readonly questions: Readonly<Record<QuestionOutcome, number>>;
  /** Attempts that were not made. */
  readonly shed: Readonly<Record<ShedBy, number>>;
  /** Questions that are being asked, and that wait for their turn. */
  readonly running: number;
  readonly waiting: number;
  readonly circuitBreaker: 'closed' | 'open' | 'half_open' | 'off';
}

/** What the attempts of one question have in common. */
interface Question {
  readonly token: string;
  readonly priority: Priority;
  readonly signal: AbortSignal | undefined;
  /** Of the deadline over all attempts. */
  leftMs(): number;
}

/** One attempt, as far as it got. */
interface Attempt {
  /** 1 for the first. */
  readonly number: number;
  /** What was sent; before that, what is to be sent where the credentials were renewed. */
  request?: IntrospectionRequest | undefined;
  isSent: boolean;
  /** What it means for the breaker if it fails at this moment. */
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
    hasMetRateLimit = (client) => {
      // While the breaker is open nothing is counted: what it counted last is why it is open.
      const isOpen = client.#breaker !== undefined && client.#breaker.state !== 'closed';
      const countedAt = isOpen ? client.#lastEndedAt : client.#settings.monotonicNow();
      return countedAt - client.#rateLimitedAt < failureWindowMs;
    };
  }

  readonly #settings: IntrospectionClientSettings;
  readonly #endpoint: EndpointDiscovery;
  readonly #requests: IntrospectionRequests;
  readonly #originOf = rememberedOrigin();
  readonly #retries: Retries;
  readonly #breaker: CircuitBreaker | undefined;
  readonly #limits: QuestionLimits | undefined;
  readonly #questions: Record<QuestionOutcome, number> = {
    active: 0,
    inactive: 0,
    unsupported_token_type: 0,
    unavailable: 0,
    invalid_response: 0,
    invalid_client: 0,
    aborted: 0,
  };
  #running = 0;
  #warnedOfUnsupported = false;
  readonly #shed: Record<ShedBy, number> = { limits: 0, circuit_breaker: 0 };
  /** What the last failed attempt ended with: why the breaker is open. */
  #lastFailure: QuestionOutcome = 'unavailable';
  /** When the server last answered 429, by the monotonic clock. */
  #rateLimitedAt = Number.NEGATIVE_INFINITY;
  /** When the last attempt ended that was not aborted. */
  #lastEndedAt = Number.NEGATIVE_INFINITY;

  /**
   * Checks the options. The network is not touched, and the object is neither written to nor kept.
   *
   * @throws TypeError naming the option
   */
  constructor(options: IntrospectionClientOptions) {
    const settings = introspectionClientSettings(options);
    const { issuer = '', endpoint, events, monotonicNow, circuitBreaker, limits } = settings;
    this.#settings = settings;
    this.#endpoint =
      endpoint === undefined
        ? endpointDiscovery({ ...settings, issuer, timeoutMs: settings.retry.attemptTimeoutMs })
        : () => endpoint;
    this.#requests = introspectionRequests(settings);
    this.#retries = new Retries(settings.retry, monotonicNow);
    if (limits !== undefined) this.#limits = new QuestionLimits(limits, settings);
    if (circuitBreaker === undefined) return;
    this.#breaker = new CircuitBreaker(circuitBreaker, monotonicNow, (state) =>
      events.tell({ type: `breaker_${state}`, origin: settings.origin }),
    );
  }

  /**
   * Asks about one token and gives the server's answer.
   *
   * @param options.priority who goes first when one of the `limits` bites
   * @throws InvalidTokenError (`malformed`) for an empty token, before a request is sent
   * @throws InvalidTokenError (`unsupported_token_type`) when the server does not introspect tokens of this kind
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
    const question: Question = { token, priority, signal, leftMs };
    let failure: unknown;
    let renewed: IntrospectionRequest | undefined;
    let isRenewable = true;
    for (let number = 1; ; number++) {
      const attempt: Attempt = { number, request: renewed, isSent: false, failureMeans: 'failed' };
      try {
        return await this.#attempt(question, attempt);
      } catch (error) {
        signal?.throwIfAborted();
        if (isShed(error) && failure !== undefined) throw failure; // that is what the server had to say
        failure = error;
        renewed = undefined;
        if (attempt.isSent && isIntrospectionError(error) && error.code === 'invalid_client') {
          renewed = await this.#renewed(question, attempt, { refusal: error, isRenewable });
          isRenewable = false;
        }
        if (renewed !== undefined) continue;
        const waitMs = this.#retries.waitMs(error, { attempt: number, leftMs: leftMs() });
        if (waitMs === undefined) throw error;
        await delay(waitMs, signal);
      }
    }
  }

  /** What this client has done, and how it stands: for a health page. */
  stats(): ClientStats {
    return {
      questions: { ...this.#questions },
      shed: { ...this.#shed },
      running: this.#running,
      waiting: this.#limits?.waiting ?? 0,
      circuitBreaker: this.#breaker?.state ?? 'off',
    };
  }

  async #attempt(question: Question, attempt: Attempt): Promise<IntrospectionResponse> {
    this.#refuseWhileOpen(question);
    if (this.#limits !== undefined) await this.#takeTurn(this.#limits, question);
    this.#running++;
    let asked = false;
    try {
      this.#refuseWhileOpen(question); // it may have opened meanwhile
      asked = true;
      if (attempt.number === 1) this.#retries.count();
      return await this.#ask(question, attempt);
    } finally {
      this.#running--;
      this.#limits?.leave(asked);
    }
  }

  async #takeTurn(limits: QuestionLimits, question: Question): Promise<void> {
    const { priority, signal, leftMs } = question;
    try {
      await limits.enter(priority, { leftMs: leftMs(), signal });
    } catch (error) {
      signal?.throwIfAborted();
      this.#refuseWhileOpen(question); // it says more than that there was no turn
      this.#tellShed('limits', priority);
      throw error;
    }
  }

  /** Under the attempt's own limit, and within what is left of the deadline. */
  async #ask(question: Question, attempt: Attempt): Promise<IntrospectionResponse> {
    const { monotonicNow, origin, timeoutMs, retry } = this.#settings;
    const { signal } = question;
    const leftMs = question.leftMs();
    const limited = retry.attemptTimeoutMs < leftMs;
    const late = () =>
      limited
        ? transient(lateAnswer({ origin, timeoutMs: retry.attemptTimeoutMs, option: 'retry.attemptTimeoutMs' }))
        : lateAnswer({ origin, timeoutMs });
    const askedAt = monotonicNow();
    const settle = this.#breaker?.enter();
    const ended = (outcome: QuestionOutcome) => {
      if (outcome !== 'aborted') this.#lastEndedAt = monotonicNow();
      this.#count(outcome, { attempt: attempt.number, durationMs: monotonicNow() - askedAt });
      settle?.(this.#breakerOutcome(outcome, attempt));
    };
    try {
      const deadline = { timeoutMs: limited ? retry.attemptTimeoutMs : leftMs, late, signal };
      const answer = await withDeadline(deadline, (signal) => this.#send(question.token, attempt, signal));
      ended(answer.active ? 'active' : 'inactive');
      return answer;
    } catch (error) {
      if (isRateLimit(error)) this.#rateLimitedAt = monotonicNow();
      ended(signal?.aborted === true ? 'aborted' : outcomeOf(error));
      throw error;
    }
  }

  async #send(token: string, attempt: Attempt, signal: AbortSignal): Promise<IntrospectionResponse> {
    const { now, transport, maxResponseBytes } = this.#settings;
    const found = this.#endpoint();
    const endpoint = typeof found === 'string' ? found : await found;
    signal.throwIfAborted();
    attempt.failureMeans = 'unknown'; // it is this API's own, until the server is asked
    const made = attempt.request ?? this.#requests(token, { endpoint, afterRefusal: false });
    const request = 'url' in made ? made : await made;
    signal.throwIfAborted();
    attempt.request = request;
    attempt.isSent = true;
    attempt.failureMeans = 'failed';
    const response = await send(transport, { ...request, signal, maxResponseBytes });
    // Not by the server, perhaps, but by a filter that disliked this one token.
    if (response.status === 403 && !refusesClient(response)) attempt.failureMeans = 'answered';
    return readIntrospectionResponse(response, this.#originOf(endpoint), now);
  }

  #breakerOutcome(outcome: QuestionOutcome, { failureMeans }: Attempt): Outcome {
    if (outcome === 'aborted') return 'unknown';
    if (outcome !== 'unavailable' && outcome !== 'invalid_client') return 'answered';
    if (failureMeans === 'failed') this.#lastFailure = outcome;
    return failureMeans;
  }

  #count(outcome: QuestionOutcome, attempt: { attempt: number; durationMs: number }): void {
    const { events, origin } = this.#settings;
    this.#questions[outcome]++;
    if (events.heard) events.tell({ type: 'question', origin, outcome, ...attempt });
    if (outcome !== 'unsupported_token_type' || this.#warnedOfUnsupported) return;
    this.#warnedOfUnsupported = true;
    events.tellOrPrint(
      { type: outcome, origin },
      `${origin} does not introspect the kind of token that this API receives, such as a JWT (unsupported_token_type), so ` +
        'each one is rejected with 401: configure the server to issue opaque access tokens for this API, or verify JWTs locally',
    );
  }

  #tellShed(by: ShedBy, priority: Priority): void {
    const { events, origin } = this.#settings;
    this.#shed[by]++;
    if (events.heard) events.tell({ type: 'shed', origin, by, priority });
  }

  /** The request with other credentials than those that were refused, if there are others by now: secrets rotate. */
  async #renewed(
    { token, signal, leftMs }: Question,
    { request }: Attempt,
    { refusal, isRenewable }: { refusal: Error; isRenewable: boolean },
  ): Promise<IntrospectionRequest | undefined> {
    const { events, origin } = this.#settings;
    let renewed: IntrospectionRequest | undefined;
    try {
      if (request === undefined || !isRenewable) return undefined;
      const deadline = { timeoutMs: leftMs(), late: () => refusal, signal };
      const again = await withDeadline(deadline, async () =>
        this.#requests(token, { endpoint: request.url, afterRefusal: true }),
      );
      if (!hasSameCredentials(again, request)) renewed = again;
      return renewed;
    } finally {
      if (renewed === undefined) events.tell({ type: 'credentials_refused', origin });
    }
  }

  #refuseWhileOpen({ priority }: Question): void {
    const closedForMs = this.#breaker?.closedForMs ?? 0;
    if (closedForMs === 0) return;
    this.#tellShed('circuit_breaker', priority);
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

/** How an attempt failed that its caller did not abort. */
function outcomeOf(error: unknown): QuestionOutcome {
  if (isIntrospectionError(error)) return error.code;
  // The client throws no other AuthorizationError for an attempt.
  return isAuthorizationError(error) ? 'unsupported_token_type' : 'aborted';
}
