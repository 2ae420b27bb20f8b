/** What the server says about a token (RFC 7662 §2.2). Frozen at every level. */
export type IntrospectionResponse = ActiveToken | InactiveToken;

/** An inactive token. All other members that the server sent are dropped (RFC 7662 §2.2). */
export interface InactiveToken {
  /** Always `false`. */
  readonly active: false;
}

/**
 * An active token as the server described it. Names are as on the wire, and times are in seconds since the epoch.
 *
 * The members below have been checked: each has its type, or is absent. A member that the server sent as `null` is
 * absent. All other members are as the server sent them, and *not* checked: their type is `unknown`. Use the
 * authorizer's option `claims` to check and type them.
 */
export interface ActiveToken {
  /** Always `true`. */
  readonly active: true;
  /** The granted scopes, separated by spaces. */
  readonly scope?: string;
  /** The OAuth client that requested the token. */
  readonly client_id?: string;
  /** A name for people to read. It is not an identifier. */
  readonly username?: string;
  /** `Bearer`, for most tokens (RFC 6749 §5.1). */
  readonly token_type?: string;
  /** When the token expires, in seconds since the epoch. */
  readonly exp?: number;
  /** When the token was issued, in seconds since the epoch. */
  readonly iat?: number;
  /** Before this time, the token is not valid. In seconds since the epoch. */
  readonly nbf?: number;
  /** The subject: usually the id of the user. */
  readonly sub?: string;
  /** For which APIs the token is meant. */
  readonly aud?: string | readonly string[];
  /** Who issued the token. */
  readonly iss?: string;
  /** The id of the token. */
  readonly jti?: string;
  /** The key that the token is bound to (RFC 7800, RFC 8705, RFC 9449). An authorizer rejects a bound token. */
  readonly cnf?: Readonly<Record<string, unknown>>;
  /**
   * When the user last logged in, in seconds since the epoch (RFC 9470 §6.2). Absent if the server sent another type.
   */
  readonly auth_time?: number;
  /** How strongly the user was authenticated (RFC 9470 §6.2). Absent if the server sent another type. */
  readonly acr?: string;

  readonly [claim: string]: unknown;
}

/**
 * An active token with `token.claims`, the output of the authorizer's option `claims`. Without that option it is an
 * {@link ActiveToken}.
 */
export type TokenWithClaims<Claims> = unknown extends Claims ? ActiveToken : ActiveToken & WithClaims<Claims>;

interface WithClaims<Claims> {
  /** The claims that the option `claims` has checked. All requests with the same response share them. */
  readonly claims: Claims;
}

/** What the handler of a route gets: the token, or `null` only if the policy may be optional. */
export type RouteToken<Claims, Optional extends boolean> =
  | TokenWithClaims<Claims>
  | (Optional extends true ? null : never);
