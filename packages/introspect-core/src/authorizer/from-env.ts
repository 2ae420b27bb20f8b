import { inherited, inheritedName, ownMembers } from '../options.js';
import { type Environment, optionsFromEnvironment } from '../runtime/environment.js';
import type { AuthorizerOptions } from './authorizer-options.js';
import { authorizerOptionNames } from './authorizer-options-schema.js';

/** Options of an `Authorizer`. Those that are absent are read from the environment. */
export type FromEnvOptions<
  Claims = unknown,
  Scope extends string = string,
  Role extends string = string,
  Native = unknown,
> = Partial<AuthorizerOptions<Claims, Scope, Role, Native>> & {
  /**
   * The environment to read.
   *
   * @default process.env
   */
  env?: Environment;
};

const variables = [
  { option: 'issuer', variable: 'INTROSPECT_ISSUER' },
  { option: 'introspectionEndpoint', variable: 'INTROSPECT_ENDPOINT' },
  { option: 'clientId', variable: 'INTROSPECT_CLIENT_ID' },
  { option: 'clientSecret', variable: 'INTROSPECT_CLIENT_SECRET' },
];

/**
 * Returns the options of an `Authorizer` for any server of RFC 7662. Options that are absent are read from environment
 * variables: `INTROSPECT_ISSUER` or `INTROSPECT_ENDPOINT`, `INTROSPECT_CLIENT_ID` and `INTROSPECT_CLIENT_SECRET`.
 *
 * Reads the environment once, when it is called. Does not read a `.env` file: use `node --env-file=.env`.
 *
 * @example
 * ```ts
 * const authorizer = new Authorizer(fromEnv({ cache: { maxAgeSeconds: 60 } }));
 * ```
 * @throws TypeError that names every missing variable
 */
export function fromEnv<
  Claims = unknown,
  const Scope extends string = string,
  const Role extends string = string,
  Native = unknown,
>(options: FromEnvOptions<Claims, Scope, Role, Native> = {}): AuthorizerOptions<Claims, Scope, Role, Native> {
  const inheritedOption = inheritedName(options, ['env', ...authorizerOptionNames()]);
  if (inheritedOption !== undefined) throw new TypeError(`fromEnv: "${inheritedOption}" ${inherited}`);
  const { env: _, ...given } = ownMembers(options);
  const credentials = 'clientAuthentication' in given ? [] : [['clientId'], ['clientSecret']];
  const read = optionsFromEnvironment('fromEnv', given, {
    variables: 'clientAuthentication' in given ? variables.slice(0, 2) : variables,
    required: [['issuer', 'introspectionEndpoint'], ...credentials],
    env: options.env,
  });
  return { ...read, ...given } as object as AuthorizerOptions<Claims, Scope, Role, Native>;
}
