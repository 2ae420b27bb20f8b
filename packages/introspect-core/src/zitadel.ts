/** What is ZITADEL's own: options made for it, roles, metadata, organisation, and the types of its claims. */
import type {
  ActiveToken,
  AuthorizerOptions,
  AuthorizerSettings,
  IntrospectionClientOptions,
} from '@acme/introspect-core';

/** Role → id of the organisation that granted it → that organisation's primary domain. */
export type ZitadelRoles = Readonly<Record<string, Readonly<Record<string, string>>>>;

declare module '@acme/introspect-core' {
  interface ActiveToken {
    /** Roles in the project of the API that asks. */
    readonly 'urn:zitadel:iam:org:project:roles'?: ZitadelRoles;
    readonly [rolesOfProject: `urn:zitadel:iam:org:project:${string}:roles`]: ZitadelRoles | undefined;
    /** The user's organisation; with the scope `urn:zitadel:iam:user:resourceowner`. */
    readonly 'urn:zitadel:iam:user:resourceowner:id'?: string;
    readonly 'urn:zitadel:iam:user:resourceowner:name'?: string;
    readonly 'urn:zitadel:iam:user:resourceowner:primary_domain'?: string;
    /** Key → value in base64url without padding; with the scope of that name. */
    readonly 'urn:zitadel:iam:user:metadata'?: Readonly<Record<string, string>>;
    readonly 'urn:zitadel:iam:org:id'?: string;
    readonly 'urn:zitadel:iam:org:domain:primary'?: string;
    readonly [actionLog: `urn:zitadel:iam:action:${string}:log`]: readonly string[] | undefined;
  }
}

export interface ZitadelOptions extends AuthorizerSettings, IntrospectionClientOptions {
  /** As the console shows it, without a trailing slash. */
  issuer: string;
  /** The API's project: its tokens must name it in `aud`, and roles are those in it. */
  projectId?: string;
}

export interface ZitadelRoleOptions {
  /** Unless given, the project of the API that asks. */
  projectId?: string | undefined;
  /** Unless given, a role counts that was granted in *any* organisation. */
  organizationId?: string | undefined;
}

/** ZITADEL Cloud bans an address for a minute that asks more than 50 times a second. */
const perSecond = 40;

/** The options of an `Authorizer` for ZITADEL. What is given besides wins. */
export function zitadel({ projectId, ...given }: ZitadelOptions): AuthorizerOptions {
  const options = { ...given, limits: { ...given.limits, perSecond: given.limits?.perSecond ?? perSecond } };
  if (projectId === undefined) return options;
  const { audience = projectId, rolesOf = zitadelRoles({ projectId }) } = options;
  return { ...options, audience, rolesOf };
}

/**
 * Finds the roles in a token, for the option `rolesOf`.
 *
 * Without `organizationId` a role counts that was granted in any organisation: where tenants are organisations, give it.
 */
export function zitadelRoles({ projectId, organizationId }: ZitadelRoleOptions = {}): (token: ActiveToken) => string[] {
  const claim =
    projectId === undefined ? 'urn:zitadel:iam:org:project:roles' : `urn:zitadel:iam:org:project:${projectId}:roles`;
  return (token) =>
    membersOf(token[claim])
      .filter(([, organizations]) => isGrantedIn(organizations, organizationId))
      .map(([role]) => role);
}

/** Whether a token has a role; without `organizationId`, in any organisation. */
export function hasRole(token: ActiveToken, role: string, options: ZitadelRoleOptions = {}): boolean {
  return zitadelRoles(options)(token).includes(role);
}

/** The user's metadata, decoded. Empty without the scope `urn:zitadel:iam:user:metadata`; what is no text is left out. */
export function metadata(token: ActiveToken): Readonly<Record<string, string>> {
  const decoded = membersOf(token['urn:zitadel:iam:user:metadata']).flatMap(([key, value]) => {
    const text = decodeBase64Url(value);
    return text === undefined ? [] : [[key, text] as const];
  });
  return Object.freeze(Object.fromEntries(decoded));
}

/** The user's organisation, or `undefined` without the scope `urn:zitadel:iam:user:resourceowner`. */
export function organization(
  token: ActiveToken,
): { readonly id: string; readonly name?: string; readonly primaryDomain?: string } | undefined {
  const id = token['urn:zitadel:iam:user:resourceowner:id'];
  const name = token['urn:zitadel:iam:user:resourceowner:name'];
  const primaryDomain = token['urn:zitadel:iam:user:resourceowner:primary_domain'];
  if (typeof id !== 'string') return undefined;
  return {
    id,
    ...(typeof name === 'string' && { name }),
    ...(typeof primaryDomain === 'string' && { primaryDomain }),
  };
}

/** The own members of an object, or of the objects in a list: the documentation shows the one, the server sends the other. */
function membersOf(claim: unknown): [name: string, value: unknown][] {
  const objects: unknown[] = Array.isArray(claim) ? claim : [claim];
  return objects.flatMap((each) => (isObject(each) ? Object.entries(each) : []));
}

function isGrantedIn(organizations: unknown, organizationId: string | undefined): boolean {
  if (!isObject(organizations)) return false;
  return organizationId === undefined
    ? Object.keys(organizations).length > 0
    : Object.hasOwn(organizations, organizationId);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function decodeBase64Url(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  try {
    const binary = atob(value.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
