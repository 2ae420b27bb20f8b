import type { AnyIntrospectionError, AuthorizerError, InvalidTokenReason } from '../errors/errors.js';

/** Which calls get a slot first when `limits` are reached. Calls of low priority fail first. */
export type Priority = 'high' | 'normal' | 'low';

/** An operation of the cache's `store`. `get` also stands for `getMany`. */
export type StoreOperation = 'get' | 'set' | 'delete' | 'lease' | 'onInvalidate' | 'close';

/** What a call of `invalidate` named. */
export type InvalidationKind = 'token' | 'sub' | 'jti' | 'client_id' | 'all';

/** Why a token may be inactive. For developers and operators of an API, never for its callers. Holds no token. */
export interface InactiveExplanation {
  /** One of a few words, such as `expired`. */
  readonly cause: string;
  /** One sentence that explains the cause. */
  readonly message: string;
  /** What to do about it, if there is advice. */
  readonly advice?: string;
}

/** How one attempt ended. */
export type RequestOutcome =
  | 'active'
  | 'inactive'
  | 'unsupported_token_type'
  | AnyIntrospectionError['code']
  | 'aborted';

/** Why the client ended a call without an introspection request. */
export type ShedBy = 'limits' | 'circuit_breaker';

/**
 * How an authorizer decided about a request: it was allowed with a token, allowed without one (`anonymous`), or denied
 * with the code of an error. `failed`: a function of the application threw an error, or the caller hung up.
 */
export type DecisionOutcome = 'allowed' | 'anonymous' | AuthorizerError['code'] | 'failed';

/** What happened, for logs and metrics. Never holds a token, a secret or text from the server. */
export type IntrospectEvent =
  /** One attempt ended. `origin` is the server's, as in the other events that have it. */
  | {
      readonly type: 'introspected';
      readonly origin: string;
      /** The number of the attempt, 1 for the first. */
      readonly attempt: number;
      /** How the attempt ended. */
      readonly outcome: RequestOutcome;
      /** How long the attempt took, in milliseconds. */
      readonly durationMs: number;
    }
  /** The server rejected this API's own credentials, and renewed ones did not help. Alert on it. */
  | { readonly type: 'credentials_refused'; readonly origin: string }
  /**
   * The server does not introspect tokens of this kind, such as JWTs (RFC 7009 §2.2.1): the configuration is wrong.
   * Each client emits it once.
   */
  | { readonly type: 'unsupported_token_type'; readonly origin: string }
  /** The client sent no introspection request, because of its `limits` or its open circuit breaker. */
  | { readonly type: 'shed'; readonly origin: string; readonly by: ShedBy; readonly priority: Priority }
  /** The circuit breaker opened: too many of the recent attempts failed (`circuitBreaker.failureRate`). */
  | { readonly type: 'breaker_opened'; readonly origin: string }
  /** The circuit breaker closed: a probe had none of the failures that open it. */
  | { readonly type: 'breaker_closed'; readonly origin: string }
  /** A cached response was used. */
  | { readonly type: 'cache_hit'; readonly active: boolean }
  /** No cached response could be used, so a request follows. Only with a cache. */
  | { readonly type: 'cache_miss' }
  /** A request waits for the introspection of its token that another request has started. */
  | { readonly type: 'coalesced' }
  /** The server is unavailable, so a stale response was used (`maxAgeIfErrorSeconds`). Alert on it. */
  | {
      readonly type: 'stale_served';
      /** The age of the response, in seconds since it was requested. */
      readonly ageSeconds: number;
    }
  /** A background refresh received a response, which says whether the token is `active`. */
  | { readonly type: 'refreshed'; readonly active: boolean }
  /** A cached token was active and its new response inactive, so the token was introspected again. */
  | {
      readonly type: 'rechecked';
      /** Whether the second response says that the token is active. */
      readonly active: boolean;
    }
  /** `invalidate` was called. */
  | { readonly type: 'invalidated'; readonly by: InvalidationKind }
  /** The `prefilter` rejected a token, so no request was sent. */
  | { readonly type: 'prefilter_rejected'; readonly reason: InvalidTokenReason }
  /**
   * The `prefilter` could not fetch the issuer's keys. It uses the keys that it has; without keys it rejects no
   * signature.
   */
  | { readonly type: 'jwks_failed' }
  /** `explainInactive` says why a token may be inactive. Its texts may name the token's issuer, audience and times. */
  | ({ readonly type: 'inactive_explained' } & InactiveExplanation)
  /**
   * The claims of a token do not match the authorizer's `claims`. `paths` names those claims, such as `address.country`.
   */
  | {
      readonly type: 'claims_rejected';
      /** The paths of the claims, without values. An empty path is the token itself. */
      readonly paths: readonly string[];
    }
  /** One response is larger than `cache.maxBytes`, so it is not cached. */
  | { readonly type: 'too_large_to_cache' }
  /**
   * An authorizer decided about a request. `reason` is present if `outcome` is `invalid_token`. Only a listener with
   * `receivesDecisions`, such as `openTelemetry()`, receives this event. The diagnostics channel does not.
   */
  | { readonly type: 'decided'; readonly outcome: DecisionOutcome; readonly reason?: InvalidTokenReason }
  /** The cache's `store` failed or took too long. The request continued without it. */
  | { readonly type: 'store_failed'; readonly operation: StoreOperation };

/** Receives each event. What it throws is ignored. */
export interface IntrospectEventListener {
  (event: IntrospectEvent): void;
  /**
   * Whether the listener receives `decided` too, which every request causes, cache hits included.
   *
   * @default false
   */
  readonly receivesDecisions?: boolean;
}
