import type { IntrospectionClientSettings } from '../client/client-options.js';
import { type InvalidTokenReason, UnavailableError } from '../errors/errors.js';
import { type TokenExpectations, timeOrIssuerReason } from '../policy/token-validation.js';
import { fetchIssuerKeys } from '../protocol/jwk-set.js';
import { withDeadline } from '../runtime/deadline.js';
import type { Prefilter, PrefilterContext, PrefilterVerdict } from './prefilter.js';

/** A prefilter with its context. It returns a checked verdict within the time limit. */
export type BoundPrefilter = (token: string, signal: AbortSignal) => Promise<PrefilterVerdict>;

const keysTimeoutMs = 1000;

/**
 * Gives a prefilter its context and a time limit (`timeoutMs`), and emits what it does.
 *
 * @throws TypeError if the prefilter needs an issuer and the client has none
 */
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
      throw new TypeError('"prefilter" must return "introspect", "deprioritize" or { reject: reason }');
    }
    return verdict;
  };
}

function prefilterContext(
  settings: IntrospectionClientSettings,
  expectations: TokenExpectations,
  onKeysFailed: () => void,
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
        onKeysFailed();
        throw error;
      }
    },
  };
}
