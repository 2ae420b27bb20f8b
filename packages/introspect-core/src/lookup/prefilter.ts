import type { InvalidTokenReason } from '../errors/errors.js';

/**
 * What happens with a token: the client introspects it, introspects it after all other tokens that wait, or rejects it
 * without an introspection request.
 */
export type PrefilterVerdict =
  | 'introspect'
  | 'deprioritize'
  | {
      /** Why the token is rejected. */
      readonly reject: InvalidTokenReason;
    };

/** What an authorizer passes to its `prefilter` and its `explainInactive`. Each call gets the same object. */
export interface PrefilterContext {
  /** The option `issuer`. */
  readonly issuer: string | undefined;
  /** Returns milliseconds since the epoch. */
  now(): number;
  /** Returns the time in milliseconds, by a clock that never goes back. */
  monotonicNow(): number;
  /**
   * Fetches the issuer's published keys: a JWK Set (RFC 7517 §5). It uses the client's own transport and headers.
   *
   * Does not cache the keys, and does not check them. Discovery and keys have a time limit of one second each, or the
   * client's `attemptTimeoutMs` if that is less.
   *
   * @throws IntrospectionError if the keys cannot be fetched
   */
  fetchKeys(): Promise<Readonly<Record<string, unknown>>>;
  /**
   * Returns why the authorizer would reject these claims, checked in the order `exp`, `nbf`, `iss`. `exp` and `nbf` are in
   * seconds since the epoch. Does not check claims that are absent, and checks no signature.
   */
  invalidReason(claims: {
    readonly exp?: number | undefined;
    readonly nbf?: number | undefined;
    readonly iss?: string | undefined;
  }): 'expired' | 'not_yet_valid' | 'issuer_mismatch' | undefined;
}

/**
 * Judges a token before the introspection request is sent.
 *
 * It does not receive the HTTP request: its verdict must depend on the token alone, because concurrent requests with
 * the same token share one verdict. Put conditions on the request into the policy's `check`. Errors that the prefilter
 * throws are not caught. After the client's `timeoutMs` without a verdict, the request fails with an UnavailableError.
 */
export interface Prefilter {
  (token: string, context: PrefilterContext): Promise<PrefilterVerdict>;
  /**
   * Whether the prefilter needs the option `issuer`. If `true`, the constructor of an authorizer without it throws.
   *
   * @default false
   */
  readonly needsIssuer?: boolean;
}
