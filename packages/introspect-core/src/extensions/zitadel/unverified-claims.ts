/** Explains a JWT by its claims, which may be forged. */
import type { Jwt } from '@acme/introspect-core/jwt-prefilter';
import type { ExplainInactiveOptions } from './explain-options.js';
import type { ZitadelInactiveExplanation } from './explanation.js';
import { dateOf, quoted, relativeTime } from './wording.js';

type Claims = Jwt['claims'];

/** Explains a token that another issuer issued. */
export function explainIssuer(
  { iss }: Claims,
  { issuer }: ExplainInactiveOptions,
): ZitadelInactiveExplanation | undefined {
  if (iss === undefined || iss === issuer) return undefined;
  return {
    cause: 'issuer_mismatch',
    message: `It was issued by ${quoted(iss)}, and this API trusts ${quoted(issuer)}.`,
    advice: 'Get a token from that issuer, or configure the one that issued it.',
  };
}

/** Explains a token that has expired or is not valid yet. */
export function explainTimes(
  { exp, nbf }: Claims,
  { now = Date.now }: ExplainInactiveOptions,
): ZitadelInactiveExplanation | undefined {
  const seconds = now() / 1000;
  if (typeof exp === 'number' && exp <= seconds) {
    return {
      cause: 'expired',
      message: `It expired ${relativeTime(-(seconds - exp))} (${dateOf(exp)}).`,
      advice: 'Get a new token, with the refresh token if there is one.',
    };
  }
  if (typeof nbf === 'number' && nbf > seconds) {
    return {
      cause: 'not_yet_valid',
      message: `It will be valid ${relativeTime(nbf - seconds)} (${dateOf(nbf)}).`,
      advice: 'Compare the clocks of this machine and the server: introspect doctor does.',
    };
  }
  return undefined;
}

/** Explains a token that is not an access token, such as an ID token. */
export function explainKind(claims: Claims): ZitadelInactiveExplanation | undefined {
  const kind = kindOf(claims);
  if (kind === undefined) return undefined;
  return { cause: 'not_an_access_token', message: `It is ${kind}.`, advice: 'Send the access token.' };
}

/**
 * Returns what a token is if its claims show that it is not an access token: an ID token (OpenID Connect Core §2), a
 * logout token (OpenID Connect Back-Channel Logout §2.4), or a refresh token of Keycloak, whose `typ` names each kind.
 */
function kindOf(claims: Claims): string | undefined {
  if (claims.typ === 'Refresh' || claims.typ === 'Offline') return 'a refresh token';
  if (claims.typ === 'ID' || ['nonce', 'at_hash', 'c_hash'].some((name) => Object.hasOwn(claims, name)))
    return 'an ID token';
  return Object.hasOwn(claims, 'events') ? 'a logout token' : undefined;
}

/** Explains a token whose audience names neither this API nor its project. */
export function explainAudience(
  { aud = [] }: Claims,
  options: ExplainInactiveOptions,
): ZitadelInactiveExplanation | undefined {
  const { clientId, projectId } = options;
  if (namesApi(aud, options)) return undefined;
  const audience: readonly unknown[] = [aud].flat();
  const lacks = `lacks this API's client id ${quoted(clientId)}`;
  return {
    cause: 'audience_mismatch',
    message:
      projectId === undefined
        ? `Its audience ${quoted(audience)} ${lacks}; whether it names the project instead is unknown without "projectId".`
        : `Its audience ${quoted(audience)} ${lacks} and its project id ${quoted(projectId)}.`,
    advice: `Request it with ${scopeAdvice(options)} A login must go through an application of the project.`,
  };
}

/** Returns whether an audience names this API or its project. */
export function namesApi(aud: unknown, { clientId, projectId }: ExplainInactiveOptions): boolean {
  const audience: readonly unknown[] = [aud].flat();
  return audience.includes(clientId) || (projectId !== undefined && audience.includes(projectId));
}

/** Names the scope that puts this API's project into the audience of a token. Ends the sentence. */
export function scopeAdvice({ projectId = '<project id>' }: ExplainInactiveOptions): string {
  return `the scope urn:zitadel:iam:org:project:id:${projectId}:aud.`;
}
