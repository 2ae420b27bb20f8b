/** What is ZITADEL's own: options made for it, roles, metadata, organisation, and the types of its claims. */
import type {
  ActiveToken,
  AuthorizerOptions,
  AuthorizerSettings,
  IntrospectionClientOptions,
  Policy,
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
  issuer: string | undefined;
  /**
   * The API's project: its tokens must name it in `aud`, and roles are those in it. Personal access tokens of every user of
   * the instance pass this check. May be read from the environment: present but `undefined` or empty throws a TypeError.
   */
  projectId?: string | undefined;
}

export interface ZitadelRoleOptions {
  /** Unless given, the project of the API that asks. Present but `undefined` or empty, it is no project. */
  projectId?: string;
  /** Unless given, a role counts that was granted in *any* organisation. Present but `undefined` or empty, in none. */
  organizationId?: string;
}

/** ZITADEL Cloud bans an address for a minute that asks more than 50 times a second. */
const perSecond = 40;

/** A policy's scope that begins so asks for a role of a project. */
const roleScope = 'urn:zitadel:iam:org:project:role:';

/**
 * The options of an `Authorizer` for ZITADEL. What is given besides wins; a `policyProblem` counts beside this one's, which
 * rejects policies that name a role scope.
 *
 * @throws TypeError naming `projectId` when it is present but undefined or empty
 */
export function zitadel(options: ZitadelOptions): AuthorizerOptions {
  for (const name of ['projectId', 'limits', 'policyProblem', 'audience', 'rolesOf']) refuseInherited(name, options);
  refuseUnset('zitadel', 'projectId', options);
  const { projectId, ...given } = options;
  const { policyProblem } = given;
  if (policyProblem !== undefined && typeof policyProblem !== 'function') {
    throw new TypeError('zitadel: "policyProblem" must be a function');
  }
  const made: AuthorizerOptions = {
    ...given,
    limits: { ...given.limits, perSecond: given.limits?.perSecond ?? perSecond },
    policyProblem: (policy) => roleScopeProblem(policy) ?? policyProblem?.(policy),
    ...(projectId !== undefined && !('audience' in given) && { audience: projectId }),
    ...(projectId !== undefined && given.rolesOf === undefined && { rolesOf: zitadelRoles({ projectId }) }),
  };
  // The authorizer refuses what is only inherited, so it must still see that.
  return Object.setPrototypeOf(made, Object.getPrototypeOf(options));
}

/** A role scope proves nothing: ZITADEL puts it into the token of everybody who requests it, with the role or without. */
function roleScopeProblem({ scopes = [] }: Policy): string | undefined {
  const scope = scopes.find((each) => each.startsWith(roleScope));
  if (scope === undefined) return undefined;
  return (
    `"scopes" names "${scope}", which everybody may request and gets without having the role: ` +
    `use "anyRole": ["${scope.slice(roleScope.length)}"], which looks at the roles that were granted`
  );
}

/**
 * Finds the roles in a token, for the option `rolesOf`.
 *
 * Without `organizationId` a role counts that was granted in any organisation: where tenants are organisations, give it.
 *
 * @throws TypeError naming the option that is present but undefined or empty
 */
export function zitadelRoles(options: ZitadelRoleOptions = {}): (token: ActiveToken) => string[] {
  refuseUnset('zitadelRoles', 'projectId', options);
  refuseUnset('zitadelRoles', 'organizationId', options);
  const { projectId, organizationId } = options;
  const claim =
    projectId === undefined ? 'urn:zitadel:iam:org:project:roles' : `urn:zitadel:iam:org:project:${projectId}:roles`;
  return (token) =>
    membersOf(token[claim])
      .filter(([, organizations]) => isGrantedIn(organizations, organizationId))
      .map(([role]) => role);
}

/**
 * Whether a token has a role; without `organizationId`, in any organisation. An option that is present but undefined or
 * empty grants nothing: it may have come from a claim that the token does not have.
 */
export function hasRole(token: ActiveToken, role: string, options: ZitadelRoleOptions = {}): boolean {
  const isUnset = roleOptions.some((name) => unsetProblem(name, options) !== undefined);
  return !isUnset && zitadelRoles(options)(token).includes(role);
}

const inherited = 'is inherited: it must be a property of the options object itself';

function refuseInherited(name: string, options: object): void {
  if (name in options && !Object.hasOwn(options, name)) throw new TypeError(`zitadel: "${name}" ${inherited}`);
}

const roleOptions = ['projectId', 'organizationId'] as const;

function refuseUnset(owner: string, name: string, options: object): void {
  const problem = unsetProblem(name, options);
  if (problem !== undefined) throw new TypeError(`${owner}: "${name}" ${problem}`);
}

/** What is wrong with an option that narrows access: it may be left out, but not be present without a value. */
function unsetProblem(name: string, options: object): string | undefined {
  if (!(name in options)) return undefined;
  if (!Object.hasOwn(options, name)) return inherited;
  const value: unknown = Reflect.get(options, name);
  const advice = 'leave it out, or give a value; is an environment variable unset?';
  if (value === undefined) return `is undefined: ${advice}`;
  if (value === '') return `must not be empty: ${advice}`;
  return typeof value === 'string' ? undefined : 'must be a string';
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
