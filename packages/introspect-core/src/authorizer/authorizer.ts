import type { InvalidationTarget } from '../cache/invalidations.js';
import type { ClientStats } from '../client/client-stats.js';
import { type IntrospectionClient, settingsOf } from '../client/introspection-client.js';
import {
  InvalidTokenError,
  type InvalidTokenReason,
  isAuthorizationError,
  MissingTokenError,
} from '../errors/errors.js';
import { explainer } from '../lookup/inactive-explanation.js';
import type { LookupEvent, LookupStats } from '../lookup/lookup-stats.js';
import { boundPrefilter } from '../lookup/prefilter.js';
import { TokenLookup } from '../lookup/token-lookup.js';
import { type Expectations, type Policy, type PreparedPolicy, preparePolicy } from '../policy/policy.js';
import type { ActiveToken, IntrospectionResponse } from '../protocol/introspection-response.js';
import {
  type ProtectedResourceMetadata,
  protectedResourceMetadata,
  protectedResourceMetadataUrl,
} from '../protocol/protected-resource-metadata.js';
import { bearerCandidate, type Credentials, checkToken } from '../request/bearer-token.js';
import type { RequestContext } from '../request/request-context.js';
import { type AuthorizerOptions, checkedAuthorizerOptions } from './authorizer-options.js';
import { type Decision, denial, isDecided, permission } from './decision.js';
import { Readiness } from './readiness.js';

/** Plain numbers, and one word: for a health page. */
export interface AuthorizerStats extends LookupStats, ClientStats {}

/** Decides about one request by a policy that was checked beforehand. */
export type Guard<Token> = (request: Credentials | RequestContext) => Promise<Token>;

/**
 * Decides whether a request may pass: reads its bearer token, asks about it, and judges the answer by a policy.
 *
 * One authorizer is one issuer and one client; for several, choose one for each request.
 */
export class Authorizer {
  /** The option `passPreflight`. Adapters use it; `authorize` and `guard` do not. */
  readonly passPreflight: boolean;
  readonly #client: IntrospectionClient;
  readonly #expectations: Expectations;
  readonly #now: () => number;
  readonly #lookup: TokenLookup;
  readonly #resource: string | undefined;
  /** The empty policy. It is prepared at first use, because `policyProblem` may reject an empty policy. */
  #anyToken: PreparedPolicy | undefined;
  readonly #readiness: Readiness;

  /**
   * Checks the options. The network is not touched, and the object is neither written to nor kept.
   *
   * @throws TypeError naming the option
   */
  constructor(options: AuthorizerOptions) {
    const checked = checkedAuthorizerOptions(options);
    const settings = settingsOf(checked.client);
    this.passPreflight = checked.passPreflight ?? false;
    this.#client = checked.client;
    this.#now = settings.now;
    this.#readiness = new Readiness(checked.client, settings.monotonicNow);
    this.#resource = checked.resource;
    const { resource, resourceMetadata = resource && protectedResourceMetadataUrl(resource) } = checked;
    this.#expectations = {
      clockSkewSeconds: checked.clockSkewSeconds,
      issuer: settings.issuer,
      audience: typeof checked.audience === 'string' ? [checked.audience] : checked.audience?.slice(),
      tokenTypes: checked.tokenTypes?.flatMap((type) => [type, type.toLowerCase()]),
      rolesOf: checked.rolesOf,
      policyProblem: checked.policyProblem,
      challenge: { realm: checked.realm, resource_metadata: resourceMetadata },
    };
    const { prefilter, explainInactive } = checked;
    const emit = (event: LookupEvent) => this.#lookup.emit(event);
    this.#lookup = new TokenLookup(this.#client, checked.cache, {
      prefilter: prefilter && boundPrefilter(prefilter, { settings, expectations: this.#expectations, emit }),
      onInactive: explainInactive && explainer(explainInactive, (why) => emit({ type: 'inactive_explained', ...why })),
    });
  }

  /**
   * Decides about one request. A policy for a route that is asked more than once is better prepared by `guard`.
   *
   * @returns the active token; `null` where the policy is optional and there are no bearer credentials
   * @throws AuthorizationError, IntrospectionError, or `signal.reason` of the request
   */
  authorize(request: Credentials | RequestContext, policy: Policy & { optional: true }): Promise<ActiveToken | null>;
  authorize(request: Credentials | RequestContext, policy?: Policy & { optional?: false }): Promise<ActiveToken>;
  authorize(request: Credentials | RequestContext, policy: Policy): Promise<ActiveToken | null>;
  async authorize(request: Credentials | RequestContext, policy?: Policy): Promise<ActiveToken | null> {
    if (policy !== undefined) return tokenOf(await this.decider(policy)(contextOf(request)));
    this.#anyToken ??= preparePolicy({}, this.#expectations);
    return tokenOf(await this.#decide(contextOf(request), this.#anyToken));
  }

  /**
   * Checks and prepares a policy, once, where the route is declared.
   *
   * @throws TypeError naming what is wrong with the policy
   */
  guard(policy: Policy & { optional: true }): Guard<ActiveToken | null>;
  guard(policy?: Policy & { optional?: false }): Guard<ActiveToken>;
  guard(policy: Policy): Guard<ActiveToken | null>;
  guard(policy: Policy = {}): Guard<ActiveToken | null> {
    const decide = this.decider(policy);
    return async (request) => {
      const decision = decide(contextOf(request));
      return tokenOf(isDecided(decision) ? decision : await decision);
    };
  }

  /**
   * Like `guard`, but returns a {@link Decision}: without a promise on a cache hit. It never throws: the promise rejects
   * with an error that is not of this package, and with `signal.reason` of the request.
   *
   * @internal For `protect` of `/adapter`.
   * @throws TypeError naming what is wrong with the policy
   */
  decider(policy: Policy = {}): (request: RequestContext) => Decision | Promise<Decision> {
    const prepared = preparePolicy(policy, this.#expectations);
    return (request) => this.#decide(request, prepared);
  }

  /**
   * Proves endpoint and credentials by asking about a dummy token. The outcome is shared while it is being found, and
   * reused for 5 s: a health route cannot spend the server's patience.
   *
   * @throws IntrospectionError that tells what is wrong
   */
  ready(): Promise<void> {
    return this.#readiness.check();
  }

  /**
   * Forgets the answer about a token, or those about a subject, a token id, a client, or all: for logout, and for
   * events that tell of a revocation. What was asked before and is answered later is neither kept nor served.
   *
   * If `forget` is called repeatedly, a running introspection is repeated at most three times because of it. Then the
   * last response is used, but not cached, for requests that came before the last `forget` ended.
   *
   * Of this authorizer it holds at once; in other processes, those that share the cache's `store` and ask with the same
   * issuer, endpoint, client, parameters and headers hear of it at their next look there.
   *
   * @throws TypeError unless one thing is named
   * @throws UnavailableError when the store could not be told; this process has forgotten all the same
   */
  invalidate(target: InvalidationTarget): Promise<void> {
    return this.#lookup.invalidate(target);
  }

  /** What this authorizer and its client have done since they were made, and how they stand: for a health page. */
  stats(): AuthorizerStats {
    return { ...this.#lookup.stats(), ...this.#client.stats() };
  }

  /**
   * The RFC 9728 document of this API, and the path at which it is to be served, unguarded.
   *
   * @throws TypeError when `resource` was not configured
   */
  resourceMetadata(): { path: string; document: ProtectedResourceMetadata } {
    const { issuer } = this.#expectations;
    if (this.#resource === undefined) {
      throw new TypeError('Authorizer: to serve the resource metadata, configure "resource"');
    }
    const { pathname } = new URL(protectedResourceMetadataUrl(this.#resource));
    return { path: pathname, document: protectedResourceMetadata({ resource: this.#resource, issuer }) };
  }

  #decide(request: RequestContext, policy: PreparedPolicy): Decision | Promise<Decision> {
    try {
      const token = bearerCandidate(request.authorization, policy.challenge);
      if (token === undefined)
        return policy.optional ? permission(null) : denial(new MissingTokenError(policy.missingChallenge));
      const kept = this.#lookup.cached(token, policy.maxResponseAgeMs);
      if (kept === undefined) {
        checkToken(token, policy.challenge); // what is kept was checked before it was asked about
        return this.#ask(token, request, policy).then(permission, denial);
      }
      const judged = this.#judge(kept, request, policy);
      // A policy without a `check` returns the token itself, and no promise.
      return judged === kept ? permission(judged) : Promise.resolve(judged).then(permission, denial);
    } catch (error) {
      return denial(error);
    }
  }

  async #ask(token: string, request: RequestContext, policy: PreparedPolicy): Promise<ActiveToken> {
    const answer = await this.#lookup.find(token, request, policy.maxResponseAgeMs).catch(reasonOf);
    if (typeof answer === 'string') throw new InvalidTokenError(answer, policy.challenge);
    return this.#judge(answer, request, policy);
  }

  #judge(answer: IntrospectionResponse, request: RequestContext, policy: PreparedPolicy) {
    if (!answer.active) throw new InvalidTokenError('inactive', policy.challenge);
    return policy.judge(answer, request, this.#now() / 1000);
  }
}

/** @throws the error of a denial */
function tokenOf(decision: Decision): ActiveToken | null {
  if (decision.allowed) return decision.token ?? null;
  throw decision.error;
}

/** Returns why the token is rejected, so that the guard can throw an error with the route's own challenge. */
function reasonOf(error: unknown): InvalidTokenReason {
  if (isAuthorizationError(error) && error.code === 'invalid_token') return error.reason;
  throw error;
}

function contextOf(request: Credentials | RequestContext): RequestContext {
  const isContext = typeof request === 'object' && request !== null && 'authorization' in request;
  return isContext ? request : { authorization: request };
}
