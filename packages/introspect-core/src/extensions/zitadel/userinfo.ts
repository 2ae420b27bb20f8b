import { ofetchTransport } from '@acme/introspect-core';
import type { ExplainInactiveOptions } from './explain-options.js';

/** An explanation must not wait longer. */
const timeoutMs = 3000;

/**
 * Returns whether ZITADEL's userinfo endpoint (OpenID Connect Core §5.3) accepts a token. The endpoint does not check the
 * audience. The token is sent to the issuer only. Returns `undefined` without `checkUserinfo`, or after another response
 * than 200 and 401.
 */
export async function userinfoAccepts(
  token: string,
  { checkUserinfo = false, issuer, headers = {}, transport = ofetchTransport }: ExplainInactiveOptions,
): Promise<boolean | undefined> {
  if (!checkUserinfo || issuer === undefined) return undefined;
  try {
    const { status } = await transport({
      url: `${issuer.replace(/\/$/, '')}/oidc/v1/userinfo`,
      method: 'GET',
      headers: { ...headers, accept: 'application/json', authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(timeoutMs),
      maxResponseBytes: 262_144,
    });
    if (status === 200) return true;
    return status === 401 ? false : undefined;
  } catch {
    return undefined;
  }
}
