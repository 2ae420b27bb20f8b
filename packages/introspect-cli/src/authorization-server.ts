import { exitCodes, Failure } from './failure.js';
import { checkSecure, requestJson } from './json-request.js';

/** What the metadata of an issuer says (OpenID Connect Discovery §4), as far as these commands go by it. */
export interface AuthorizationServer {
  readonly issuer: string;
  readonly tokenEndpoint: string;
}

/**
 * Reads an issuer's metadata.
 *
 * @throws Failure when it cannot be had, names another issuer, or has no token endpoint that may be sent a secret
 */
export async function discover(
  issuer: string,
  headers: Readonly<Record<string, string>>,
): Promise<AuthorizationServer> {
  checkSecure(issuer, 'The issuer');
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const { status, value = {} } = await requestJson({ method: 'GET', url, headers });
  if (status !== 200) {
    const advice = 'Check --issuer: it is the URL of the instance, without a path.';
    throw new Failure(exitCodes.failed, 'no_metadata', `${url} answered ${status}`, advice);
  }
  if (value.issuer !== issuer) {
    const isSlash = typeof value.issuer === 'string' && value.issuer.replace(/\/$/, '') === issuer.replace(/\/$/, '');
    throw new Failure(
      exitCodes.failed,
      'issuer_mismatch',
      `The server at ${issuer} calls itself by another name`,
      isSlash ? slashAdvice(issuer) : 'Give the issuer as the console shows it.',
    );
  }
  const { token_endpoint: tokenEndpoint } = value;
  if (typeof tokenEndpoint !== 'string' || !URL.canParse(tokenEndpoint)) {
    throw new Failure(exitCodes.failed, 'no_token_endpoint', `The metadata of ${issuer} names no token endpoint`);
  }
  checkSecure(tokenEndpoint, 'The token endpoint');
  return { issuer, tokenEndpoint };
}

/** Issuers are compared character by character. */
function slashAdvice(given: string): string {
  return given.endsWith('/')
    ? `Give the issuer as ${given.slice(0, -1)}, without a slash at its end.`
    : `Give the issuer as ${given}/, slash and all.`;
}
