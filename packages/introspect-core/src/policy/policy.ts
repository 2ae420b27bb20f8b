import * as v from 'valibot';
import { type ChallengeParameters, challengeProblem } from '../errors/challenge.js';
import {
  AccessDeniedError,
  InsufficientScopeError,
  InsufficientUserAuthenticationError,
  InvalidTokenError,
  type InvalidTokenReason,
} from '../errors/errors.js';
import { checkedOptions, narrowing, optionsObject, textList } from '../options.js';
import type { ActiveToken } from '../protocol/introspection-response.js';
import type { RequestContext } from '../request/request-context.js';

/** What a route needs of a token, besides being good. */
export interface Policy {
  /** All of them, as whole words. */
  scopes?: readonly string[];
  /** One of them, as `rolesOf` finds them. */
  anyRole?: readonly string[];
  /** How long ago the user may have logged in (RFC 9470 §3). */
  maxAuthenticationAgeSeconds?: number;
  /** One of them must be the token's `acr` (RFC 9470 §3). */
  acrValues?: readonly string[];
  /**
   * How many seconds before the HTTP request the server's response may have been requested. With 0, the response must
   * have been requested after the HTTP request came. All guards of one HTTP request share that response.
   */
  maxResponseAgeSeconds?: number;
  /** Lets a request without bearer credentials through, as `null`; a bad token is still refused. */
  optional?: boolean;
  /** The last word: anything but `true` denies. What it throws is not caught. */
  check?: (token: ActiveToken, request: RequestContext) => boolean | Promise<boolean>;
}

/** What an API expects of every token. */
export interface Expectations {
  /** Absent: 0 for `exp`, 30 for `nbf` and for an `auth_time` in the future. */
  clockSkewSeconds?: number | undefined;
  issuer?: string | undefined;
  /** The token's `aud` must hold one of them. */
  audience?: readonly string[] | undefined;
  /** The token's `token_type`, as received or in lower case, must be one of them. */
  tokenTypes?: readonly string[] | undefined;
  rolesOf?: ((token: ActiveToken, request: RequestContext) => Iterable<string>) | undefined;
  policyProblem?: ((policy: Policy) => string | undefined) | undefined;
  /** What every challenge holds. */
  challenge: ChallengeParameters;
}

/** A policy, checked once and ready to be judged by. */
export interface PreparedPolicy {
  readonly optional: boolean;
  /** Infinity where any age will do. */
  readonly maxResponseAgeMs: number;
  /** For a request without credentials. */
  readonly missingChallenge: ChallengeParameters;
  /** For a token that is no good. */
  readonly challenge: ChallengeParameters;
  /**
   * Gives the token that it was given, or throws the first of what is wrong with it.
   *
   * A promise only where there is a `check` to wait for.
   *
   * @throws AuthorizationError
   */
  judge(token: ActiveToken, request: RequestContext, now: number): ActiveToken | Promise<ActiveToken>;
}

const defaultSkewSeconds = 30;

/** Kinds of token that a server may call active, and that open no API. */
const otherKinds = new Set(['refresh', 'refresh_token', 'offline', 'id', 'id_token', 'logout']);

function words(name: 'scope' | 'acr_values') {
  const problemOf = (given: string[]) => challengeProblem(name, given.join(' '));
  return v.pipe(
    textList(),
    v.check((given) => !given.some((word) => word.includes(' ')), 'must be a list with one value for each entry'),
    v.check(
      (given) => problemOf(given) === undefined,
      ({ input }) => String(problemOf(input)),
    ),
  );
}

const schema = optionsObject({
  scopes: narrowing(words('scope')),
  anyRole: narrowing(textList()),
  maxAuthenticationAgeSeconds: narrowing(
    v.pipe(
      v.number('must be a whole number of seconds'),
      v.safeInteger('must be a whole number of seconds'),
      v.minValue(0, 'must not be negative'),
    ),
  ),
  acrValues: narrowing(words('acr_values')),
  maxResponseAgeSeconds: narrowing(
    v.pipe(v.number('must be a number of seconds'), v.finite('must be finite'), v.minValue(0, 'must not be negative')),
  ),
  optional: narrowing(v.boolean('must be true or false')),
  check: narrowing(
    v.custom<NonNullable<Policy['check']>>((value) => typeof value === 'function', 'must be a function'),
  ),
});

/** The member of a combined policy that holds its lists of roles. The ESM and the CommonJS build use the same key. */
export const roleListsKey: unique symbol = Symbol.for('@acme/introspect-core/role-lists');

/**
 * Returns the lists of roles of a policy. A token needs one role of each list. If a copy of a combined policy has another
 * `anyRole`, both hold.
 */
export function roleLists(
  policy: Policy & { [roleListsKey]?: readonly (readonly string[])[] },
): readonly (readonly string[])[] {
  const { [roleListsKey]: lists = [], anyRole } = policy;
  return anyRole === undefined || lists.includes(anyRole) ? lists : [anyRole.slice(), ...lists];
}

/**
 * Checks a policy, calls `policyProblem`, and computes what all requests of the route share.
 *
 * @throws TypeError naming the member
 */
export function preparePolicy(policy: Policy, expectations: Expectations): PreparedPolicy {
  const {
    scopes = [],
    anyRole,
    acrValues,
    optional = false,
    check,
    ...checked
  } = checkedOptions('Policy', schema, policy);
  const { maxAuthenticationAgeSeconds, maxResponseAgeSeconds = Number.POSITIVE_INFINITY } = checked;
  const { rolesOf, challenge, clockSkewSeconds = defaultSkewSeconds } = expectations;
  const neededRoles = roleLists(policy);
  if (neededRoles.length > 0 && rolesOf === undefined) {
    throw new TypeError('Policy: "anyRole" needs the authorizer\'s option "rolesOf", which finds the roles in a token');
  }
  const problem: unknown = expectations.policyProblem?.(policy);
  if (problem !== undefined) {
    throw new TypeError(
      typeof problem === 'string'
        ? `Policy: ${problem}`
        : '"policyProblem" must return a string or undefined, and not a promise',
    );
  }
  const scope = scopes.length > 0 ? scopes.join(' ') : undefined;
  const hasScopes = scopeCheck(scopes);
  const scopeChallenge = { ...challenge, scope };
  const stepUpChallenge = {
    ...scopeChallenge,
    acr_values: acrValues?.join(' '),
    max_age: maxAuthenticationAgeSeconds,
  };

  /** RFC 9470 §4: `iat` says when the token was issued, not when the user logged in. */
  function isAuthenticatedEnough({ auth_time, acr }: ActiveToken, now: number): boolean {
    if (acrValues !== undefined && (acr === undefined || !acrValues.includes(acr))) return false;
    if (maxAuthenticationAgeSeconds === undefined) return true;
    if (auth_time === undefined || auth_time > now + clockSkewSeconds) return false;
    return now - auth_time <= maxAuthenticationAgeSeconds;
  }

  async function checkedBy(
    check: NonNullable<Policy['check']>,
    token: ActiveToken,
    request: RequestContext,
  ): Promise<ActiveToken> {
    if ((await check(token, request)) !== true) throw new AccessDeniedError();
    return token;
  }

  return {
    optional,
    maxResponseAgeMs: maxResponseAgeSeconds * 1000,
    missingChallenge: challenge.resource_metadata === undefined ? challenge : scopeChallenge,
    challenge,
    judge(token, request, now) {
      const reason = invalidReason(token, expectations, now);
      if (reason !== undefined) throw new InvalidTokenError(reason, challenge);
      if (!isAuthenticatedEnough(token, now)) throw new InsufficientUserAuthenticationError(stepUpChallenge);
      if (!hasScopes(token)) throw new InsufficientScopeError(scopeChallenge);
      if (anyRole !== undefined && rolesOf !== undefined) {
        const found = rolesOf(token, request);
        if (typeof found === 'string') throw new TypeError('"rolesOf" must give a list of roles, not a string');
        const roles = new Set(found);
        const hasOneOf = (list: readonly string[]) => list.some((role) => roles.has(role));
        if (!neededRoles.every(hasOneOf)) throw new AccessDeniedError();
      }
      return check === undefined ? token : checkedBy(check, token, request);
    },
  };
}

/**
 * The first reason, in this order, why an active token is no good here: time, issuer, audience, kind, binding.
 *
 * @param now seconds since the epoch
 */
export function invalidReason(
  token: ActiveToken,
  expectations: Omit<Expectations, 'challenge'>,
  now: number,
): InvalidTokenReason | undefined {
  const reason = lifeOrIssuerReason(token, expectations, now);
  if (reason !== undefined) return reason;
  const { audience, tokenTypes } = expectations;
  if (audience !== undefined && !audience.some((each) => isMeantFor(token, each))) return 'audience_mismatch';
  if (tokenTypes !== undefined && !isOfType(token, tokenTypes)) return 'not_an_access_token';
  if (isOtherKind(token.token_type) || isOtherKind(token.token_use) || isOtherKind(token.typ))
    return 'not_an_access_token';
  if (isBound(token)) return 'sender_constraint';
  return undefined;
}

/** The first of these claims that is no good here; those that are absent pass. */
export function lifeOrIssuerReason(
  { exp, nbf, iss }: { exp?: number | undefined; nbf?: number | undefined; iss?: string | undefined },
  { clockSkewSeconds, issuer }: Pick<Expectations, 'clockSkewSeconds' | 'issuer'>,
  now: number,
): 'expired' | 'not_yet_valid' | 'issuer_mismatch' | undefined {
  if (exp !== undefined && now >= exp + (clockSkewSeconds ?? 0)) return 'expired';
  if (nbf !== undefined && nbf > now + (clockSkewSeconds ?? defaultSkewSeconds)) return 'not_yet_valid';
  if (issuer !== undefined && iss !== undefined && iss !== issuer) return 'issuer_mismatch';
  return undefined;
}

/** A string is one audience, never a text to search. */
function isMeantFor({ aud }: ActiveToken, audience: string): boolean {
  return typeof aud === 'string' ? aud === audience : (aud ?? []).includes(audience);
}

/**
 * Returns whether the token has one of the types, in upper or lower case (RFC 6749 §5.1). A token without a type has
 * none.
 */
function isOfType({ token_type: type }: ActiveToken, tokenTypes: readonly string[]): boolean {
  return type !== undefined && (tokenTypes.includes(type) || tokenTypes.includes(type.toLowerCase()));
}

/** What nearly all tokens say they are is told from the rest without a copy. */
function isOtherKind(kind: unknown): boolean {
  return typeof kind === 'string' && kind !== 'Bearer' && otherKinds.has(kind.toLowerCase());
}

/** Bound to a key (RFC 7800 §3.1), and no key can be proved yet. */
function isBound({ cnf, token_type }: ActiveToken): boolean {
  if (cnf !== undefined && Object.keys(cnf).length > 0) return true;
  return token_type !== 'Bearer' && token_type?.toLowerCase() === 'dpop';
}

/** How many texts of `scope` a route remembers, and how long they may be. */
const maxScopes = 100;
const maxScopeLength = 1000;

/** Whether a token has all of these scopes. A text that was met before, and many tokens share one, is not parsed again. */
function scopeCheck(needed: readonly string[]): (token: ActiveToken) => boolean {
  if (needed.length === 0) return () => true;
  const known = new Map<string, boolean>();
  return ({ scope = '' }) => {
    const remembered = known.get(scope);
    if (remembered !== undefined) return remembered;
    const granted = new Set(scope.split(' '));
    const hasAll = needed.every((each) => granted.has(each));
    if (known.size >= maxScopes) known.clear();
    if (scope.length <= maxScopeLength) known.set(scope, hasAll);
    return hasAll;
  };
}
