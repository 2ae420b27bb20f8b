import type { ChallengeParameters } from '../errors/challenge.js';
import {
  AccessDeniedError,
  InsufficientScopeError,
  InsufficientUserAuthenticationError,
  isAuthorizationError,
} from '../errors/errors.js';
import type { ActiveToken } from '../protocol/active-token.js';
import type { RequestContext } from '../request/request-context.js';
import { isPromise } from '../runtime/is-promise.js';
import type { PolicyPart } from './policy.js';
import { scopeCheck } from './scopes.js';

export type RolesOf = (token: ActiveToken, request: RequestContext) => Iterable<string>;

/** A valid token, and the request that brought it. */
interface Judged {
  readonly token: ActiveToken;
  readonly request: RequestContext;
  /** Seconds since the epoch. */
  readonly now: number;
}

/**
 * Returns if the token has what the policy requires, and throws an AuthorizationError if not. It returns a promise only
 * if the policy has a `check`.
 */
export type Requirement = (judged: Judged) => undefined | Promise<undefined>;

/** The challenges of a route. With `anyOf`, they name what the first branch requires. */
export interface Challenges {
  /** For a missing scope. */
  readonly scope: ChallengeParameters;
  /** For an authentication that is too old or too weak (RFC 9470 §3). */
  readonly stepUp: ChallengeParameters;
}

interface RequirementSettings {
  readonly challenges: Challenges;
  readonly clockSkewSeconds: number;
  readonly rolesOf: RolesOf | undefined;
}

/**
 * Returns the challenges of a route: the parameters of every challenge, and what the parts require.
 *
 * @throws TypeError if the parts require values of `acr` that no token can have
 */
export function challengesOf(parts: readonly PolicyPart[], challenge: ChallengeParameters): Challenges {
  const named = parts.flatMap(withFirstBranches);
  const scopes = new Set(
    named.flatMap(({ scopes = [], anyScope: [first] = [] }) => (first ? [...scopes, first] : scopes)),
  );
  const scope = { ...challenge, scope: scopes.size > 0 ? [...scopes].join(' ') : undefined };
  const maxAge = smallest(named);
  return {
    scope,
    stepUp: { ...scope, acr_values: commonAcrValues(named)?.join(' '), max_age: maxAge },
  };
}

/** Joins what all parts require into one function. */
export function requirementOf(parts: readonly PolicyPart[], settings: RequirementSettings): Requirement {
  const { challenges, rolesOf } = settings;
  const isAuthenticatedEnough = authenticationCheck(parts, settings);
  const hasScopes = scopeCheck(
    parts.flatMap(({ scopes = [] }) => scopes),
    parts.flatMap(({ anyScope }) => (anyScope ? [anyScope] : [])),
  );
  const roleLists = parts.flatMap(({ roles = [], anyRole }) => [
    ...roles.map((role) => [role]),
    ...(anyRole ? [anyRole.slice()] : []),
  ]);
  const groups = parts.flatMap(({ anyOf }) =>
    anyOf ? [oneOf(anyOf.map((branch) => requirementOf(branch, settings)))] : [],
  );
  const checks = parts.flatMap(({ check }) => (check ? [check] : []));
  const mayWait = parts.some(hasCheck);

  async function checked(judged: Judged): Promise<undefined> {
    for (const group of groups) await group(judged);
    for (const check of checks) {
      if ((await check(judged.token, judged.request)) !== true) throw new AccessDeniedError();
    }
  }

  return (judged) => {
    if (!isAuthenticatedEnough(judged)) throw new InsufficientUserAuthenticationError(challenges.stepUp);
    if (!hasScopes(judged.token)) throw new InsufficientScopeError(challenges.scope);
    if (roleLists.length > 0) {
      const roles = rolesIn(judged, rolesOf);
      if (!roleLists.every((list) => list.some((role) => roles.has(role)))) throw new AccessDeniedError();
    }
    if (mayWait) return checked(judged);
    for (const group of groups) void group(judged); // without a check, it has thrown or returned
    return undefined;
  };
}

/** Tries the branches in order until the token satisfies one. If it satisfies none, throws the error of the first. */
function oneOf(branches: readonly Requirement[]): Requirement {
  return (judged) => {
    const from = (index: number, failure: unknown): undefined | Promise<undefined> => {
      const branch = branches[index];
      if (branch === undefined) throw failure;
      const next = (error: unknown) => {
        if (!isAuthorizationError(error)) throw error;
        return from(index + 1, failure ?? error);
      };
      try {
        return branch(judged)?.catch(next);
      } catch (error) {
        return next(error);
      }
    };
    return from(0, undefined);
  };
}

function hasCheck({ check, anyOf = [] }: PolicyPart): boolean {
  return check !== undefined || anyOf.flat().some(hasCheck);
}

/** RFC 9470 §4. `iat` says when the token was issued, not when the user logged in. */
function authenticationCheck(
  parts: readonly PolicyPart[],
  { clockSkewSeconds }: RequirementSettings,
): (judged: Judged) => boolean {
  const acrValues = commonAcrValues(parts);
  const maxAge = smallest(parts);
  if (acrValues === undefined && maxAge === undefined) return () => true;
  return ({ token: { auth_time, acr }, now }) => {
    if (acrValues !== undefined && (acr === undefined || !acrValues.includes(acr))) return false;
    if (maxAge === undefined) return true;
    if (auth_time === undefined || auth_time > now + clockSkewSeconds) return false;
    return now - auth_time <= maxAge;
  };
}

function rolesIn({ token, request }: Judged, rolesOf: RolesOf | undefined): ReadonlySet<string> {
  const roles = rolesOf?.(token, request) ?? [];
  if (typeof roles === 'string') throw new TypeError('"rolesOf" must return a list of roles, not a string');
  if (isPromise(roles)) throw new TypeError('"rolesOf" must return a list of roles, not a promise');
  return new Set(roles);
}

function withFirstBranches(part: PolicyPart): PolicyPart[] {
  return [part, ...(part.anyOf?.[0]?.flatMap(withFirstBranches) ?? [])];
}

function smallest(parts: readonly PolicyPart[]): number | undefined {
  const ages = parts.flatMap(({ maxAuthenticationAgeSeconds: age }) => age ?? []);
  return ages.length > 0 ? Math.min(...ages) : undefined;
}

function commonAcrValues(parts: readonly PolicyPart[]): readonly string[] | undefined {
  const lists = parts.flatMap(({ acrValues }) => (acrValues ? [acrValues] : []));
  const [first, ...others] = lists;
  if (first === undefined) return undefined;
  const common = first.filter((each) => others.every((list) => list.includes(each)));
  if (common.length > 0) return common;
  throw new TypeError(
    'Policy: the "acrValues" lists of the combined policies have no value in common, so no token can satisfy them all: ' +
      'remove one list, or add a common value',
  );
}
