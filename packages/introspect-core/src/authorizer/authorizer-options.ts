import * as v from 'valibot';
import { type CacheOptions, cacheOptions } from '../cache/cache-options.js';
import type { IntrospectionClientOptions } from '../client/client-options.js';
import { clientOptionNames } from '../client/client-options-schema.js';
import { IntrospectionClient } from '../client/introspection-client.js';
import { challengeProblem } from '../errors/challenge.js';
import type { InactiveExplanation } from '../events/events.js';
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
} from '../options.js';
import type { Policy } from '../policy/policy.js';
import type { ActiveToken } from '../protocol/introspection-response.js';
import { resourceProblem } from '../protocol/protected-resource-metadata.js';
import type { RequestContext } from '../request/request-context.js';

/** What an authorizer judges by. */
export interface AuthorizerSettings {
  /** When given, the token's `aud` must hold one of them. */
  audience?: string | readonly string[];
  /**
   * When given, the response's `token_type` must be one of them, such as `['Bearer']`. Upper and lower case are the
   * same (RFC 6749 §5.1). A response without `token_type` is rejected (`not_an_access_token`).
   *
   * Set it if the server reports refresh or ID tokens as active. Tokens that are marked as refresh or ID tokens, and
   * tokens that are bound to a key, are always rejected: `'DPoP'` in the list does not let them in.
   */
  tokenTypes?: readonly string[];
  /** Names the protected space in challenges (RFC 9110 §11.5). */
  realm?: string;
  /** This API's URL (https, or http on loopback): an adapter can then serve its RFC 9728 document. */
  resource?: string;
  /** That document's URL, put into challenges; derived from `resource` unless given. */
  resourceMetadata?: string;
  /** Unless given 0 for `exp`, 30 for `nbf` and an `auth_time` in the future; when given, for all three. */
  clockSkewSeconds?: number;
  /** Finds the roles in a token, for `anyRole`; none by default. */
  rolesOf?: (token: ActiveToken, request: RequestContext) => Iterable<string>;
  /**
   * Returns what is wrong with a policy, or `undefined` if nothing is. It is called once for each policy, when its
   * guard is made. If it returns a string, `guard` throws a TypeError with that string, and an adapter throws it at
   * start-up.
   */
  policyProblem?: (policy: Policy) => string | undefined;
  /** Absent: every request asks; those that ask the same at the same time share one question. */
  cache?: CacheOptions;
  /** Looks at a token before the server is asked about it, such as `jwtPrefilter()` of `/jwt-prefilter`. Not at a cache hit. */
  prefilter?: Prefilter;
  /**
   * For development alone: says why the server may have called a token inactive, by an event `inactive_explained` and
   * never in an answer.
   */
  explainInactive?: (token: string) => Promise<InactiveExplanation>;
  /**
   * Lets a CORS preflight pass every guard without a token: `OPTIONS` with `Origin` and
   * `Access-Control-Request-Method`. Use it only if you cannot put CORS in front of the guard.
   *
   * Warning: anybody can fake a preflight. A handler for all methods then runs without a token.
   *
   * @default false
   */
  passPreflight?: boolean;
}

/** Those, and the options of the client that it shall make, or a client. */
export type AuthorizerOptions = AuthorizerSettings & (IntrospectionClientOptions | { client: IntrospectionClient });

const entries = {
  client: v.optional(v.instance(IntrospectionClient, 'must be an IntrospectionClient')),
  audience: narrowing(
    v.lazy((given) =>
      Array.isArray(given)
        ? textList()
        : v.pipe(v.string('must be a string, or a list of strings'), v.nonEmpty(isEmpty)),
    ),
  ),
  tokenTypes: narrowing(textList()),
  realm: v.optional(textWithout((value) => challengeProblem('realm', value))),
  resource: v.optional(textWithout(resourceProblem)),
  resourceMetadata: v.optional(textWithout((value) => resourceProblem(value) ?? quoteProblem(value))),
  clockSkewSeconds: v.optional(
    v.pipe(v.number('must be a number of seconds'), v.finite('must be finite'), v.minValue(0, 'must not be negative')),
  ),
  rolesOf: v.optional(
    v.custom<NonNullable<AuthorizerSettings['rolesOf']>>((value) => typeof value === 'function', 'must be a function'),
  ),
  policyProblem: v.optional(
    v.custom<NonNullable<AuthorizerSettings['policyProblem']>>(
      (value) => typeof value === 'function',
      'must be a function',
    ),
  ),
  cache: v.optional(cacheOptions),
  prefilter: narrowing(v.custom<Prefilter>((value) => typeof value === 'function', 'must be a function')),
  explainInactive: v.optional(
    v.custom<NonNullable<AuthorizerSettings['explainInactive']>>(
      (value) => typeof value === 'function',
      'must be a function',
    ),
  ),
  passPreflight: v.optional(v.boolean('must be true or false')),
};
const schema = optionsObject(entries);

/**
 * Checks the options of an authorizer, and returns them beside its client.
 *
 * @throws TypeError naming the option
 */
export function checkedAuthorizerOptions(options: AuthorizerOptions) {
  const [own, others] = partition(options);
  const { client, ...checked } = checkedOptions('Authorizer', schema, own);
  if (client !== undefined && Object.keys(others).length > 0) {
    throw new TypeError(`Authorizer: "${Object.keys(others)[0]}" is no option beside "client", which has its own`);
  }
  return { ...checked, client: client ?? new IntrospectionClient(others as IntrospectionClientOptions) };
}

/** Into what an authorizer knows and what it leaves to its client, which refuses what it does not know either. */
function partition(options: AuthorizerOptions): [own: object, others: object] {
  const given = Object(options ?? {});
  const name = inheritedName(given, [...Object.keys(entries), ...clientOptionNames()]);
  if (name !== undefined) throw new TypeError(`Authorizer: "${name}" ${inherited}`);
  const members = Object.entries(ownMembers(given));
  const isOwn = ([name]: [string, unknown]) => Object.hasOwn(entries, name);
  return [Object.fromEntries(members.filter(isOwn)), Object.fromEntries(members.filter((each) => !isOwn(each)))];
}

function quoteProblem(value: string): string | undefined {
  return /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value) ? undefined : 'must be percent-encoded';
}
