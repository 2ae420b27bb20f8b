import { hasScheme, malformedToken } from '../errors/malformed-token.js';
import type { Priority } from '../events/events.js';
import type { IntrospectionResponse } from '../protocol/active-token.js';
import { introspectionRequests } from '../protocol/introspection-request.js';
import { attempt } from './attempt.js';
import { CircuitBreakerStages } from './circuit-breaker-stages.js';
import type { IntrospectionClientOptions } from './client-options.js';
import { type IntrospectionClientSettings, introspectionClientSettings } from './client-settings.js';
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
 * Sends introspection requests to one authorization server (RFC 7662). Use one client for each server, because retries,
 * limits and the circuit breaker count only the requests of their own client.
 *
 * Caches nothing and does not validate the token: your code must check expiry and audience. `Authorizer` does both.
 */
export class IntrospectionClient {
  readonly #settings: IntrospectionClientSettings;
  readonly #counters: ClientCounters;
  readonly #limiter: RateLimiter | undefined;
  readonly #breaker: CircuitBreakerStages;
  readonly #introspect: Introspect;

  /**
   * Checks and copies the options. Sends no request.
   *
   * @throws TypeError that names the option
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
    const breaker = new CircuitBreakerStages(settings, (call) => counters.countShed('circuit_breaker', call));
    const limiter = limits && new RateLimiter(limits, settings);
    this.#settings = settings;
    this.#counters = counters;
    this.#limiter = limiter;
    this.#breaker = breaker;
    this.#introspect = compose(
      [
        renewCredentials(requests, settings), // the server rejected our credentials: once more with new ones
        retry(retries), // transient failures, within the budget
        breaker.failFast, // no call waits for a server that is down
        rateLimiter(limiter, (call) => {
          breaker.throwIfOpen(call); // says more than "no slot"
          counters.countShed('limits', call);
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
   * Introspects one token (RFC 7662 §2.1) and returns the server's response. Does not validate the token: its expiry,
   * audience and issuer are not checked.
   *
   * @param token the token alone, without the scheme `Bearer`. `bearerToken` reads it from an `Authorization` field
   * @param options.signal ends the call when it is aborted
   * @param options.priority which calls get a slot first when `limits` are reached. Default `"normal"`
   * @throws InvalidTokenError (`malformed`) if the token is empty, has a lone surrogate, or begins with the scheme
   * `Bearer` or `DPoP`, without a request
   * @throws InvalidTokenError (`unsupported_token_type`) if the server does not introspect tokens of this kind
   * @throws UnavailableError if the server is unreachable, late, overloaded or broken, or if `limits` or the
   * circuit breaker permit no request
   * @throws InvalidResponseError if the response is not an introspection response
   * @throws InvalidClientError if the server rejected this API's own credentials
   * @throws `signal.reason` if `signal` was aborted
   */
  async introspect(
    token: string,
    { signal, priority = 'normal' }: { signal?: AbortSignal; priority?: Priority } = {},
  ): Promise<IntrospectionResponse> {
    if (typeof token !== 'string' || token === '' || !token.isWellFormed() || hasScheme(token)) {
      throw malformedToken(token);
    }
    signal?.throwIfAborted();
    const { timeoutMs, monotonicNow } = this.#settings;
    const startedAt = monotonicNow();
    const leftMs = () => Math.max(0, timeoutMs - (monotonicNow() - startedAt));
    return this.#introspect({ token, priority, signal, leftMs, attempt: 1 });
  }

  /** Returns counts since construction and the current state, for health pages and metrics. Sends no request. */
  stats(): ClientStats {
    return this.#counters.stats({ queued: this.#limiter?.queued ?? 0, circuitBreaker: this.#breaker.state });
  }

  /** @internal */
  get [internals](): ClientInternals {
    return { settings: this.#settings, hasMetRateLimit: this.#breaker.hasMetRateLimit };
  }
}
