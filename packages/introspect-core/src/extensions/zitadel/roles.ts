import type { ActiveToken, Policy } from '@acme/introspect-core';
import { unsetProblem } from '../../runtime/option-problem.js';
import { isObject, membersOf } from './claims.js';

/** Restricts which roles count. */
export interface ZitadelRoleOptions {
  /**
   * The project whose roles count. If it is present but `undefined` or empty, `zitadelRoles` throws and `hasRole`
   * returns `false`.
   *
   * @default the project of the API that sends the introspection request
   */
  projectId?: string;
  /**
   * Only roles that were granted in this organisation count. If it is present but `undefined` or empty, `zitadelRoles`
   * throws and `hasRole` returns `false`.
   *
   * @default roles of *any* organisation count
   */
  organizationId?: string;
}

/** The prefix of a scope that requests a role of a project. */
const roleScope = 'urn:zitadel:iam:org:project:role:';

/**
 * Returns what is wrong with a policy that lists a role scope, or `undefined`. Such a scope proves nothing: ZITADEL
 * puts it into the token of every user who requests it, with or without the role.
 */
export function roleScopeProblem({ scopes = [], anyScope = [] }: Policy): string | undefined {
  const scope = [...scopes, ...anyScope].find((each) => each.startsWith(roleScope));
  if (scope === undefined) return undefined;
  return (
    `"${scopes.includes(scope) ? 'scopes' : 'anyScope'}" lists "${scope}", which ZITADEL gives to every user who requests it, even without the role: ` +
    `use "anyRole": ["${scope.slice(roleScope.length)}"], which checks the granted roles`
  );
}

/**
 * Returns a function that finds the roles in a token, for the option `rolesOf`.
 *
 * Without `organizationId`, a role counts if any organisation granted it. If your tenants are organisations, give
 * `organizationId`.
 *
 * @throws TypeError naming the option that is unknown, or present but undefined or empty
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
 * Returns whether a token has a role. Without `organizationId`, a role counts if any organisation granted it.
 *
 * If `projectId` or `organizationId` is present but undefined or empty, it returns `false`: the value may come from a
 * claim that the token does not have.
 */
export function hasRole(token: ActiveToken, role: string, options: ZitadelRoleOptions = {}): boolean {
  return roleOptionsProblem(options) === undefined && zitadelRoles(options)(token).includes(role);
}

const roleOptions = ['projectId', 'organizationId'];

/** Returns what is wrong with the options, or `undefined`. */
function roleOptionsProblem(options: object): string | undefined {
  const unknown = Object.keys(options).find((name) => !roleOptions.includes(name));
  if (unknown !== undefined) return `unknown option "${unknown}"; known options: ${roleOptions.join(', ')}`;
  const unset = roleOptions.find((name) => unsetProblem(name, options) !== undefined);
  return unset && `"${unset}" ${unsetProblem(unset, options)}`;
}

function isGrantedIn(organizations: unknown, organizationId: string | undefined): boolean {
  if (!isObject(organizations)) return false;
  return organizationId === undefined
    ? Object.keys(organizations).length > 0
    : Object.hasOwn(organizations, organizationId);
}
