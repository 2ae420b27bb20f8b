/** The preset for ZITADEL. */
import type {
  ActiveToken,
  AuthorizerOptions,
  AuthorizerSettings,
  ClientCredentials,
  OptionalClientOptions,
  ServerLocation,
} from '@acme/introspect-core';
import { type Environment, presetInput } from '../../runtime/environment.js';
import { inheritedProblem, unsetProblem } from '../../runtime/option-problem.js';
import { metadata, organization, type ZitadelOrganization } from './claims.js';
import { roleScopeProblem, zitadelRoles } from './roles.js';

export { metadata, organization, type ZitadelOrganization, type ZitadelRoles } from './claims.js';
export { hasRole, type ZitadelRoleOptions, zitadelRoles } from './roles.js';

/** `token.claims` of an authorizer for ZITADEL. */
export interface ZitadelClaims {
  /** The user's organisation; `undefined` without the scope `urn:zitadel:iam:user:resourceowner`. */
  readonly organization: ZitadelOrganization | undefined;
  /** The user's metadata, decoded; empty without the scope `urn:zitadel:iam:user:metadata`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The roles in the API's project, granted by any organisation. */
  readonly roles: readonly string[];
}

/** Authorizer settings and client options, plus the project. Options that are absent are read from the environment. */
export type ZitadelOptions<
  Claims = ZitadelClaims,
  Scope extends string = string,
  Role extends string = string,
  Native = unknown,
> = AuthorizerSettings<Claims, Scope, Role, Native> &
  OptionalClientOptions &
  Partial<ServerLocation & ClientCredentials> & {
    /**
     * The API's project, `ZITADEL_PROJECT_ID` in the environment. A token must name it in `aud`, and only roles in it
     * count. Personal access tokens of every user of the instance pass the `aud` check.
     *
     * If it is present but `undefined` or empty, `zitadel` throws a TypeError.
     *
     * @default `ZITADEL_PROJECT_ID`; without it the audience is not checked, and there is no `rolesOf` for policies
     */
    projectId?: string | undefined;
    /**
     * The environment to read.
     *
     * @default process.env
     */
    env?: Environment;
  };

/** ZITADEL Cloud bans an address for a minute if it sends more than 50 requests per second. */
const perSecond = 40;

const variables = [
  { option: 'issuer', variable: 'ZITADEL_ISSUER' },
  { option: 'introspectionEndpoint', variable: 'INTROSPECTION_ENDPOINT' },
  { option: 'projectId', variable: 'ZITADEL_PROJECT_ID' },
  { option: 'instanceHost', variable: 'ZITADEL_INSTANCE_HOST' },
];
const credentials = [
  { option: 'clientId', variable: 'ZITADEL_CLIENT_ID' },
  { option: 'clientSecret', variable: 'ZITADEL_CLIENT_SECRET' },
];

/**
 * Returns the options of an `Authorizer` for ZITADEL. The options that you give override its defaults.
 *
 * Options that are absent are read from the environment: `ZITADEL_ISSUER`, `ZITADEL_CLIENT_ID`, `ZITADEL_CLIENT_SECRET`
 * and `ZITADEL_PROJECT_ID`, as `introspect register` writes them; also `INTROSPECTION_ENDPOINT` and
 * `ZITADEL_INSTANCE_HOST`, for an internal address. Does not read a `.env` file: use `node --env-file=.env`.
 *
 * `token.claims` has the user's organisation, metadata and roles, unless you give `claims`. `limits.perSecond` is 40 by
 * default. `policyProblem` makes policies that list a role scope throw a TypeError. If you give a `policyProblem`, both
 * apply.
 *
 * @example
 * ```ts
 * const authorizer = new Authorizer(zitadel({ cache: { maxAgeSeconds: 60 } }));
 * ```
 * @throws TypeError naming every missing variable, or `projectId` if it is present but undefined or empty
 */
export function zitadel<
  Claims = ZitadelClaims,
  const Scope extends string = string,
  const Role extends string = string,
  Native = unknown,
>(options: ZitadelOptions<Claims, Scope, Role, Native> = {}): AuthorizerOptions<Claims, Scope, Role, Native> {
  for (const name of ['projectId', 'env', 'headers', 'claims', 'limits', 'policyProblem', 'audience', 'rolesOf'])
    refuse(name, inheritedProblem(name, options));
  refuse('projectId', unsetProblem('projectId', options));
  const { given, read } = presetInput('zitadel', options, { names: ['projectId', 'env'], variables, credentials });
  const { instanceHost, projectId: projectIdRead, ...fromEnvironment } = read;
  const { projectId = projectIdRead } = options;
  const { policyProblem } = given;
  if (policyProblem !== undefined && typeof policyProblem !== 'function') {
    throw new TypeError('zitadel: "policyProblem" must be a function');
  }
  const rolesIn = zitadelRoles(projectId === undefined ? {} : { projectId });
  const claims = (token: ActiveToken): ZitadelClaims => ({
    organization: organization(token),
    metadata: metadata(token),
    roles: rolesIn(token),
  });
  const preset = {
    claims,
    ...fromEnvironment,
    ...given,
    ...(instanceHost !== undefined && { headers: { 'x-zitadel-instance-host': instanceHost, ...given.headers } }),
    limits: { ...given.limits, perSecond: given.limits?.perSecond ?? perSecond },
    policyProblem: (policy: object) => roleScopeProblem(policy) ?? policyProblem?.(policy),
    ...(projectId !== undefined && !('audience' in given) && { audience: projectId }),
    ...(projectId !== undefined && given.rolesOf === undefined && { rolesOf: rolesIn }),
  };
  // Keep the prototype, so that the authorizer still finds inherited options and throws.
  return Object.setPrototypeOf(preset, Object.getPrototypeOf(options));
}

function refuse(name: string, problem: string | undefined): void {
  if (problem !== undefined) throw new TypeError(`zitadel: "${name}" ${problem}`);
}
