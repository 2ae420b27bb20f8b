/** Explains why ZITADEL may have called a token inactive. For the developers of an API, never for its callers. */
import { asymmetricAlgorithms, readJwt } from '@acme/introspect-core/jwt-prefilter';
import type { ExplainInactiveOptions } from './explain-options.js';
import type { ZitadelInactiveExplanation } from './explanation.js';
import { checkSignature, unsupportedSignature } from './signature-check.js';
import { explainShape } from './token-shape.js';
import { explainAudience, explainIssuer, explainKind, explainTimes, scopeAdvice } from './unverified-claims.js';

export type { ExplainInactiveOptions } from './explain-options.js';
export type { InactiveCause, ZitadelInactiveExplanation } from './explanation.js';

/**
 * Explains why ZITADEL may have called this token inactive. It reads the claims of a JWT, and verifies the signature with
 * the keys that the issuer publishes. What only the server knows (a revocation, a locked user) is a guess.
 *
 * The message may contain the token's issuer, audience and times, never the token itself. Metadata and keys
 * are fetched with a time limit of 3 s each (1 s with the context of an authorizer), and reused for up to 10 minutes. If they
 * cannot be fetched, the signature is not checked, and the message says so.
 *
 * @throws TypeError naming the option that is missing or has another type
 */
export async function explainInactive(
  token: string,
  options: ExplainInactiveOptions,
): Promise<ZitadelInactiveExplanation> {
  for (const name of ['issuer', 'clientId'] as const) {
    if (typeof options?.[name] !== 'string') throw new TypeError(`explainInactive: "${name}" must be a string`);
  }
  if (typeof token !== 'string') throw new TypeError('explainInactive: the token must be a string');
  const malformed = explainShape(token);
  if (malformed !== undefined) return malformed;
  const jwt = readJwt(token);
  if (jwt === undefined) return opaque(options);
  const { claims } = jwt;
  const foreign = explainIssuer(claims, options);
  if (foreign !== undefined) return foreign;
  const isAsymmetric = asymmetricAlgorithms.some((algorithm) => algorithm === jwt.alg);
  const { wrong, unchecked } = isAsymmetric ? await checkSignature(jwt, options) : unsupportedSignature;
  if (wrong !== undefined) return wrong;
  const explanation =
    explainTimes(claims, options) ?? explainKind(claims) ?? explainAudience(claims, options) ?? revoked;
  if (unchecked === undefined) return explanation;
  return { ...explanation, message: `${explanation.message} Its signature was not checked: ${unchecked}.` };
}

function opaque(options: ExplainInactiveOptions): ZitadelInactiveExplanation {
  return {
    cause: 'opaque',
    message:
      'It is not a JWT, so nothing can be read from it. ZITADEL says inactive when it is unknown (from another instance, perhaps), expired, revoked or superseded by a refresh, and when its audience lacks this API.',
    advice: `For the token of a service user, ${scopeAdvice(options)}`,
  };
}

/** The remaining causes, which only the server can tell apart. */
const revoked: ZitadelInactiveExplanation = {
  cause: 'revoked',
  message:
    'It reads as good. So it was revoked, or superseded by a refresh (only the latest access token of a login is active), or its session has ended, or its user is locked, deactivated or gone.',
  advice: 'Get a new token. If that is inactive too: ZITADEL also says inactive when it fails internally.',
};
