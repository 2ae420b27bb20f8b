import {
  InvalidTokenError,
  type InvalidTokenReason,
  isAuthorizationError,
  isIntrospectionError,
  MissingTokenError,
} from '../errors/errors.js';
import type { EventEmitter } from '../events/event-emitter.js';
import type { IntrospectEvent } from '../events/events.js';
import type { TokenLookup } from '../lookup/token-lookup.js';
import type { PreparedPolicy } from '../policy/prepared-policy.js';
import type { ActiveToken, IntrospectionResponse } from '../protocol/active-token.js';
import { bearerCandidate, checkToken } from '../request/bearer-token.js';
import type { RequestContext } from '../request/request-context.js';
import { type Decision, denial, type ErrorBody, permission } from './decision.js';

/** Decides about one request at a time: its token, the lookup, the policy. */
export class Decider {
  readonly #lookup: TokenLookup;
  readonly #events: EventEmitter;
  readonly #now: () => number;

  constructor(lookup: TokenLookup, { events, now }: { events: EventEmitter; now: () => number }) {
    this.#lookup = lookup;
    this.#events = events;
    this.#now = now;
  }

  /**
   * Returns the decision, without a promise on a cache hit. Never throws. The promise rejects with an error that is not of
   * this package, and with `signal.reason` of the request.
   *
   * @param errorBody makes the body of a denial; without it, the error's own body is used
   */
  decide(
    request: RequestContext & { readonly token?: string },
    policy: PreparedPolicy,
    errorBody?: ErrorBody,
  ): Decision | Promise<Decision> {
    const allow = (token: ActiveToken | null) => {
      if (this.#events.receivesDecisions)
        this.#events.emitDecision({ type: 'decided', outcome: token ? 'allowed' : 'anonymous' });
      return permission(token);
    };
    const deny = (error: unknown) => {
      if (this.#events.receivesDecisions) this.#events.emitDecision(denialEvent(error));
      return denial(error, errorBody, request.native);
    };
    try {
      const token = request.token ?? bearerCandidate(request.authorization, policy.challenge);
      if (token === undefined) {
        return policy.optional ? allow(null) : deny(new MissingTokenError(policy.missingChallenge));
      }
      const cached = this.#lookup.cached(token, policy.maxResponseAgeMs);
      if (cached === undefined) {
        checkToken(token, policy.challenge); // a cached token was checked before
        return this.#introspect(token, request, policy).then(allow, deny);
      }
      const judged = this.#judge(cached, request, policy);
      return isToken(judged) ? allow(judged) : judged.then(allow, deny);
    } catch (error) {
      return deny(error);
    }
  }

  async #introspect(token: string, request: RequestContext, policy: PreparedPolicy): Promise<ActiveToken> {
    const response = await this.#lookup.find(token, request, policy.maxResponseAgeMs).catch(reasonOf);
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
