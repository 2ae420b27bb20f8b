import { type InvalidationTarget, parseTarget } from '../cache/invalidation-target.js';
import { InvalidTokenError, type InvalidTokenReason, MissingTokenError } from '../errors/errors.js';
import type { FrameworkLog } from '../events/failure-log.js';
import { combinedPolicy } from '../policy/combined-policy.js';
import { type Policy, partsOf, type RoutePolicy } from '../policy/policy.js';
import type { RouteToken } from '../protocol/active-token.js';
import { bearerToken } from '../request/bearer-token.js';
import type { RequestContext } from '../request/request-context.js';
import { onAbort } from '../runtime/on-abort.js';
import type { Authorizer } from './authorizer.js';
import { brand } from './authorizer-brand.js';
import { type AuthorizerInternals, internals } from './authorizer-internals.js';
import { type AuthorizerRequest, contextOf, type Guard, givenToken } from './authorizer-request.js';
import type { AuthorizerStats } from './authorizer-stats.js';
import { type Decision, denial, grantedToken, isDecided, permission } from './decision.js';
import { type DecideRoute, type RouteOptions, routeDefaults } from './route-options.js';
import type { TokenWatch, WatchOptions } from './token-watch.js';

/** The public members of an authorizer: those of the class without its private ones. */
export type AuthorizerMembers<Claims, Scope extends string, Role extends string> = Pick<
  Authorizer<Claims, Scope, Role>,
  keyof Authorizer
>;

/** The authorizer of a request. */
export interface Choice<Member> {
  readonly authorizer: Member;
  /** Why this authorizer rejects the token without a lookup. */
  readonly rejection?: InvalidTokenReason;
  /** What the selector has read after the scheme `Bearer`. With it, the authorizer does not read the field again. */
  readonly candidate?: string;
  /** Call it once, when the request no longer needs the authorizer. `isAllowed` says whether the request was allowed. */
  readonly release?: (isAllowed: boolean) => void;
}

/** Chooses among several authorizers. */
export interface Selector<Member> {
  /** Those that are known at construction. Each policy is checked by all of them. */
  readonly fixed: readonly Member[];
  /** Those that exist now. */
  members(): readonly Member[];
  /**
   * Returns the authorizer of a request, without a promise if it is already loaded. Returns `undefined` if the request has
   * none.
   *
   * @param token a token that did not come in an `Authorization` field
   */
  choose(
    request: RequestContext,
    token: string | undefined,
  ): Choice<Member> | undefined | Promise<Choice<Member> | undefined>;
  stats(): AuthorizerStats;
  resourceMetadata(): ReturnType<Authorizer['resourceMetadata']>;
  close(): Promise<void>;
}

/** An authorizer that passes each request on to one of several. It has no cache, limits or circuit breaker of its own. */
export class ChoosingAuthorizer<Claims, Scope extends string, Role extends string>
  implements AuthorizerMembers<Claims, Scope, Role>
{
  readonly passPreflight: boolean;
  readonly audience: readonly string[] | undefined;
  readonly #selector: Selector<Authorizer<Claims, Scope, Role>>;
  readonly #internals: AuthorizerInternals;

  constructor(selector: Selector<Authorizer<Claims, Scope, Role>>, known: Omit<AuthorizerInternals, 'deciderFor'>) {
    const { fixed } = selector;
    const audiences = fixed.map(({ audience }) => audience);
    this.#selector = selector;
    this.passPreflight = fixed.length > 0 && fixed.every(({ passPreflight }) => passPreflight);
    this.audience =
      audiences.length === 0 || audiences.includes(undefined)
        ? undefined
        : [...new Set(audiences.flatMap((each) => each ?? []))];
    this.#internals = { ...known, deciderFor: (policy) => this.#deciderFor(policy) };
  }

  async authorize<Optional extends boolean = false>(
    request: AuthorizerRequest,
    policy?: RoutePolicy<Claims, Scope, Role, unknown, Optional>,
  ): Promise<RouteToken<Claims, Optional>> {
    return this.guard(policy)(request);
  }

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

  async watch<Optional extends boolean = false>(
    request: AuthorizerRequest,
    policy?: RoutePolicy<Claims, Scope, Role, unknown, Optional>,
    options: WatchOptions = {},
  ): Promise<TokenWatch<Claims, Optional>> {
    const context = contextOf(request);
    const choice = await this.#selector.choose(context, givenToken(context));
    if (choice === undefined || choice.rejection !== undefined) {
      choice?.release?.(false);
      const decided = this.guard(policy)(context);
      return { token: await decided, signal: options.signal ?? new AbortController().signal };
    }
    const { authorizer, release } = choice;
    try {
      const watch = await authorizer.watch(context, policy, options);
      if (release !== undefined) onAbort(watch.signal, () => release(false));
      return watch;
    } catch (error) {
      release?.(false);
      throw error;
    }
  }

  policy<Optional extends boolean = false>(
    ...policies: [first?: RoutePolicy<Claims, Scope, Role, unknown, Optional>, ...others: Policy<Claims, Scope, Role>[]]
  ): RoutePolicy<Claims, Scope, Role, unknown, Optional> {
    for (const authorizer of this.#selector.fixed) authorizer.policy(...policies);
    return combinedPolicy(policies as Policy[]) as RoutePolicy<Claims, Scope, Role, unknown, Optional>;
  }

  decider(policy: Policy = {}, log?: FrameworkLog): (request: RequestContext) => Decision | Promise<Decision> {
    const decide = this.#deciderFor(policy);
    const options = { ...routeDefaults, isRoute: true, log };
    return (request) => decide(request, options);
  }

  async ready(): Promise<void> {
    await allOf(this.#selector.members().map((each) => each.ready()));
  }

  async invalidate(target: InvalidationTarget): Promise<void> {
    parseTarget(target);
    await allOf(this.#selector.members().map((each) => each.invalidate(target)));
  }

  stats(): AuthorizerStats {
    return this.#selector.stats();
  }

  close(): Promise<void> {
    return this.#selector.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  resourceMetadata(): ReturnType<Authorizer['resourceMetadata']> {
    return this.#selector.resourceMetadata();
  }

  get [brand](): true {
    return true;
  }

  get [internals](): AuthorizerInternals {
    return this.#internals;
  }

  #deciderFor(policy: Policy): DecideRoute {
    const isOptional = partsOf(policy).every(({ optional }) => optional === true);
    const known = new WeakMap<object, DecideRoute>();
    const deciderOf = (authorizer: Authorizer<Claims, Scope, Role>) => {
      const decide = known.get(authorizer) ?? authorizer[internals].deciderFor(policy);
      known.set(authorizer, decide);
      return decide;
    };
    for (const authorizer of this.#selector.fixed) deciderOf(authorizer);
    const decideBy = (
      choice: Choice<Authorizer<Claims, Scope, Role>> | undefined,
      request: RequestContext,
      options: RouteOptions,
    ) => {
      if (choice === undefined) return denialWithout(request, options.token, isOptional);
      const { authorizer, rejection = options.rejection, candidate, release } = choice;
      try {
        const { token, isRoute, log } = options;
        const decision = deciderOf(authorizer)(request, { token, candidate, rejection, isRoute, log });
        return release === undefined ? decision : released(decision, release);
      } catch (error) {
        release?.(false);
        throw error;
      }
    };
    return (request, options) => {
      try {
        const choice = this.#selector.choose(request, options.token);
        if (choice === undefined || !('then' in choice)) return decideBy(choice, request, options);
        return choice.then((chosen) => decideBy(chosen, request, options)).catch((error: unknown) => denial(error));
      } catch (error) {
        return denial(error);
      }
    };
  }
}

function released(
  decision: Decision | Promise<Decision>,
  release: (isAllowed: boolean) => void,
): Decision | Promise<Decision> {
  if (isDecided(decision)) {
    release(decision.allowed);
    return decision;
  }
  return decision.then(
    (decided) => {
      release(decided.allowed);
      return decided;
    },
    (error) => {
      release(false);
      throw error;
    },
  );
}

/** Returns the decision about a request that has no authorizer, because its tenant is unknown. */
function denialWithout(
  { authorization }: RequestContext,
  given: string | undefined,
  isOptional: boolean,
): Decision | Promise<Decision> {
  try {
    const token = given ?? bearerToken(authorization);
    if (token === undefined) return isOptional ? permission(null) : denial(new MissingTokenError());
    return denial(new InvalidTokenError('issuer_mismatch'));
  } catch (error) {
    return denial(error);
  }
}

/** Waits for all promises, and then rejects with the first error. */
export async function allOf(promises: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) if (result.status === 'rejected') throw result.reason;
}
