/** The preset for Keycloak. */
import type {
  ActiveToken,
  AuthorizerOptions,
  AuthorizerSettings,
  ClientCredentials,
  OptionalClientOptions,
  ServerLocation,
} from '@acme/introspect-core';
import { type Environment, presetInput } from '../../runtime/environment.js';
import { inheritedProblem } from '../../runtime/option-problem.js';
import { ownMember, textOf, textsIn } from './claim-values.js';
import { clientRoles, keycloakRoles, realmRoles } from './roles.js';

export { type KeycloakRoleOptions, keycloakRoles } from './roles.js';

/**
 * `token.claims` of an authorizer for Keycloak. Each value has been checked: a claim of another type is `undefined`, or
 * is left out of its list.
 */
export interface KeycloakClaims {
  /** The user's login name. It can change: `sub` is the identifier. For a service account, Keycloak makes one up. */
  readonly preferred_username: string | undefined;
  /** The full name of the user. */
  readonly name: string | undefined;
  /** The e-mail address. It proves nothing unless `email_verified` is `true`. */
  readonly email: string | undefined;
  /** Whether Keycloak has verified the e-mail address. */
  readonly email_verified: boolean | undefined;
  /** The id of the session. */
  readonly sid: string | undefined;
  /** The roles of the realm, from `realm_access`. */
  readonly realmRoles: readonly string[];
  /** The roles of each client, by client id, from `resource_access`. */
  readonly clientRoles: Readonly<Record<string, readonly string[] | undefined>>;
  /** The groups of the user; empty without a mapper of the type "Group Membership" with the claim name `groups`. */
  readonly groups: readonly string[];
}

/** Authorizer settings and client options. Options that are absent are read from the environment. */
export type KeycloakOptions<
  Claims = KeycloakClaims,
  Scope extends string = string,
  Role extends string = string,
  Native = unknown,
> = AuthorizerSettings<Claims, Scope, Role, Native> &
  OptionalClientOptions &
  Partial<ServerLocation & ClientCredentials> & {
    /**
     * The environment to read.
     *
     * @default process.env
     */
    env?: Environment;
  };

const variables = [
  { option: 'issuer', variable: 'KEYCLOAK_ISSUER' },
  { option: 'metadataUrl', variable: 'KEYCLOAK_METADATA_URL' },
];
const credentials = [
  { option: 'clientId', variable: 'KEYCLOAK_CLIENT_ID' },
  { option: 'clientSecret', variable: 'KEYCLOAK_CLIENT_SECRET' },
];

/**
 * Returns the options of an `Authorizer` for Keycloak. The options that you give override its defaults.
 *
 * Options that are absent are read from the environment: `KEYCLOAK_ISSUER` (the realm's URL, such as
 * `https://login.example.com/realms/shop`), `KEYCLOAK_CLIENT_ID` and `KEYCLOAK_CLIENT_SECRET`; also
 * `KEYCLOAK_METADATA_URL`, for an internal address. Does not read a `.env` file: use `node --env-file=.env`.
 *
 * `token.claims` has the user's names, e-mail address, roles and groups, unless you give `claims`. `roles` and `anyRole` of
 * policies mean roles of the realm, unless you give `rolesOf`.
 *
 * The preset sets no `audience`. Give your client id as `audience`, because Keycloak before 26.6.2 calls tokens active
 * that are not for this API.
 *
 * @example
 * ```ts
 * const authorizer = new Authorizer(keycloak({ audience: 'api', cache: { maxAgeSeconds: 60 } }));
 * ```
 * @throws TypeError naming every missing variable
 */
export function keycloak<
  Claims = KeycloakClaims,
  const Scope extends string = string,
  const Role extends string = string,
  Native = unknown,
>(options: KeycloakOptions<Claims, Scope, Role, Native> = {}): AuthorizerOptions<Claims, Scope, Role, Native> {
  for (const name of ['env', 'claims', 'rolesOf']) {
    const problem = inheritedProblem(name, options);
    if (problem !== undefined) throw new TypeError(`keycloak: "${name}" ${problem}`);
  }
  const { given, read } = presetInput('keycloak', options, { names: ['env'], variables, credentials });
  const preset = { claims, ...read, ...given, ...(given.rolesOf === undefined && { rolesOf: keycloakRoles() }) };
  // Keep the prototype, so that the authorizer still finds inherited options and throws.
  return Object.setPrototypeOf(preset, Object.getPrototypeOf(options));
}

function claims(token: ActiveToken): KeycloakClaims {
  const verified = ownMember(token, 'email_verified');
  return {
    preferred_username: textOf(ownMember(token, 'preferred_username')),
    name: textOf(ownMember(token, 'name')),
    email: textOf(ownMember(token, 'email')),
    email_verified: typeof verified === 'boolean' ? verified : undefined,
    sid: textOf(ownMember(token, 'sid')),
    realmRoles: realmRoles(token),
    clientRoles: clientRoles(token),
    groups: textsIn(ownMember(token, 'groups')),
  };
}
