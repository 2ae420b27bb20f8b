import {
  InvalidTokenError,
  type InvalidTokenReason,
  isAuthorizationError,
  isIntrospectionError,
  MissingTokenError,
} from '../errors/errors.js';
import { malformedToken } from '../errors/malformed-token.js';
import type { EventEmitter } from '../events/event-emitter.js';
import type { IntrospectEvent } from '../events/events.js';
import type { FailureLog, FrameworkLog } from '../events/failure-log.js';
import type { TokenLookup } from '../lookup/token-lookup.js';
import type { PreparedPolicy } from '../policy/prepared-policy.js';
import type { ActiveToken, IntrospectionResponse } from '../protocol/active-token.js';
import { bearerCandidate, checkToken } from '../request/bearer-token.js';
import { isPreflight } from '../request/preflight.js';
import type { RequestContext } from '../request/request-context.js';
import { contextForLookup } from './connection-context.js';
import { type Decision, denial, type ErrorBody, permission } from './decision.js';

/** All members are required: an absent one could be read from a polluted `Object.prototype`. */
interface DecisionOptions {
  /** A token that did not come in an `Authorization` field. */
  readonly token: string | undefined;
  /** What was read after the scheme `Bearer` before. Without it, the field is read. */
  readonly candidate: string | undefined;
  /** Why the token is rejected without a lookup. A missing or malformed token is rejected as such. */
  readonly rejection: InvalidTokenReason | undefined;
  /** Makes the body of a denial. Without it, the error's own body is used. */
  readonly errorBody: ErrorBody | undefined;
  /** Writes log lines where the framework logs. Without it, they go to `console`. */
  readonly log: FrameworkLog | undefined;
}

/** Decides about one request at a time: its token, the lookup, the policy. */
export class Decider {
  readonly #lookup: TokenLookup;
  readonly #events: EventEmitter;
  readonly #failures: FailureLog;
  readonly #now: () => number;
  readonly #maxTokenLength: number;

  constructor(
    lookup: TokenLookup,
    {
      events,
      failures,
      now,
      maxTokenLength,
    }: { events: EventEmitter; failures: FailureLog; now: () => number; maxTokenLength: number },
  ) {
    this.#lookup = lookup;
    this.#maxTokenLength = maxTokenLength;
    this.#events = events;
    this.#failures = failures;
    this.#now = now;
  }

  /**
   * Returns the decision, without a promise on a cache hit. Never throws. The promise rejects with an error that is not of
   * this package, and with `signal.reason` of the request.
   */
  decide(request: RequestContext, policy: PreparedPolicy, options: DecisionOptions): Decision | Promise<Decision> {
    try {
      const token = options.token ?? options.candidate ?? bearerCandidate(request.authorization, policy.challenge);
      if (token === undefined) {
        if (policy.optional) return this.#allow(null);
        return this.#deny(new MissingTokenError(policy.missingChallenge), request, options);
      }
      const { rejection } = options;
      const cached = rejection === undefined ? this.#lookup.cached(token, policy.maxResponseAgeMs) : undefined;
      if (cached !== undefined) {
        const judged = this.#judge(cached, request, policy);
        return isToken(judged) ? this.#allow(judged) : this.#settle(judged, request, options);
      }
      // A cached token was checked before. A space in `{ token }` makes the token malformed, and in a field the field.
      if (options.token !== undefined && /[\s,]/.test(token)) throw malformedToken(token, policy.challenge);
      checkToken(token, this.#maxTokenLength, policy.challenge);
      if (rejection !== undefined) throw new InvalidTokenError(rejection, policy.challenge);
      return this.#settle(this.#introspect(token, request, policy, options), request, options);
    } catch (error) {
      return this.#deny(error, request, options);
    }
  }

  #settle(judged: Promise<ActiveToken>, request: RequestContext, options: DecisionOptions): Promise<Decision> {
    return judged.then(
      (token) => this.#allow(token),
      (error) => this.#deny(error, request, options),
    );
  }

  #allow(token: ActiveToken | null): Decision {
    if (this.#events.receivesDecisions) {
      this.#events.notify({ type: 'decided', outcome: token ? 'allowed' : 'anonymous' });
    }
    return permission(token);
  }

  #deny(error: unknown, request: RequestContext, { errorBody, log }: DecisionOptions): Decision | Promise<never> {
    if (this.#events.receivesDecisions) this.#events.notify(denialEvent(error));
    const { native } = request;
    if (error instanceof MissingTokenError) {
      if (isPreflight(request)) this.#failures.deniedPreflight({ log, native });
    } else this.#failures.failed(error, 'denied', { log, native });
    return denial(error, errorBody, native);
  }

  async #introspect(
    token: string,
    request: RequestContext,
    policy: PreparedPolicy,
    { log }: DecisionOptions,
  ): Promise<ActiveToken> {
    const { native } = request;
    const onStale = (error: unknown) => this.#failures.failed(error, 'stale', { log, native });
    const context = contextForLookup(request);
    const response = await this.#lookup.find(token, context, policy.maxResponseAgeMs, onStale).catch(reasonOf);
    if (typeof response === 'string') throw new InvalidTokenError(response, policy.challenge);
    return this.#judge(response, request, policy);
  }

  #judge(response: IntrospectionResponse, request: RequestContext, policy: PreparedPolicy) {
    if (!response.active) throw new InvalidTokenError('inactive', policy.challenge);
    return policy.judge(response, request, this.#now() / 1000);
  }
}

/**
 * Returns whether a value is a token, and not the promise of one. Does not use `instanceof`: an application may have
 * replaced the global `Promise`.
 */
function isToken(judged: ActiveToken | Promise<ActiveToken>): judged is ActiveToken {
  return Object.hasOwn(judged, 'active');
}

/** Returns the event of a denial. An error of the application, or of a caller who hung up, has the outcome `failed`. */
function denialEvent(error: unknown): IntrospectEvent {
  if (!isAuthorizationError(error) && !isIntrospectionError(error)) return { type: 'decided', outcome: 'failed' };
  const reason = error.code === 'invalid_token' ? { reason: error.reason } : {};
  return { type: 'decided', outcome: error.code, ...reason };
}

/** Returns why the token is rejected, so that the guard can throw an error with the route's own challenge. */
function reasonOf(error: unknown): InvalidTokenReason {
  if (isAuthorizationError(error) && error.code === 'invalid_token') return error.reason;
  throw error;
}
