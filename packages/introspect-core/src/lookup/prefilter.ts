import type { IntrospectionClientSettings } from '../client/client-options.js';
import { type InvalidTokenReason, UnavailableError } from '../errors/errors.js';
import { type TokenExpectations, timeOrIssuerReason } from '../policy/token-validation.js';
import { fetchIssuerKeys } from '../protocol/jwk-set.js';
import { withDeadline } from '../runtime/deadline.js';

/** Ask the server, ask it after all others, or refuse the token without a question. */
export type PrefilterVerdict = 'introspect' | 'deprioritize' | { readonly reject: InvalidTokenReason };

/** What an authorizer lends to its prefilter, so that both go by the same rules; one and the same object at each call. */
export interface PrefilterContext {
  /** Milliseconds that never go back. */
  monotonicNow(): number;
  /**
   * The issuer's published keys, a JWK Set (RFC 7517 §5) whose keys were not checked: fetched anew, by the client's own
   * transport and headers, within a second for each of discovery and keys.
   *
   * @throws IntrospectionError when they cannot be had
   */
  fetchKeys(): Promise<Readonly<Record<string, unknown>>>;
  /** The first of these claims that is no good here: `exp`, `nbf`, `iss`. What is absent is not judged. */
  invalidReason(claims: {
    readonly exp?: number | undefined;
    readonly nbf?: number | undefined;
    readonly iss?: string | undefined;
  }): 'expired' | 'not_yet_valid' | 'issuer_mismatch' | undefined;
}

/**
 * Judges a token before the introspection request is sent.
 *
 * It does not receive the HTTP request: its verdict must depend on the token alone, because concurrent requests with the
 * same token share one verdict. Put conditions on the request into the policy's `check`. Errors that the prefilter
 * throws are not caught.
 */
export interface Prefilter {
  (token: string, context: PrefilterContext): Promise<PrefilterVerdict>;
  /** true: an authorizer without `issuer` is refused at construction. */
  readonly needsIssuer?: boolean;
}

/** A prefilter with all that it needs but the token. Its verdict is there within the deadline, and was checked. */
export type BoundPrefilter = (token: string, signal: AbortSignal) => Promise<PrefilterVerdict>;

/** What a lookup calls before it introspects a token and after. */
export interface LookupHooks {
  /** Judges a token before the introspection request. */
  prefilter?: BoundPrefilter | undefined;
  /** Called when the server responded that a token is inactive. */
  onInactive?: ((token: string) => void) | undefined;
}

const keysTimeoutMs = 1000;

/** @param tell what it does, for those who listen */
export function boundPrefilter(
  prefilter: Prefilter,
  {
    settings,
    expectations,
    emit,
  }: {
    settings: IntrospectionClientSettings;
    expectations: TokenExpectations;
    emit: (event: { type: 'prefilter_rejected'; reason: InvalidTokenReason } | { type: 'jwks_failed' }) => void;
  },
): BoundPrefilter {
  if (prefilter.needsIssuer === true && settings.issuer === undefined) {
    throw new TypeError('Authorizer: "issuer" is needed by this "prefilter"');
  }
  const context = prefilterContext(settings, expectations, () => emit({ type: 'jwks_failed' }));
  const { timeoutMs } = settings;
  const late = () => new UnavailableError(`The "prefilter" gave no verdict within ${timeoutMs} ms ("timeoutMs")`);
  return async (token, signal) => {
    const verdict = await withDeadline({ timeoutMs, late, signal }, async () => prefilter(token, context));
    if (typeof verdict === 'object' && verdict !== null) emit({ type: 'prefilter_rejected', reason: verdict.reject });
    else if (verdict !== 'introspect' && verdict !== 'deprioritize') {
      throw new TypeError('"prefilter" must give "introspect", "deprioritize" or { reject: reason }');
    }
    return verdict;
  };
}

function prefilterContext(
  settings: IntrospectionClientSettings,
  expectations: TokenExpectations,
  keysFailed: () => void,
): PrefilterContext {
  const { issuer = '', now, monotonicNow, retry } = settings;
  const timeoutMs = Math.min(keysTimeoutMs, retry.attemptTimeoutMs);
  return {
    monotonicNow,
    invalidReason: (claims) => timeOrIssuerReason(claims, expectations, now() / 1000),
    async fetchKeys() {
      try {
        return await fetchIssuerKeys({ ...settings, issuer, timeoutMs });
      } catch (error) {
        keysFailed();
        throw error;
      }
    },
  };
}
