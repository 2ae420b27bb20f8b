import { bearerChallenge, type ChallengeParameters } from './challenge.js';

/** One HTTP header field of a response: its name and its value. */
export type HeaderField = readonly [name: string, value: string];

/** Why a token was rejected. The list is complete: `switch` over it. */
export type InvalidTokenReason =
  | 'inactive'
  | 'expired'
  | 'not_yet_valid'
  | 'issuer_mismatch'
  | 'audience_mismatch'
  | 'not_an_access_token'
  | 'sender_constraint'
  | 'malformed'
  | 'too_long'
  | 'bad_signature'
  | 'unsupported_token_type';

/** A registered symbol, so that two copies of this package recognise each other's errors. */
const family: unique symbol = Symbol.for('@acme/introspect-core/error-family');

const noStore = Object.freeze(['Cache-Control', 'no-store'] as const);

/** The base of both families. Each error holds the HTTP response that an API sends for it. */
abstract class ErrorWithResponse extends Error {
  /** What went wrong, for programs. The value is fixed for each class. */
  abstract readonly code: string;
  /** The HTTP status of the response. */
  abstract readonly status: number;
  /** The header fields of the response, always with `Cache-Control: no-store`. */
  abstract readonly headers: readonly HeaderField[];
  /** The JSON body of the response. */
  abstract readonly body: Readonly<Record<string, string>>;
}

/** The request is at fault: its token is missing or rejected (RFC 6750 §3.1). The response is a 4xx. */
export abstract class AuthorizationError extends ErrorWithResponse {
  readonly headers: readonly HeaderField[];
  readonly body: Readonly<Record<string, string>>;

  /**
   * @param sentence the message and the `error_description`
   * @param response the error code on the wire, and further challenge parameters. Without `challenge`, the response has
   * no `WWW-Authenticate` field
   * @param hint follows the sentence in the message, and is not in the response
   */
  constructor(
    sentence: string,
    { error, challenge }: { error?: string; challenge?: ChallengeParameters },
    hint?: string,
  ) {
    super(hint === undefined ? sentence : `${sentence}: ${hint}`);
    const described = error === undefined ? {} : { error, error_description: sentence };
    this.body = Object.freeze(described);
    this.headers = Object.freeze(
      challenge === undefined
        ? [noStore]
        : [Object.freeze(['WWW-Authenticate', bearerChallenge({ ...challenge, ...described })] as const), noStore],
    );
  }

  get [family](): 'authorization' {
    return 'authorization';
  }
}

/**
 * The authorization server gave no usable response. That says nothing about the token, so the API's response is a 503
 * and its caller can use the token again. Messages name the server's origin, never a token, a secret or the server's
 * own text.
 */
export abstract class IntrospectionError extends ErrorWithResponse {
  readonly status = 503;
  readonly headers: readonly HeaderField[];
  readonly body: Readonly<Record<string, string>> = Object.freeze({ error: 'temporarily_unavailable' });

  /** @param retryAfterSeconds the value of `Retry-After`, in whole seconds. Without it, the response has no such field */
  constructor(message: string, retryAfterSeconds?: number) {
    super(message);
    this.headers = Object.freeze(
      retryAfterSeconds === undefined
        ? [noStore]
        : [noStore, Object.freeze(['Retry-After', String(retryAfterSeconds)] as const)],
    );
  }

  get [family](): 'introspection' {
    return 'introspection';
  }
}

/** The request has no bearer credentials. The challenge has no error code then (RFC 6750 §3.1). */
export class MissingTokenError extends AuthorizationError {
  override readonly name = 'MissingTokenError';
  readonly code = 'missing_token';
  readonly status = 401;

  constructor(challenge: ChallengeParameters = {}) {
    super('The request has no bearer token', { challenge });
  }
}

/** The `Authorization` field is malformed, or there are two of them (RFC 6750 §3.1 `invalid_request`). */
export class InvalidRequestError extends AuthorizationError {
  override readonly name = 'InvalidRequestError';
  readonly code = 'invalid_request';
  readonly status = 400;

  constructor(challenge: ChallengeParameters = {}) {
    super('The Authorization header field must hold one bearer token, once', { error: 'invalid_request', challenge });
  }
}

/** One fixed sentence for each reason. Text from the token or the server is never part of it. */
const sentences: Readonly<Record<InvalidTokenReason, string>> = {
  inactive: 'The access token is not active',
  expired: 'The access token has expired',
  not_yet_valid: 'The access token is not valid yet',
  issuer_mismatch: 'The access token comes from another issuer',
  audience_mismatch: 'The access token is meant for another audience',
  not_an_access_token: 'The token is not an access token',
  sender_constraint: 'The access token is bound to a key that this request did not prove',
  malformed: 'The access token is malformed',
  too_long: 'The access token is too long',
  bad_signature: 'The access token has a wrong signature',
  unsupported_token_type: 'The token is of a kind that the authorization server does not introspect',
};

/** The token was rejected (RFC 6750 §3.1 `invalid_token`). `reason` says why. */
export class InvalidTokenError extends AuthorizationError {
  override readonly name = 'InvalidTokenError';
  readonly code = 'invalid_token';
  readonly status = 401;

  constructor(
    /** Why the token was rejected. */
    readonly reason: InvalidTokenReason,
    challenge: ChallengeParameters = {},
    hint?: string,
  ) {
    super(sentences[reason], { error: 'invalid_token', challenge }, hint);
  }
}

/**
 * The token lacks scopes that the route needs (RFC 6750 §3.1 `insufficient_scope`). The challenge names all of them.
 */
export class InsufficientScopeError extends AuthorizationError {
  override readonly name = 'InsufficientScopeError';
  readonly code = 'insufficient_scope';
  readonly status = 403;

  constructor(challenge: ChallengeParameters = {}) {
    super('The access token lacks a scope that is needed here', { error: 'insufficient_scope', challenge });
  }
}

/** The user's authentication is too old, too weak or unknown (RFC 9470 §3). */
export class InsufficientUserAuthenticationError extends AuthorizationError {
  override readonly name = 'InsufficientUserAuthenticationError';
  readonly code = 'insufficient_user_authentication';
  readonly status = 401;

  constructor(challenge: ChallengeParameters = {}) {
    const error = 'insufficient_user_authentication';
    super('A more recent or stronger authentication of the user is needed here', { error, challenge });
  }
}

/** The token is valid, but does not permit this request. No challenge, because a new token would not help. */
export class AccessDeniedError extends AuthorizationError {
  override readonly name = 'AccessDeniedError';
  readonly code = 'access_denied';
  readonly status = 403;

  constructor() {
    super('The access token does not permit this', { error: 'access_denied' });
  }
}

/**
 * The server is unreachable, late, overloaded (429) or broken (5xx), or the client sent no request. Try again later.
 */
export class UnavailableError extends IntrospectionError {
  override readonly name = 'UnavailableError';
  readonly code = 'unavailable';
  /**
   * How long to wait, in whole seconds: the server's `Retry-After` (0 to 3600), or an estimate by the client's `limits`
   * or `circuitBreaker`. `undefined` if it is unknown.
   */
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, retryAfterSeconds?: number) {
    super(message, retryAfterSeconds);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** The server sent an invalid introspection response (RFC 7662 §2.2), metadata (RFC 8414 §3.2) or keys (RFC 7517 §5). */
export class InvalidResponseError extends IntrospectionError {
  override readonly name = 'InvalidResponseError';
  readonly code = 'invalid_response';
}

/** The server rejected *our own* credentials (RFC 7662 §2.3). Never the token's fault. */
export class InvalidClientError extends IntrospectionError {
  override readonly name = 'InvalidClientError';
  readonly code = 'invalid_client';
}

/** Every error of the request (4xx). `switch` over `code`. */
export type AnyAuthorizationError =
  | MissingTokenError
  | InvalidRequestError
  | InvalidTokenError
  | InsufficientScopeError
  | InsufficientUserAuthenticationError
  | AccessDeniedError;

/** Every error of a failed introspection (503). `switch` over `code`. */
export type AnyIntrospectionError = UnavailableError | InvalidResponseError | InvalidClientError;

/** Every error that an authorizer throws for a request. `switch` over `code`. */
export type AuthorizerError = AnyAuthorizationError | AnyIntrospectionError;

/** Returns whether a value is an error of the request (4xx), also one of another copy of this package. */
export function isAuthorizationError(value: unknown): value is AnyAuthorizationError {
  return familyOf(value) === 'authorization';
}

/** Returns whether a value is a failed introspection (503), also one of another copy of this package. */
export function isIntrospectionError(value: unknown): value is AnyIntrospectionError {
  return familyOf(value) === 'introspection';
}

function familyOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, family) : undefined;
}
