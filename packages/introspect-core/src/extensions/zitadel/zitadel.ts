/** The preset for ZITADEL. */
import type { AuthorizerOptions, AuthorizerSettings, IntrospectionClientOptions } from '@acme/introspect-core';
import { inheritedProblem, unsetProblem } from './option-problem.js';
import { roleScopeProblem, zitadelRoles } from './roles.js';

export { metadata, organization, type ZitadelRoles } from './claims.js';
export { hasRole, type ZitadelRoleOptions, zitadelRoles } from './roles.js';

/** Authorizer settings and client options, plus the project. */
export interface ZitadelOptions extends AuthorizerSettings, IntrospectionClientOptions {
  /** The URL of the instance as the console shows it, without a trailing slash. */
  issuer: string | undefined;
  /**
   * The API's project. A token must name it in `aud`, and only roles in it count. Personal access tokens of every user
   * of the instance pass the `aud` check.
   *
   * May be read from the environment: if it is present but `undefined` or empty, `zitadel` throws a TypeError.
   */
  projectId?: string | undefined;
}

/** ZITADEL Cloud bans an address for a minute if it sends more than 50 requests per second. */
const perSecond = 40;

/**
 * Returns the options of an `Authorizer` for ZITADEL. The options that you give override its defaults.
 *
 * Its `policyProblem` rejects policies that list a role scope. If you give a `policyProblem` too, both apply.
 *
 * @throws TypeError naming `projectId` when it is present but undefined or empty
 */
export function zitadel(options: ZitadelOptions): AuthorizerOptions {
  for (const name of ['projectId', 'limits', 'policyProblem', 'audience', 'rolesOf'])
    refuse(name, inheritedProblem(name, options));
  refuse('projectId', unsetProblem('projectId', options));
  // A spread would leave out options that are not enumerable.
  const names = Object.getOwnPropertyNames(options).filter((name) => name !== 'projectId');
  const given = Object.fromEntries(names.map((name) => [name, Reflect.get(options, name)])) as typeof options;
  const { projectId } = options;
  const { policyProblem } = given;
  if (policyProblem !== undefined && typeof policyProblem !== 'function') {
    throw new TypeError('zitadel: "policyProblem" must be a function');
  }
  const preset: AuthorizerOptions = {
    ...given,
    limits: { ...given.limits, perSecond: given.limits?.perSecond ?? perSecond },
    policyProblem: (policy) => roleScopeProblem(policy) ?? policyProblem?.(policy),
    ...(projectId !== undefined && !('audience' in given) && { audience: projectId }),
    ...(projectId !== undefined && given.rolesOf === undefined && { rolesOf: zitadelRoles({ projectId }) }),
  };
  // Keep the prototype, so that the authorizer still finds inherited options and rejects them.
  return Object.setPrototypeOf(preset, Object.getPrototypeOf(options));
}

function refuse(name: string, problem: string | undefined): void {
  if (problem !== undefined) throw new TypeError(`zitadel: "${name}" ${problem}`);
}
