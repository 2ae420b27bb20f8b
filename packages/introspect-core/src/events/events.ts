import type { AnyIntrospectionError, InvalidTokenReason } from '../errors/errors.js';

/** Who goes first when a limit bites; the last are the first to be turned away. */
export type Priority = 'high' | 'normal' | 'low';

/** What was done with the cache's `store`. */
export type StoreOperation = 'get' | 'set' | 'delete' | 'lease' | 'onInvalidate' | 'close';

/** What a call of `forget` named. */
export type InvalidationKind = 'token' | 'sub' | 'jti' | 'client_id' | 'all';

/** Why a token may be inactive, for whoever develops or operates an API; never for a caller. Holds no token. */
export interface InactiveExplanation {
  /** One of few words, such as `expired`. */
  readonly cause: string;
  /** One sentence. */
  readonly message: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** How an attempt at a question ended. */
export type RequestOutcome =
  | 'active'
  | 'inactive'
  | 'unsupported_token_type'
  | AnyIntrospectionError['code']
  | 'aborted';

/** What kept the server from being asked. */
export type ShedBy = 'limits' | 'circuit_breaker';

/** What happened, for logs and metrics: few values, and never a token, a secret, or what the server said. */
export type IntrospectEvent =
  /** One attempt has ended. `origin` is the server's. */
  | {
      readonly type: 'introspected';
      readonly origin: string;
      /** 1 for the first. */
      readonly attempt: number;
      readonly outcome: RequestOutcome;
      readonly durationMs: number;
    }
  /** The server refused this API's own credentials: page somebody. */
  | { readonly type: 'credentials_refused'; readonly origin: string }
  /**
   * The server does not introspect tokens of this kind, such as JWTs (RFC 7009 §2.2.1): the configuration is wrong.
   * Each client emits it once. If nobody listens to events, the client writes it by `console.error`.
   */
  | { readonly type: 'unsupported_token_type'; readonly origin: string }
  /** The server was not asked: the limits had no turn, or the breaker is open. */
  | { readonly type: 'shed'; readonly origin: string; readonly by: ShedBy; readonly priority: Priority }
  | { readonly type: 'breaker_opened'; readonly origin: string }
  | { readonly type: 'breaker_closed'; readonly origin: string }
  /** An answer was used again. */
  | { readonly type: 'cache_hit'; readonly active: boolean }
  /** None could be, and the server is asked. Only with a cache. */
  | { readonly type: 'cache_miss' }
  /** A request joined a question that was running already. */
  | { readonly type: 'coalesced' }
  /** The server was unreachable, and an answer of this age served (`maxAgeIfErrorSeconds`). */
  | { readonly type: 'stale_served'; readonly ageSeconds: number }
  /** A renewal in the background was answered. */
  | { readonly type: 'refreshed'; readonly active: boolean }
  /** A token known as active was called inactive, and then, asked again, was or was not (`active`). */
  | { readonly type: 'rechecked'; readonly active: boolean }
  /** `forget` was called. */
  | { readonly type: 'invalidated'; readonly by: InvalidationKind }
  /** The `prefilter` refused a token, and the server was not asked. */
  | { readonly type: 'prefilter_rejected'; readonly reason: InvalidTokenReason }
  /**
   * The `prefilter` could not fetch the issuer's keys. It uses the keys that it has; without keys it rejects no
   * signature.
   */
  | { readonly type: 'jwks_failed' }
  /** `explainInactive` was given, and says why a token may be inactive: the issuer, audience and times of a token are in it. */
  | ({ readonly type: 'inactive_explained' } & InactiveExplanation)
  /** The claims of a token do not match the authorizer's `claims`. `paths` names them, such as `address.country`; it holds no value. */
  | { readonly type: 'claims_rejected'; readonly paths: readonly string[] }
  /** A response alone is larger than `cache.maxBytes`, so it is not cached. */
  | { readonly type: 'too_large_to_cache' }
  /** The cache's `store` failed, or took too long; what it was for was done without it. */
  | { readonly type: 'store_failed'; readonly operation: StoreOperation };

export type IntrospectEventListener = (event: IntrospectEvent) => void;
