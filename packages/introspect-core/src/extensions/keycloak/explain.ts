/** Explains why Keycloak may have called a token inactive. For the developers of an API, never for its callers. */
import type { Jwt } from '@acme/introspect-core/jwt-prefilter';
import type { ExplainTokenOptions } from '../explain/explain-options.js';
import { explainToken } from '../explain/explain-token.js';
import type { TokenExplanation } from '../explain/explanation.js';
import { checkOtherAlgorithm } from '../explain/signature-check.js';
import { quoted } from '../explain/wording.js';

export type { InactiveCause } from '../explain/explanation.js';

/**
 * Which API received the token, and how to fetch the realm's keys.
 *
 * In the option `explainInactive` of an authorizer, pass its context on: `{ ...context, clientId }`. Then the keys are
 * fetched with the client's own transport and headers, and `transport` and `headers` are not used.
 */
export interface ExplainInactiveOptions extends ExplainTokenOptions {}

/** Why Keycloak may have called a token inactive: a cause for programs, and a message for developers. */
export type KeycloakInactiveExplanation = TokenExplanation;

/**
 * Explains why Keycloak may have called this token inactive. It reads the claims of a JWT, and verifies the signature with
 * the keys that the realm publishes. What only the server knows (an ended session, a disabled user) is a guess.
 *
 * The message may contain the token's issuer, audience and times, never the token itself. Metadata and keys are fetched
 * with a time limit of 3 s each (1 s with the context of an authorizer), and reused for up to 10 minutes. If they cannot
 * be fetched, the signature is not checked, and the message says so.
 *
 * @example
 * ```ts
 * const authorizer = new Authorizer(
 *   keycloak({ explainInactive: (token, context) => explainInactive(token, { ...context, clientId: 'api' }) }),
 * );
 * ```
 * @throws TypeError naming the option that is missing or has another type
 */
export async function explainInactive(
  token: string,
  options: ExplainInactiveOptions,
): Promise<KeycloakInactiveExplanation> {
  const explanation = await explainToken(token, options, {
    opaque: () => opaque,
    otherAlgorithm: checkOtherAlgorithm, // Keycloak signs refresh tokens with a secret of its own
    rest: ({ claims }) => explainAudience(claims, options) ?? ended,
  });
  return explanation.cause === 'issuer_mismatch' ? { ...explanation, advice: issuerAdvice } : explanation;
}

const opaque: TokenExplanation = {
  cause: 'opaque',
  message: 'It is not a JWT, so nothing can be read from it. The access tokens of Keycloak are JWTs.',
  advice: 'Look at where it comes from: it may be an authorization code, or a token of another server.',
};

const issuerAdvice =
  'Get a token from the realm of this API. If only the host differs: the option hostname of Keycloak (KC_HOSTNAME) gives all tokens one issuer, and "metadataUrl" lets this API use an internal address.';

/** Explains a token whose audience lacks the client that introspects. */
function explainAudience(
  { aud = [] }: Jwt['claims'],
  { clientId }: ExplainInactiveOptions,
): TokenExplanation | undefined {
  const audience: readonly unknown[] = [aud].flat();
  if (audience.includes(clientId)) return undefined;
  const client = quoted(clientId);
  const lacks = audience.length === 0 ? 'It has no audience, so it lacks' : `Its audience ${quoted(audience)} lacks`;
  return {
    cause: 'audience_mismatch',
    message: `${lacks} this API's client id ${client}. Current versions of Keycloak call such a token inactive.`,
    advice: `Add a mapper of the type "Audience", with the included client audience ${client}, to the client that requests tokens or to one of its client scopes. Then get a new token.`,
  };
}

/** The remaining causes, which only the server can tell apart. */
const ended: TokenExplanation = {
  cause: 'revoked',
  message:
    'It reads as good. So its session has ended (by a logout, or by the idle or maximum time of a session), or it was revoked, or its user or client is disabled or gone.',
  advice: 'Log in again, and send the new access token.',
};
