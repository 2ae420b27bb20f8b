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
   * The API's project. A token must name it in `aud`, and only roles in it count. Personal access tokens of every user
   * of the instance pass the `aud` check.
   *
   * May be read from the environment: if it is present but `undefined` or empty, `zitadel` throws a TypeError.
   */
  projectId?: string | undefined;
}

export interface ZitadelRoleOptions {
  /**
   * The project whose roles count. If it is present but `undefined` or empty, `zitadelRoles` throws and `hasRole`
   * returns `false`.
   *
   * @default the project of the API that sends the introspection request
   */
  projectId?: string;
  /**
   * Only roles that were granted in this organisation count. If it is left out, roles of *any* organisation count. If
   * it is present but `undefined` or empty, `zitadelRoles` throws and `hasRole` returns `false`.
   */
  organizationId?: string;
}

/** ZITADEL Cloud bans an address for a minute that asks more than 50 times a second. */
const perSecond = 40;

/** The prefix of a scope that requests a role of a project. */
const roleScope = 'urn:zitadel:iam:org:project:role:';

/**
 * Returns the options of an `Authorizer` for ZITADEL. The options that you give override its defaults.
 *
 * Its `policyProblem` rejects policies that list a role scope. If you give a `policyProblem` too, both apply.
 *
 * @throws TypeError naming `projectId` when it is present but undefined or empty
 */
export function zitadel(options: ZitadelOptions): AuthorizerOptions {
  for (const name of ['projectId', 'limits', 'policyProblem', 'audience', 'rolesOf']) refuseInherited(name, options);
  refuseUnset('zitadel', 'projectId', options);
  // Not by a spread, which leaves out what is not enumerable.
  const names = Object.getOwnPropertyNames(options).filter((name) => name !== 'projectId');
  const given = Object.fromEntries(names.map((name) => [name, Reflect.get(options, name)])) as typeof options;
  const { projectId } = options;
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
  // Keep the prototype, so that the authorizer still finds inherited options and rejects them.
  return Object.setPrototypeOf(made, Object.getPrototypeOf(options));
}

/**
 * A role scope proves nothing: ZITADEL puts it into the token of every user who requests it, with or without the role.
 */
function roleScopeProblem({ scopes = [] }: Policy): string | undefined {
  const scope = scopes.find((each) => each.startsWith(roleScope));
  if (scope === undefined) return undefined;
  return (
    `"scopes" lists "${scope}", which ZITADEL gives to every user who requests it, even without the role: ` +
    `use "anyRole": ["${scope.slice(roleScope.length)}"], which checks the granted roles`
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
  const problem = roleOptionsProblem(options);
  if (problem !== undefined) throw new TypeError(`zitadelRoles: ${problem}`);
  const { projectId, organizationId } = options;
  const claim =
    projectId === undefined ? 'urn:zitadel:iam:org:project:roles' : `urn:zitadel:iam:org:project:${projectId}:roles`;
  return (token) =>
    membersOf(token[claim])
      .filter(([, organizations]) => isGrantedIn(organizations, organizationId))
      .map(([role]) => role);
}

/**
 * Returns whether a token has a role; without `organizationId`, in any organisation.
 *
 * If `projectId` or `organizationId` is present but undefined or empty, it returns `false`: the value may come from a
 * claim that the token does not have.
 */
export function hasRole(token: ActiveToken, role: string, options: ZitadelRoleOptions = {}): boolean {
  return roleOptionsProblem(options) === undefined && zitadelRoles(options)(token).includes(role);
}

const inherited = 'is inherited, for example from a class: set it on the options object itself';

function refuseInherited(name: string, options: object): void {
  if (name in options && !Object.hasOwn(options, name)) throw new TypeError(`zitadel: "${name}" ${inherited}`);
}

const roleOptions = ['projectId', 'organizationId'];

/** What is wrong with the options that narrow down which roles count, or `undefined`. */
function roleOptionsProblem(options: object): string | undefined {
  const unknown = Object.keys(options).find((name) => !roleOptions.includes(name));
  if (unknown !== undefined) return `"${unknown}" is no option; there are ${roleOptions.join(', ')}`;
  const unset = roleOptions.find((name) => unsetProblem(name, options) !== undefined);
  return unset && `"${unset}" ${unsetProblem(unset, options)}`;
}

function refuseUnset(owner: string, name: string, options: object): void {
  const problem = unsetProblem(name, options);
  if (problem !== undefined) throw new TypeError(`${owner}: "${name}" ${problem}`);
}

/** Returns what is wrong with an option that may be left out, but must have a value if it is present. */
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
