import type { InvalidationTarget } from '../cache/invalidation-target.js';
import { type IntrospectionClient, settingsOf } from '../client/introspection-client.js';
import { FailureLog, type FrameworkLog } from '../events/failure-log.js';
import type { LookupEvent } from '../lookup/lookup-stats.js';
import type { TokenLookup } from '../lookup/token-lookup.js';
import { combinedPolicy } from '../policy/combined-policy.js';
import type { Policy, RoutePolicy } from '../policy/policy.js';
import { type Expectations, type PreparedPolicy, preparePolicy } from '../policy/prepared-policy.js';
import type { RouteToken } from '../protocol/active-token.js';
import type { ProtectedResourceMetadata } from '../protocol/protected-resource-metadata.js';
import type { RequestContext } from '../request/request-context.js';
import { brand } from './authorizer-brand.js';
import { type AuthorizerInternals, internals, internalsOf } from './authorizer-internals.js';
import type { AuthorizerOptions } from './authorizer-options.js';
import { checkedAuthorizerOptions } from './authorizer-options-schema.js';
import { type AuthorizerRequest, contextOf, type Guard, givenToken } from './authorizer-request.js';
import type { AuthorizerStats } from './authorizer-stats.js';
import { Decider } from './decider.js';
import { type Decision, type ErrorBody, grantedToken, isDecided } from './decision.js';
import { expectationsOf } from './expectations.js';
import { lookupOf } from './lookup-of.js';
import { Readiness } from './readiness.js';
import { resourceDocument } from './resource-document.js';
import { type DecideRoute, routeDefaults } from './route-options.js';
import type { TokenWatch, WatchOptions } from './token-watch.js';
import { TokenWatches } from './token-watches.js';
import { watchWith } from './watch-with.js';

/**
 * Decides whether a request may pass: reads its bearer token, introspects it, and judges the response by a policy.
 *
 * One authorizer is for one issuer and one OAuth client. For several, use `issuers` or `tenants`. Without `audience`, no
 * audience is checked.
 * @example
 * ```ts
 * const authorizer = new Authorizer({ issuer, clientId, clientSecret, cache: { maxAgeSeconds: 60 } });
 * const token = await authorizer.authorize(request, { scopes: ['items:read'] });
 * ```
 */
export class Authorizer<Claims = unknown, Scope extends string = string, Role extends string = string> {
  /** The option `passPreflight`. Adapters use it; `authorize` and `guard` do not. */
  readonly passPreflight: boolean;
  /** The option `audience` as a list; `undefined` if the audience of a token is not checked. */
  readonly audience: readonly string[] | undefined;
  readonly #client: IntrospectionClient;
  readonly #expectations: Expectations;
  readonly #errorBody: ErrorBody | undefined;
  readonly #decider: Decider;
  readonly #lookup: TokenLookup;
  readonly #watches: TokenWatches;
  readonly #internals: AuthorizerInternals;
  /** The guard of the empty policy. Made at first use, because `policyProblem` may find a problem in that policy. */
  #anyToken: Guard<RouteToken<Claims, false>> | undefined;
  readonly #readiness: Readiness;

  /**
   * Checks the options. Sends no request, and neither changes nor keeps the options object.
   *
   * @throws TypeError naming the option
   */
  constructor(options: AuthorizerOptions<Claims, Scope, Role>) {
    const checked = checkedAuthorizerOptions(options as AuthorizerOptions);
    const settings = settingsOf(checked.client);
    this.passPreflight = checked.passPreflight ?? false;
    this.#client = checked.client;
    this.#errorBody = checked.errorBody;
    this.#readiness = new Readiness(checked.client, settings.monotonicNow);
    const emit = (event: LookupEvent) => this.#lookup.emit(event);
    this.#expectations = expectationsOf(checked, settings.issuer, emit);
    this.#internals = internalsOf(this.#expectations, checked, (policy) => this.#deciderFor(policy));
    this.audience = this.#expectations.audience?.slice();
    this.#lookup = lookupOf(this.#client, checked, this.#expectations, emit);
    this.#watches = new TokenWatches(settings, checked.clockSkewSeconds ?? 0, (...response) =>
      this.#lookup.freshForMs(...response),
    );
    const failures = new FailureLog(settings);
    if (checked.cache?.store !== undefined && checked.cache.storeSecrets === undefined) failures.unsealedStore();
    this.#decider = new Decider(this.#lookup, { ...settings, failures, maxTokenLength: checked.maxTokenLength });
  }

  /**
   * Decides about one request: an `Authorization` value, a web-standard `Request`, a {@link RequestContext} or
   * `{ token }`. If you use a policy more than once, make a `guard` of it.
   *
   * @example
   * ```ts
   * const { sub } = await authorizer.authorize(request.headers.get('authorization'), { scopes: ['items:read'] });
   * ```
   * @returns the active token; `null` if the policy is optional and there are no bearer credentials
   * @throws AuthorizationError, IntrospectionError, or `signal.reason` of the request
   * @throws TypeError if the policy is invalid, and what your own functions throw, such as `check`
   */
  async authorize<Optional extends boolean = false>(
    request: AuthorizerRequest,
    policy?: RoutePolicy<Claims, Scope, Role, unknown, Optional>,
  ): Promise<RouteToken<Claims, Optional>> {
    if (policy !== undefined) return this.guard(policy)(request);
    this.#anyToken ??= this.guard<false>();
    return (await this.#anyToken(request)) as RouteToken<Claims, Optional>;
  }

  /**
   * Checks a policy once. Returns a function that decides about requests by it, and throws like `authorize`.
   *
   * @example
   * ```ts
   * const mayRead = authorizer.guard({ scopes: ['items:read'] });
   * const token = await mayRead(request);
   * ```
   * @throws TypeError naming the invalid member of the policy
   */
  guard<Optional extends boolean = false>(
    policy?: RoutePolicy<Claims, Scope, Role, unknown, Optional>,
  ): Guard<RouteToken<Claims, Optional>> {
    const decide = this.#deciderFor((policy === undefined ? {} : policy) as Policy);
    return async (request) => {
      const context = contextOf(request);
      const token = givenToken(context);
      const decision = decide(context, { ...routeDefaults, token });
      return grantedToken<Claims, Optional>(isDecided(decision) ? decision : await decision);
    };
  }

  /**
   * Decides like `authorize`, and then watches the token of a connection that lasts, such as a WebSocket or an event
   * stream. The returned signal is aborted when the token expires, becomes inactive, or no longer satisfies the policy.
   *
   * A failed introspection does not end a connection: the token is checked again after 5 s, and still ends at its `exp`.
   * Without a cache, each watched token is introspected every 60 s. Do not use it on Cloudflare Workers.
   *
   * @example
   * ```ts
   * const { token, signal } = await authorizer.watch(request, { scopes: ['events:read'] }, { signal: closed });
   * signal.addEventListener('abort', () => socket.close(4401));
   * ```
   * @throws like `authorize`; an `AbortError` after `close`
   */
  watch<Optional extends boolean = false>(
    request: AuthorizerRequest,
    policy?: RoutePolicy<Claims, Scope, Role, unknown, Optional>,
    { signal }: WatchOptions = {},
  ): Promise<TokenWatch<Claims, Optional>> {
    const prepared = preparePolicy((policy === undefined ? {} : policy) as Policy, this.#expectations);
    return watchWith<Claims, Optional>(this.#watches, this.#decideBy(prepared), prepared, { request, signal });
  }

  /**
   * Returns one policy that a token satisfies only if it satisfies each of the given policies. It is optional only if
   * each of them is.
   *
   * @throws TypeError naming the invalid member of a policy
   */
  policy<Optional extends boolean = false>(
    ...policies: [first?: RoutePolicy<Claims, Scope, Role, unknown, Optional>, ...others: Policy<Claims, Scope, Role>[]]
  ): RoutePolicy<Claims, Scope, Role, unknown, Optional> {
    const combined = combinedPolicy(policies as Policy[]);
    preparePolicy(combined, this.#expectations);
    return combined as RoutePolicy<Claims, Scope, Role, unknown, Optional>;
  }

  /**
   * Like `guard`, but the returned function returns a {@link Decision}, without a promise on a cache hit. It never throws.
   * Its promise rejects with an error that is not of this package, and with `signal.reason` of the request.
   *
   * @internal For `protect` of `/adapter`.
   * @param log writes log lines where the framework logs, if the option `log` is absent
   * @throws TypeError naming the invalid member of the policy
   */
  decider(policy: Policy = {}, log?: FrameworkLog): (request: RequestContext) => Decision | Promise<Decision> {
    const prepared = preparePolicy(policy, this.#expectations);
    const options = { ...routeDefaults, errorBody: this.#errorBody, log };
    return (request) => this.#decider.decide(request, prepared, options);
  }

  /**
   * Proves that endpoint and credentials work, by introspecting a token that does not exist. Concurrent calls share one
   * request, and its outcome is used for 5 s: a health route cannot flood the server.
   *
   * @throws IntrospectionError
   */
  ready(): Promise<void> {
    return this.#readiness.check();
  }

  /**
   * Removes cached responses: those of a token, a subject, a token id, a client, or all. Call it at a logout, and when
   * you learn of a revocation. A response that was requested before this call is neither cached nor used after it.
   *
   * When the promise resolves, this authorizer has removed them. Other processes that share the cache's `store`, with the
   * same issuer, endpoint, client, parameters and headers, remove them when they read the store again.
   *
   * If `invalidate` is called again and again, a running introspection is repeated at most three times. Then its last
   * response is used, but not cached, for requests that arrived before the latest `invalidate`.
   *
   * @throws TypeError if the target is invalid
   * @throws UnavailableError if the store failed; this process has removed its responses all the same
   */
  invalidate(target: InvalidationTarget): Promise<void> {
    return this.#lookup.invalidate(target).finally(() => this.#watches.invalidated(target));
  }

  /** Returns what this authorizer and its client have done since they were made, for a health page. */
  stats(): AuthorizerStats {
    return { ...this.#lookup.stats(), ...this.#client.stats() };
  }

  /**
   * Ends what runs in the background, such as refreshes of cached responses and the connection of the cache's `store`.
   * Requests can still be authorized after it, without background work. The signals of all watches are aborted.
   */
  close(): Promise<void> {
    this.#watches.close();
    return this.#lookup.close();
  }

  /** Like `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Returns the RFC 9728 document of this API, and the path at which to serve it, unguarded.
   *
   * @throws TypeError if `resource` was not configured
   */
  resourceMetadata(): { path: string; document: ProtectedResourceMetadata } {
    return resourceDocument(this.#internals.resource, this.#expectations);
  }

  #deciderFor(policy: Policy): DecideRoute {
    return this.#decideBy(preparePolicy(policy, this.#expectations));
  }

  #decideBy(prepared: PreparedPolicy): DecideRoute {
    return (request, { token, candidate, rejection, isRoute, log }) => {
      const errorBody = isRoute ? this.#errorBody : undefined;
      return this.#decider.decide(request, prepared, { token, candidate, rejection, errorBody, log });
    };
  }

  /** @internal */
  get [internals](): AuthorizerInternals {
    return this.#internals;
  }

  /** @internal */
  get [brand](): true {
    return true;
  }
}
