import type { IntrospectionClientSettings } from '../client/client-settings.js';
import { type InvalidTokenReason, UnavailableError } from '../errors/errors.js';
import { type TokenExpectations, timeOrIssuerReason } from '../policy/token-validation.js';
import { fetchIssuerKeys } from '../protocol/jwk-set.js';
import { withDeadline } from '../runtime/deadline.js';
import type { Prefilter, PrefilterContext, PrefilterVerdict } from './prefilter.js';

/** A prefilter with its context. It returns a checked verdict within the time limit. */
export type BoundPrefilter = (token: string, signal: AbortSignal) => Promise<PrefilterVerdict>;

const keysTimeoutMs = 1000;

/**
 * Binds a prefilter to its context and a time limit (`timeoutMs`), and emits `prefilter_rejected`.
 *
 * @throws TypeError if the prefilter needs an issuer and the client has none
 */
export function boundPrefilter(
  prefilter: Prefilter,
  {
    settings,
    context,
    emit,
  }: {
    settings: IntrospectionClientSettings;
    context: PrefilterContext;
    emit: (event: { type: 'prefilter_rejected'; reason: InvalidTokenReason }) => void;
  },
): BoundPrefilter {
  if (prefilter.needsIssuer === true && settings.issuer === undefined) {
    throw new TypeError('Authorizer: "issuer" is needed by this "prefilter"');
  }
  const { timeoutMs } = settings;
  const late = () => new UnavailableError(`The "prefilter" gave no verdict within ${timeoutMs} ms ("timeoutMs")`);
  return async (token, signal) => {
    const verdict = await withDeadline({ timeoutMs, late, signal }, async () => prefilter(token, context));
    if (typeof verdict === 'object' && verdict !== null) emit({ type: 'prefilter_rejected', reason: verdict.reject });
    else if (verdict !== 'introspect' && verdict !== 'deprioritize') {
      throw new TypeError('"prefilter" must return "introspect", "deprioritize" or { reject: reason }');
    }
    return verdict;
  };
}

/**
 * Returns what a prefilter and `explainInactive` get.
 *
 * @param onKeysFailed called when the keys cannot be fetched
 */
export function prefilterContext(
  settings: IntrospectionClientSettings,
  expectations: TokenExpectations,
  onKeysFailed: () => void,
): PrefilterContext {
  const { issuer, now, monotonicNow, retry } = settings;
  const timeoutMs = Math.min(keysTimeoutMs, retry.attemptTimeoutMs);
  return {
    issuer,
    now,
    monotonicNow,
    invalidReason: (claims) => timeOrIssuerReason(claims, expectations, now() / 1000),
    async fetchKeys() {
      try {
        return await fetchIssuerKeys({ ...settings, issuer: issuer ?? '', timeoutMs });
      } catch (error) {
        onKeysFailed();
        throw error;
      }
    },
  };
}
