import { bearerChallenge, type ChallengeParameters } from './challenge.js';

/** One HTTP field of an answer: its name and its value. */
export type HeaderField = readonly [name: string, value: string];

/** Why a token is no good. A closed list: `switch` over it. */
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

/** Registered, so that two copies of this package know each other's errors. */
const family: unique symbol = Symbol.for('@acme/introspect-core/error-family');

const noStore = Object.freeze(['Cache-Control', 'no-store'] as const);

/** What both families have in common: each error already knows the HTTP answer that it asks for. */
abstract class AnsweredError extends Error {
  abstract readonly code: string;
  /** The HTTP status to answer with. */
  abstract readonly status: number;
  /** The HTTP fields to answer with, always with `Cache-Control: no-store`. */
  abstract readonly headers: readonly HeaderField[];
  /** The JSON body to answer with. */
  abstract readonly body: Readonly<Record<string, string>>;
}

/** The request is at fault: its token, or the lack of one (RFC 6750 §3.1). */
export abstract class AuthorizationError extends AnsweredError {
  readonly headers: readonly HeaderField[];
  readonly body: Readonly<Record<string, string>>;

  /** @param answer the error's name on the wire, and what its challenge holds besides; without either there is none */
  constructor(sentence: string, { error, challenge }: { error?: string; challenge?: ChallengeParameters }) {
    super(sentence);
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
 * No answer could be had from the authorization server. It says nothing about the token, so the API's caller
 * gets 503 and keeps its token. Messages name the server's origin, never a token, a secret or the server's words.
 */
export abstract class IntrospectionError extends AnsweredError {
  readonly status = 503;
  readonly headers: readonly HeaderField[];
  readonly body: Readonly<Record<string, string>> = Object.freeze({ error: 'temporarily_unavailable' });

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

/** No bearer credentials came with the request (RFC 6750 §3.1): no error code, since nothing was wrong with any. */
export class MissingTokenError extends AuthorizationError {
  override readonly name = 'MissingTokenError';
  readonly code = 'missing_token';
  readonly status = 401;

  constructor(challenge: ChallengeParameters = {}) {
    super('The request has no bearer token', { challenge });
  }
}

/** The `Authorization` field is broken, or there are two (RFC 6750 §3.1 `invalid_request`). */
export class InvalidRequestError extends AuthorizationError {
  override readonly name = 'InvalidRequestError';
  readonly code = 'invalid_request';
  readonly status = 400;

  constructor(challenge: ChallengeParameters = {}) {
    super('The Authorization header field must hold one bearer token, once', { error: 'invalid_request', challenge });
  }
}

/** One fixed sentence for each reason; what the token or the server said is never part of it. */
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

/** The token is no good (RFC 6750 §3.1 `invalid_token`); `reason` says in what way. */
export class InvalidTokenError extends AuthorizationError {
  override readonly name = 'InvalidTokenError';
  readonly code = 'invalid_token';
  readonly status = 401;

  constructor(
    readonly reason: InvalidTokenReason,
    challenge: ChallengeParameters = {},
  ) {
    super(sentences[reason], { error: 'invalid_token', challenge });
  }
}

/** The token lacks scopes that the route needs (RFC 6750 §3.1 `insufficient_scope`). The challenge names all of them. */
export class InsufficientScopeError extends AuthorizationError {
  override readonly name = 'InsufficientScopeError';
  readonly code = 'insufficient_scope';
  readonly status = 403;

  constructor(challenge: ChallengeParameters = {}) {
    super('The access token lacks a scope that is needed here', { error: 'insufficient_scope', challenge });
  }
}

/** The user's authentication is too old, too weak, or not known (RFC 9470 §3). */
export class InsufficientUserAuthenticationError extends AuthorizationError {
  override readonly name = 'InsufficientUserAuthenticationError';
  readonly code = 'insufficient_user_authentication';
  readonly status = 401;

  constructor(challenge: ChallengeParameters = {}) {
    const error = 'insufficient_user_authentication';
    super('A more recent or stronger authentication of the user is needed here', { error, challenge });
  }
}

/** The token is good, and whoever it belongs to may not do this. No challenge: asking again cannot help. */
export class AccessDeniedError extends AuthorizationError {
  override readonly name = 'AccessDeniedError';
  readonly code = 'access_denied';
  readonly status = 403;

  constructor() {
    super('The access token does not permit this', { error: 'access_denied' });
  }
}

/** The server is unreachable, late, overloaded (429) or broken (5xx). Asking again later may help. */
export class UnavailableError extends IntrospectionError {
  override readonly name = 'UnavailableError';
  readonly code = 'unavailable';
  /** How long to wait, in whole seconds: as the server asked (0 to 3600), or as our own limits and breaker know. */
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, retryAfterSeconds?: number) {
    super(message, retryAfterSeconds);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** The server answered something that is not an introspection response (RFC 7662 §2.2) or not its metadata. */
export class InvalidResponseError extends IntrospectionError {
  override readonly name = 'InvalidResponseError';
  readonly code = 'invalid_response';
}

/** The server refused *our own* credentials (RFC 7662 §2.3). Never the token's fault. */
export class InvalidClientError extends IntrospectionError {
  override readonly name = 'InvalidClientError';
  readonly code = 'invalid_client';
}

/** Every error of the request; `switch` over `code`. */
export type AnyAuthorizationError =
  | MissingTokenError
  | InvalidRequestError
  | InvalidTokenError
  | InsufficientScopeError
  | InsufficientUserAuthenticationError
  | AccessDeniedError;

/** Every way in which an introspection fails; `switch` over `code`. */
export type AnyIntrospectionError = UnavailableError | InvalidResponseError | InvalidClientError;

/** Every error that answers a request. */
export type AuthorizerError = AnyAuthorizationError | AnyIntrospectionError;

/** Tells an error of the request (4xx) from any other value, also across two copies of this package. */
export function isAuthorizationError(value: unknown): value is AnyAuthorizationError {
  return familyOf(value) === 'authorization';
}

/** Tells a failed introspection (503) from any other value, also across two copies of this package. */
export function isIntrospectionError(value: unknown): value is AnyIntrospectionError {
  return familyOf(value) === 'introspection';
}

function familyOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, family) : undefined;
}
