import type { LookupEvent } from '../lookup/lookup-stats.js';
import { ClaimsReader } from '../policy/claims-reader.js';
import type { Expectations } from '../policy/prepared-policy.js';
import { protectedResourceMetadataUrl } from '../protocol/protected-resource-metadata.js';
import type { CheckedAuthorizerOptions } from './authorizer-options-schema.js';

/**
 * Returns what an authorizer with these options expects of every token.
 *
 * @throws TypeError for `issuerAliases` without `issuer`
 */
export function expectationsOf(
  options: CheckedAuthorizerOptions,
  issuer: string | undefined,
  emit: (event: LookupEvent) => void,
): Expectations {
  const { audience, issuerAliases, tokenTypes, claims, resource } = options;
  if (issuerAliases !== undefined && issuer === undefined) {
    throw new TypeError('Authorizer: "issuerAliases" needs the option "issuer", whose other names they are');
  }
  const { resourceMetadata = resource && protectedResourceMetadataUrl(resource) } = options;
  return {
    clockSkewSeconds: options.clockSkewSeconds,
    issuer,
    issuerAliases: issuerAliases?.slice(),
    audience: typeof audience === 'string' ? [audience] : audience?.slice(),
    tokenTypes: tokenTypes?.flatMap((type) => [type, type.toLowerCase()]),
    scopes: options.scopes?.slice(),
    roles: options.roles?.slice(),
    rolesOf: options.rolesOf,
    policyProblem: options.policyProblem,
    claims: claims && new ClaimsReader(claims, (paths) => emit({ type: 'claims_rejected', paths })),
    challenge: { realm: options.realm, resource_metadata: resourceMetadata },
  };
}
