/** Explains why ZITADEL may have called a token inactive. For the developers of an API, never for its callers. */
import type { Jwt } from '@acme/introspect-core/jwt-prefilter';
import { explainToken } from '../explain/explain-token.js';
import type { TokenExplanation } from '../explain/explanation.js';
import { checkOtherAlgorithm, unsupportedSignature } from '../explain/signature-check.js';
import { quoted } from '../explain/wording.js';
import { explainAudience, namesApi } from './audience.js';
import type { ExplainInactiveOptions } from './explain-options.js';
import { explainOpaque } from './opaque-token.js';
import { userinfoAccepts } from './userinfo.js';

export type { InactiveCause } from '../explain/explanation.js';
export type { ExplainInactiveOptions } from './explain-options.js';

/** Why ZITADEL may have called a token inactive: a cause for programs, and a message for developers. */
export type ZitadelInactiveExplanation = TokenExplanation;

/**
 * Explains why ZITADEL may have called this token inactive. It reads the claims of a JWT, and verifies the signature with
 * the keys that the issuer publishes. What only the server knows (a revocation, a locked user) is a guess.
 *
 * With `checkUserinfo`, it also sends the token to the userinfo endpoint of its own issuer.
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
  return explainToken(token, options, {
    opaque: () => explainOpaque(token, options),
    otherAlgorithm: (jwt) => (options.isZitadel === false ? checkOtherAlgorithm(jwt) : unsupportedSignature),
    rest: (jwt) => explainRest(jwt, options),
  });
}

/** Explains a token that reads as an access token of now. */
async function explainRest(
  { token, claims }: Jwt,
  options: ExplainInactiveOptions,
): Promise<ZitadelInactiveExplanation> {
  if (options.isZitadel === false) return unknown(claims, options);
  const explanation = explainAudience(claims, options);
  if (explanation === undefined) return revoked;
  const isLive = await userinfoAccepts(token, options);
  if (isLive === undefined) return explanation;
  const confirmation = isLive
    ? 'The userinfo endpoint accepts the token, so nothing else is wrong with it.'
    : 'The userinfo endpoint rejects the token too, so it was also revoked or replaced, or its user is locked or gone.';
  return { ...explanation, message: `${explanation.message} ${confirmation}` };
}

/** The remaining causes, which only the server can tell apart. */
const revoked: ZitadelInactiveExplanation = {
  cause: 'revoked',
  message:
    'It reads as good. So it was revoked, or superseded by a refresh (only the latest access token of a login is active), or its session has ended, or its user is locked, deactivated or gone, or ZITADEL was called under another origin (scheme, host or port) than its issuer.',
  advice:
    'Get a new token. If that is inactive too, check that proxies forward the host and the scheme of the issuer. ZITADEL also says inactive when it fails internally.',
};

/** Servers differ in what they check, so this names no single cause. */
function unknown({ aud }: Jwt['claims'], options: ExplainInactiveOptions): ZitadelInactiveExplanation {
  const audience = namesApi(aud, options)
    ? ''
    : ` Its audience ${quoted([aud ?? []].flat())} lacks this API's client id ${quoted(options.clientId)}: some servers then say inactive, others do not check it.`;
  return {
    cause: 'unknown',
    message: `It reads as good, so only this server knows the cause: the token may be revoked, or its session or user may be gone.${audience}`,
    advice: 'Get a new token. If that is inactive too, read the log of the server.',
  };
}
