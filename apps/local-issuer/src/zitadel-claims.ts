import { createHash } from 'node:crypto';
import type { LocalIssuerConfiguration } from './configuration.js';

const RESOURCE_OWNER = 'urn:zitadel:iam:user:resourceowner';
const METADATA = 'urn:zitadel:iam:user:metadata';

/** What oidc-provider says about an active token, as far as it is used here. */
export interface ProviderAnswer {
  readonly active: true;
  readonly client_id: string;
  readonly scope: string;
  readonly token_type: string;
  readonly exp: number;
  readonly iat: number;
  readonly iss: string;
}

/** The scopes that every user may ask for, whatever API it calls. */
export function standardScopes(projectId: string): string[] {
  return ['openid', 'profile', RESOURCE_OWNER, METADATA, `urn:zitadel:iam:org:project:id:${projectId}:aud`];
}

/** A service user's token is for the projects that it asked for by scope, and for nobody else. */
export function audienceOf(scope = ''): string[] {
  return scope.split(' ').flatMap((each) => /^urn:zitadel:iam:org:project:id:(.+):aud$/.exec(each)?.[1] ?? []);
}

/** Words an active answer of oidc-provider as ZITADEL does, members in ZITADEL's order. */
export function zitadelAnswer(configuration: LocalIssuerConfiguration, answer: ProviderAnswer, token: string): object {
  const { projectId, organization, serviceUsers } = configuration;
  const user = serviceUsers.find(({ username }) => username === answer.client_id);
  if (!user) return { active: false };

  const scopes = answer.scope.split(' ');
  const roles = Object.fromEntries(user.roles.map((role) => [role, { [organization.id]: organization.primaryDomain }]));
  return {
    active: true,
    scope: answer.scope,
    client_id: user.username,
    token_type: answer.token_type,
    exp: answer.exp,
    iat: answer.iat,
    nbf: answer.iat,
    sub: user.userId,
    aud: audienceOf(answer.scope),
    iss: answer.iss,
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
 * ZITADEL's `jti` is `V2_<session>-at_<id>`. oidc-provider has no id besides the opaque token itself, which an
 * answer must not repeat, so both numbers come from the token's digest.
 */
function tokenId(token: string): string {
  const digest = createHash('sha256').update(token).digest();
  return `V2_${digest.readBigUInt64BE(0)}-at_${digest.readBigUInt64BE(8)}`;
}
