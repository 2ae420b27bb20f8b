import * as v from 'valibot';
import { cacheOptions } from '../cache/cache-options.js';
import type { IntrospectionClientOptions } from '../client/client-options.js';
import { clientOptionNames } from '../client/client-options-schema.js';
import { IntrospectionClient, isIntrospectionClient } from '../client/introspection-client.js';
import { challengeProblem } from '../errors/challenge.js';
import type { Prefilter } from '../lookup/prefilter.js';
import {
  checkedOptions,
  inherited,
  inheritedName,
  isEmpty,
  narrowing,
  optionsObject,
  ownMembers,
  textList,
  textWithout,
  unknownOption,
} from '../options.js';
import type { StandardSchema } from '../policy/claims-reader.js';
import { scopeList } from '../policy/policy.js';
import { resourceProblem } from '../protocol/protected-resource-metadata.js';
import type { AuthorizerOptions, AuthorizerSettings } from './authorizer-options.js';

const aFunction = <Type>() => v.custom<Type>((value) => typeof value === 'function', 'must be a function');
type Settings = Required<AuthorizerSettings>;
const lengthMessage = 'must be a whole number of characters, at least 1';

const entries = {
  client: v.optional(v.custom<IntrospectionClient>(isIntrospectionClient, 'must be an IntrospectionClient')),
  audience: narrowing(
    v.lazy((given) =>
      Array.isArray(given)
        ? textList()
        : v.pipe(v.string('must be a string, or a list of strings'), v.nonEmpty(isEmpty)),
    ),
  ),
  issuerAliases: narrowing(textList()),
  tokenTypes: narrowing(textList()),
  claims: narrowing(v.custom<Settings['claims']>(isClaimsSource, 'must be a Standard Schema or a function')),
  scopes: narrowing(scopeList),
  roles: narrowing(textList()),
  realm: v.optional(textWithout((value) => challengeProblem('realm', value))),
  resource: v.optional(textWithout(resourceProblem)),
  resourceMetadata: v.optional(textWithout((value) => resourceProblem(value) ?? quoteProblem(value))),
  clockSkewSeconds: v.optional(
    v.pipe(v.number('must be a number of seconds'), v.finite('must be finite'), v.minValue(0, 'must not be negative')),
  ),
  maxTokenLength: v.optional(
    v.pipe(v.number(lengthMessage), v.integer(lengthMessage), v.minValue(1, lengthMessage)),
    16_384,
  ),
  rolesOf: v.optional(aFunction<Settings['rolesOf']>()),
  policyProblem: v.optional(aFunction<Settings['policyProblem']>()),
  cache: v.optional(cacheOptions),
  prefilter: narrowing(aFunction<Prefilter>()),
  explainInactive: v.optional(aFunction<Settings['explainInactive']>()),
  passPreflight: v.optional(v.boolean('must be true or false')),
  errorBody: v.optional(aFunction<Settings['errorBody']>()),
};
const schema = optionsObject(entries);

/**
 * The names of all options of an authorizer, those of its client included.
 *
 * @internal For adapters, whose own options are beside these.
 */
export const authorizerOptionNames = (): readonly string[] => [...Object.keys(entries), ...clientOptionNames()];

/**
 * Checks the options of an authorizer, and returns them with its client.
 *
 * @throws TypeError naming the option
 */
export function checkedAuthorizerOptions(options: AuthorizerOptions) {
  const [own, others] = partition(options);
  const { client, ...checked } = checkedOptions('Authorizer', schema, own);
  if (client !== undefined && Object.keys(others).length > 0) {
    throw new TypeError(
      `Authorizer: "${Object.keys(others)[0]}" cannot be combined with "client": set it where the client is made`,
    );
  }
  return { ...checked, client: client ?? new IntrospectionClient(others as IntrospectionClientOptions) };
}

/** The options of an authorizer after they were checked. */
export type CheckedAuthorizerOptions = ReturnType<typeof checkedAuthorizerOptions>;

/** Splits the options into the authorizer's own and those of its client. The client throws a TypeError for unknown ones. */
function partition(options: AuthorizerOptions): [own: object, others: object] {
  const given = Object(options ?? {});
  const known = authorizerOptionNames();
  const name = inheritedName(given, known);
  if (name !== undefined) throw new TypeError(`Authorizer: "${name}" ${inherited}`);
  const members = Object.entries(ownMembers(given));
  const unknown = members.find(([each]) => !known.includes(each));
  if (unknown !== undefined) throw new TypeError(`Authorizer: ${unknownOption(unknown[0], known)}`);
  const isOwn = ([name]: [string, unknown]) => Object.hasOwn(entries, name);
  return [Object.fromEntries(members.filter(isOwn)), Object.fromEntries(members.filter((each) => !isOwn(each)))];
}

function quoteProblem(value: string): string | undefined {
  return /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value) ? undefined : 'must be percent-encoded';
}

function isClaimsSource(value: unknown): boolean {
  const { '~standard': standard } = Object(value) as Partial<StandardSchema>;
  return typeof value === 'function' || typeof standard?.validate === 'function';
}
