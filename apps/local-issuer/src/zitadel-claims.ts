import { createHash } from 'node:crypto';
import type { LocalIssuerConfiguration } from './configuration.js';

const RESOURCE_OWNER = 'urn:zitadel:iam:user:resourceowner';
const METADATA = 'urn:zitadel:iam:user:metadata';

/** The members of oidc-provider's response to an active token that this file uses. */
export interface ProviderResponse {
  readonly active: true;
  readonly client_id: string;
  readonly scope: string;
  readonly token_type: string;
  readonly exp: number;
  readonly iat: number;
  readonly iss: string;
}

/** Returns the scopes that every user may request for each API. */
export function standardScopes(projectId: string): string[] {
  return ['openid', 'profile', RESOURCE_OWNER, METADATA, `urn:zitadel:iam:org:project:id:${projectId}:aud`];
}

/** Returns the audience of a service user's token: the projects that its scopes name. */
export function audienceOf(scope = ''): string[] {
  return scope.split(' ').flatMap((each) => /^urn:zitadel:iam:org:project:id:(.+):aud$/.exec(each)?.[1] ?? []);
}

/** Returns an active response of oidc-provider as ZITADEL's, with the members in ZITADEL's order. */
export function zitadelResponse(
  configuration: LocalIssuerConfiguration,
  response: ProviderResponse,
  { token, isStrict }: { token: string; isStrict: boolean },
): object {
  const { projectId, organization, serviceUsers } = configuration;
  const user = serviceUsers.find(({ username }) => username === response.client_id);
  if (!user) return { active: false };

  const scopes = response.scope.split(' ');
  const roles = Object.fromEntries(user.roles.map((role) => [role, { [organization.id]: organization.primaryDomain }]));
  return {
    active: true,
    scope: response.scope,
    client_id: user.username,
    token_type: response.token_type,
    exp: response.exp,
    iat: response.iat,
    nbf: response.iat,
    ...(isStrict && { auth_time: response.iat }),
    sub: user.userId,
    aud: audienceOf(response.scope),
    ...(isStrict && { amr: ['pwd'] }),
    iss: response.iss,
    jti: tokenId(token),
    ...(scopes.includes('profile') && {
      username: user.username,
      preferred_username: user.username,
      name: user.name,
    }),
    ...(user.roles.length > 0 && {
      'urn:zitadel:iam:org:project:roles': roles,
      [`urn:zitadel:iam:org:project:${projectId}:roles`]: roles,
    }),
    ...(scopes.includes(RESOURCE_OWNER) && {
      [`${RESOURCE_OWNER}:id`]: organization.id,
      [`${RESOURCE_OWNER}:name`]: organization.name,
      [`${RESOURCE_OWNER}:primary_domain`]: organization.primaryDomain,
    }),
    ...(scopes.includes(METADATA) && {
      [METADATA]: Object.fromEntries(
        Object.entries(user.metadata).map(([key, value]) => [key, Buffer.from(value).toString('base64url')]),
      ),
    }),
  };
}

/**
 * ZITADEL's `jti` is `V2_<session>-at_<id>`. oidc-provider has no id of a token except the opaque token itself, and a
 * response must not contain that. So both numbers come from the token's digest.
 */
function tokenId(token: string): string {
  const digest = createHash('sha256').update(token).digest();
  return `V2_${digest.readBigUInt64BE(0)}-at_${digest.readBigUInt64BE(8)}`;
}
