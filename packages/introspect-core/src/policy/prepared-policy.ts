import type { ChallengeParameters } from '../errors/challenge.js';
import { InvalidTokenError } from '../errors/errors.js';
import type { ActiveToken } from '../protocol/active-token.js';
import type { RequestContext } from '../request/request-context.js';
import type { ClaimsReader } from './claims-reader.js';
import { type Policy, type PolicyPart, partsOf } from './policy.js';
import { challengesOf, type Requirement, type RolesOf, requirementOf } from './requirement.js';
import { defaultSkewSeconds, invalidReason, type TokenExpectations } from './token-validation.js';
import { checkVocabulary, type Vocabulary } from './vocabulary.js';

/** What an authorizer expects of every token, and how it judges policies. */
export interface Expectations extends TokenExpectations, Vocabulary {
  rolesOf?: RolesOf | undefined;
  policyProblem?: ((policy: Policy) => string | undefined) | undefined;
  claims?: ClaimsReader | undefined;
  /** The parameters of every challenge. */
  challenge: ChallengeParameters;
}

/** A policy that was checked once, with what all requests of a route share. */
export interface PreparedPolicy {
  readonly optional: boolean;
  /** Infinity if any age is accepted. */
  readonly maxResponseAgeMs: number;
  /** For a request without credentials. */
  readonly missingChallenge: ChallengeParameters;
  /** For an invalid token. */
  readonly challenge: ChallengeParameters;
  /**
   * Judges a prepared response. Returns the token. The result is a promise only if the policy has a `check`.
   *
   * The first failure decides: time, issuer, audience, kind, binding, claims, authentication, scopes, roles, `anyOf`,
   * `check`.
   *
   * @param now seconds since the epoch
   * @throws AuthorizationError
   */
  judge(response: ActiveToken, request: RequestContext, now: number): ActiveToken | Promise<ActiveToken>;
}

/**
 * Checks a policy, calls `policyProblem`, and computes what all requests of the route share.
 *
 * @throws TypeError naming the invalid member
 */
export function preparePolicy(policy: Policy, expectations: Expectations): PreparedPolicy {
  const parts = partsOf(policy);
  for (const part of withBranches(parts)) checkAgainst(expectations, part);
  const { challenge, rolesOf, claims, clockSkewSeconds = defaultSkewSeconds } = expectations;
  const challenges = challengesOf(parts, challenge);
  const requirement: Requirement = requirementOf(parts, { challenges, clockSkewSeconds, rolesOf });
  const ages = parts.map(({ maxResponseAgeSeconds = Number.POSITIVE_INFINITY }) => maxResponseAgeSeconds);

  return {
    optional: parts.every(({ optional }) => optional === true),
    maxResponseAgeMs: Math.min(...ages) * 1000,
    missingChallenge: challenge.resource_metadata === undefined ? challenge : challenges.scope,
    challenge,
    judge(response, request, now) {
      const reason = invalidReason(response, expectations, now);
      if (reason !== undefined) {
        const lacksAudience = reason === 'audience_mismatch' && response.aud === undefined;
        throw new InvalidTokenError(reason, challenge, lacksAudience ? noAudience : undefined);
      }
      const token = claims === undefined ? response : claims.read(response);
      const pending = requirement({ token, request, now });
      return pending === undefined ? token : pending.then(() => token);
    },
  };
}

const noAudience = 'the introspection response has no "aud", so the option "audience" rejects every such token';

/** Returns the parts, and those of their branches at every depth. */
function withBranches(parts: readonly PolicyPart[]): PolicyPart[] {
  return parts.flatMap((part) => [part, ...withBranches(part.anyOf?.flat() ?? [])]);
}

function checkAgainst(expectations: Expectations, part: PolicyPart): void {
  checkVocabulary(part, expectations);
  const needsRoles = part.roles !== undefined ? 'roles' : part.anyRole !== undefined ? 'anyRole' : undefined;
  if (needsRoles !== undefined && expectations.rolesOf === undefined) {
    throw new TypeError(
      `Policy: "${needsRoles}" needs the authorizer's option "rolesOf", which finds the roles in a token`,
    );
  }
  const { anyOf, ...policy } = part;
  const problem: unknown = expectations.policyProblem?.(policy);
  if (problem === undefined) return;
  throw new TypeError(
    typeof problem === 'string'
      ? `Policy: ${problem}`
      : '"policyProblem" must return a string or undefined, and not a promise',
  );
}
