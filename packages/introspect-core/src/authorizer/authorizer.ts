import * as v from 'valibot';
import { type CacheOptions, cacheOptions } from '../cache/cache-options.js';
import type { ForgetTarget } from '../cache/forget-marks.js';
import type { ClientStats } from '../client/client-stats.js';
import { IntrospectionClient, settingsOf } from '../client/introspection-client.js';
import type { IntrospectionClientOptions } from '../client/introspection-client-options.js';
import { clientOptionNames } from '../client/introspection-client-schema.js';
import { challengeProblem } from '../errors/challenge.js';
import {
  InvalidTokenError,
  type InvalidTokenReason,
  isAuthorizationError,
  MissingTokenError,
} from '../errors/errors.js';
import type { InactiveExplanation } from '../events/events.js';
import { explainer } from '../lookup/inactive-explanation.js';
import type { AnswerStats, LookupEvent } from '../lookup/lookup-stats.js';
import { boundPrefilter, type Prefilter } from '../lookup/prefilter.js';
import { TokenLookup } from '../lookup/token-lookup.js';
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
import { type Expectations, type Policy, type PreparedPolicy, preparePolicy } from '../policy/policy.js';
import type { ActiveToken, IntrospectionResponse } from '../protocol/introspection-response.js';
import {
  type ProtectedResourceMetadata,
  protectedResourceMetadata,
  protectedResourceMetadataUrl,
  resourceProblem,
} from '../protocol/protected-resource-metadata.js';
import { bearerCandidate, type Credentials, checkToken } from '../request/bearer-token.js';
import type { RequestContext } from '../request/request-context.js';
import { sharesPromises } from '../runtime/workerd.js';
import { type Decision, denial, isDecided, permission } from './decision.js';

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

/** Plain numbers, and one word: for a health page. */
export interface AuthorizerStats extends AnswerStats, ClientStats {}

/** Decides about one request by a policy that was checked beforehand. */
export type Guard<Token> = (request: Credentials | RequestContext) => Promise<Token>;

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

/** Harmless, and answered as inactive: what `ready` asks about. */
const dummyToken = 'introspect-is-it-ready';
const readyMs = 5000;

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
  readonly #monotonicNow: () => number;
  readonly #lookup: TokenLookup;
  readonly #resource: string | undefined;
  /** The empty policy. It is prepared at first use, because `policyProblem` may reject an empty policy. */
  #anyToken: PreparedPolicy | undefined;
  #readiness: { at: number; error: unknown } | undefined;
  #readyCheck: Promise<void> | undefined;

  /**
   * Checks the options. The network is not touched, and the object is neither written to nor kept.
   *
   * @throws TypeError naming the option
   */
  constructor(options: AuthorizerOptions) {
    const [own, others] = partition(options);
    const checked = checkedOptions('Authorizer', schema, own);
    if (checked.client !== undefined && Object.keys(others).length > 0) {
      throw new TypeError(`Authorizer: "${Object.keys(others)[0]}" is no option beside "client", which has its own`);
    }
    this.passPreflight = checked.passPreflight ?? false;
    this.#client = checked.client ?? new IntrospectionClient(others as IntrospectionClientOptions);
    const settings = settingsOf(this.#client);
    this.#now = settings.now;
    this.#monotonicNow = settings.monotonicNow;
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
    const tell = (event: LookupEvent) => this.#lookup.emit(event);
    this.#lookup = new TokenLookup(this.#client, checked.cache, {
      prefilter: prefilter && boundPrefilter(prefilter, { settings, expectations: this.#expectations, tell }),
      onInactive: explainInactive && explainer(explainInactive, (why) => tell({ type: 'inactive_explained', ...why })),
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
  async ready(): Promise<void> {
    const known = this.#readiness;
    if (known === undefined || this.#monotonicNow() - known.at >= readyMs)
      return this.#readyCheck ?? this.#checkReady();
    if (known.error !== undefined) throw known.error;
  }

  #checkReady(): Promise<void> {
    const check = this.#client
      .introspect(dummyToken, { priority: 'first' })
      .then(
        () => undefined,
        // The server accepted endpoint and credentials.
        (error: unknown) => (isAuthorizationError(error) ? undefined : error),
      )
      .then((error) => {
        this.#readiness = { at: this.#monotonicNow(), error };
        this.#readyCheck = undefined;
        if (error !== undefined) throw error;
      });
    if (sharesPromises()) this.#readyCheck = check;
    return check;
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
  forget(target: ForgetTarget): Promise<void> {
    return this.#lookup.forget(target);
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
      const kept = this.#lookup.cached(token, policy.maxStalenessMs);
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
    const answer = await this.#lookup.find(token, request, policy.maxStalenessMs).catch(reasonOf);
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
