import type { InactiveExplanation } from '@acme/introspect-core';
import { explainInactive as explainAtKeycloak } from '@acme/introspect-core/keycloak/explain';
import { explainInactive as explainAtZitadel } from '@acme/introspect-core/zitadel/explain';
import { isZitadel } from '../../zitadel/is-zitadel.js';

type ZitadelOptions = Parameters<typeof explainAtZitadel>[1];

/** The token that a server called inactive, and where it was introspected. */
export interface InactiveToken extends Omit<ZitadelOptions, 'isZitadel' | 'checkUserinfo'> {
  token: string;
  endpoint: string;
  instanceHost: string | undefined;
}

/** Explains why the server may have called a token inactive. Names what only ZITADEL or Keycloak does, if it is one. */
export async function explanationOf({
  token,
  endpoint,
  instanceHost,
  projectId,
  ...options
}: InactiveToken): Promise<InactiveExplanation> {
  if (isKeycloak(endpoint)) return explainAtKeycloak(token, options);
  const ofZitadel = isZitadel(endpoint, instanceHost);
  return explainAtZitadel(token, { ...options, projectId, isZitadel: ofZitadel, checkUserinfo: true });
}

/** Returns whether an endpoint is that of Keycloak, by its path. A prefix, such as `/auth`, may be before it. */
function isKeycloak(endpoint: string): boolean {
  return /\/realms\/[^/]+\/protocol\/openid-connect\/token\/introspect$/.test(new URL(endpoint).pathname);
}
