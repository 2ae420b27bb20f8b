import type { ActiveToken } from '@acme/introspect-core';
import { unsetProblem } from '../../runtime/option-problem.js';
import { isObject, ownMember, textsIn } from './claim-values.js';

/** Whose roles count. */
export interface KeycloakRoleOptions {
  /**
   * The client id whose roles count, from `resource_access`. Roles of the realm then do not count. If it is present but
   * `undefined` or empty, `keycloakRoles` throws.
   *
   * @default only the roles of the realm count, from `realm_access`
   */
  client?: string;
}

/**
 * Returns a function that finds the roles in a token, for the option `rolesOf`: without `client` those of the realm only,
 * with it those of that client only. A claim of another shape has no roles.
 *
 * The roles are in the response only if the OAuth client that requested the token has Keycloak's scope `roles`, which it has
 * by default.
 *
 * @example
 * ```ts
 * const authorizer = new Authorizer(keycloak({ rolesOf: keycloakRoles({ client: 'api' }) }));
 * ```
 * @throws TypeError naming the option that is unknown, or present but undefined or empty
 */
export function keycloakRoles(options: KeycloakRoleOptions = {}): (token: ActiveToken) => string[] {
  const problem = roleOptionsProblem(options);
  if (problem !== undefined) throw new TypeError(`keycloakRoles: ${problem}`);
  const { client } = options;
  return client === undefined ? realmRoles : (token) => rolesOfClient(token, client);
}

/** Returns the roles of the realm. */
export function realmRoles(token: ActiveToken): string[] {
  return rolesIn(ownMember(token, 'realm_access'));
}

/** Returns the roles of each OAuth client. The object has no prototype, so it has no inherited names. */
export function clientRoles(token: ActiveToken): Readonly<Record<string, readonly string[] | undefined>> {
  const access = ownMember(token, 'resource_access');
  const roles: Record<string, readonly string[]> = Object.create(null);
  if (isObject(access)) for (const client of Object.keys(access)) roles[client] = rolesOfClient(token, client);
  return Object.freeze(roles);
}

function rolesOfClient(token: ActiveToken, client: string): string[] {
  return rolesIn(ownMember(ownMember(token, 'resource_access'), client));
}

function rolesIn(access: unknown): string[] {
  return textsIn(ownMember(access, 'roles'));
}

function roleOptionsProblem(options: object): string | undefined {
  const unknown = Object.keys(options).find((name) => name !== 'client');
  if (unknown !== undefined) return `unknown option "${unknown}"; known options: client`;
  const unset = unsetProblem('client', options);
  return unset && `"client" ${unset}`;
}
