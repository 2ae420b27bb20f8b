import { InvalidTokenError } from '../errors/errors.js';
import type { Priority } from '../events/events.js';
import { introspectionRequests } from '../protocol/introspection-request.js';
import type { IntrospectionResponse } from '../protocol/introspection-response.js';
import { attempt } from './attempt.js';
import { CircuitBreakerStages } from './circuit-breaker-stages.js';
import {
  type IntrospectionClientOptions,
  type IntrospectionClientSettings,
  introspectionClientSettings,
} from './client-options.js';
import { ClientCounters, type ClientStats } from './client-stats.js';
import { renewCredentials } from './credential-renewal.js';
import { endpointDiscovery } from './endpoint-discovery.js';
import { compose, type Introspect } from './pipeline.js';
import { RateLimiter, rateLimiter } from './rate-limiter.js';
import { countForBudget, Retries, retry } from './retry.js';

/** What an `Authorizer` needs to know of its client. */
interface ClientInternals {
  readonly settings: IntrospectionClientSettings;
  /** Whether the server responded 429 so recently that the circuit breaker may still count it. */
  readonly hasMetRateLimit: boolean;
}

/** Registered, because an application can hold two copies of this package, such as its ESM and its CommonJS build. */
const internals: unique symbol = Symbol.for('@acme/introspect-core/client-internals');

export function settingsOf(client: IntrospectionClient): IntrospectionClientSettings {
  return client[internals].settings;
}

export function hasMetRateLimit(client: IntrospectionClient): boolean {
  return client[internals].hasMetRateLimit;
}

/** Returns whether a value is an IntrospectionClient, of this copy of the package or of another. */
export function isIntrospectionClient(value: unknown): value is IntrospectionClient {
  return typeof value === 'object' && value !== null && internals in value;
}

/**
 * Asks an authorization server about tokens (RFC 7662). Nothing is cached or judged: whether an active token has expired,
 * or is meant for another API, is for the caller to check.
 *
 * Retries, limits and the circuit breaker are its own, and shared by all who use it.
 */
export class IntrospectionClient {
  readonly #settings: IntrospectionClientSettings;
  readonly #counters: ClientCounters;
  readonly #limiter: RateLimiter | undefined;
  readonly #breaker: CircuitBreakerStages;
  readonly #introspect: Introspect;

  /**
   * Checks the options. The network is not touched, and the object is neither written to nor kept.
   *
   * @throws TypeError naming the option
   */
  constructor(options: IntrospectionClientOptions) {
    const settings = introspectionClientSettings(options);
    const { issuer = '', endpoint, limits, monotonicNow } = settings;
    const { attemptTimeoutMs } = settings.retry;
    const requests = introspectionRequests(settings);
    const discovery =
      endpoint === undefined ? endpointDiscovery({ ...settings, issuer, timeoutMs: attemptTimeoutMs }) : () => endpoint;
    const retries = new Retries(settings.retry, monotonicNow);
    const counters = new ClientCounters(settings);
    const breaker = new CircuitBreakerStages(settings, (call) => counters.countRejection('circuit_breaker', call));
    const limiter = limits && new RateLimiter(limits, settings);
    this.#settings = settings;
    this.#counters = counters;
    this.#limiter = limiter;
    this.#breaker = breaker;
    this.#introspect = compose(
      [
        renewCredentials(requests, settings), // the server rejected our credentials: once more with other ones
        retry(retries), // failures that are likely to pass, within the budget
        breaker.failFast, // no call waits for a server that is down
        rateLimiter(limiter, (call) => {
          breaker.throwIfOpen(call); // says more than that there was no slot
          counters.countRejection('limits', call);
        }),
        counters.countInFlight,
        breaker.failFast, // it may have opened while the call waited
        countForBudget(retries),
        breaker.record,
        counters.countAttempts,
      ],
      attempt(settings, { endpoint: discovery, requests }),
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
    return this.#introspect({ token, priority, signal, leftMs, attempt: 1 });
  }

  /** What this client has done, and how it stands: for a health page. */
  stats(): ClientStats {
    return this.#counters.stats({ queued: this.#limiter?.queued ?? 0, circuitBreaker: this.#breaker.state });
  }

  /** @internal */
  get [internals](): ClientInternals {
    return { settings: this.#settings, hasMetRateLimit: this.#breaker.hasMetRateLimit };
  }
}
