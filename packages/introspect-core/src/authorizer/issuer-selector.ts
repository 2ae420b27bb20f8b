import { FrontTable } from '../cache/front-table.js';
import { inherited, inheritedName, ownMembers, unknownOption } from '../options.js';
import { bearerCandidate } from '../request/bearer-token.js';
import type { RequestContext } from '../request/request-context.js';
import { isAuthorizer } from './any-authorizer.js';
import type { Authorizer } from './authorizer.js';
import { internals } from './authorizer-internals.js';
import { combinedStats } from './authorizer-stats.js';
import { type AuthorizerMembers, allOf, type Choice, ChoosingAuthorizer } from './choosing-authorizer.js';
import { unverifiedIssuer } from './unverified-issuer.js';

/** The options of {@link issuers}. */
export interface IssuersOptions<Member> {
  /**
   * The authorizer for tokens that name no issuer: opaque tokens, encrypted JWTs, and JWTs without `iss`. A function
   * chooses one by the request, such as by its host or path, and returns `undefined` to reject the token.
   *
   * @default such tokens are rejected with 401 (`issuer_mismatch`), without a request
   */
  opaque?: Member | ((request: RequestContext) => Member | undefined);
}

/**
 * Returns an authorizer for an API that accepts the tokens of several issuers. Pass it to an adapter, or call its methods,
 * like those of any other authorizer.
 *
 * The `iss` of a JWT chooses the authorizer. It is not verified: it only chooses from your list, and the chosen server
 * introspects the token. So no token is sent to a server that did not issue it, if its `iss` is true. A JWT with another
 * `iss` is rejected with 401 (`issuer_mismatch`), without a request.
 *
 * Caches, limits and circuit breakers stay those of each authorizer. Challenges and `errorBody` of a request without a
 * token, or with a token of an unknown issuer, are those of `opaque`, otherwise of the first authorizer. `invalidate`,
 * `ready` and `close` apply to all, and `stats` has the sums.
 *
 * @example
 * ```ts
 * const authorizer = issuers([customers, employees], { opaque: employees });
 * ```
 * @throws TypeError if the list is empty, if an authorizer has no issuer, if two have the same one, or if their
 * `resource` differs
 */
export function issuers<Claims = unknown, Scope extends string = string, Role extends string = string>(
  authorizers: readonly Authorizer<Claims, Scope, Role>[],
  options: IssuersOptions<Authorizer<Claims, Scope, Role>> = {},
): Authorizer<Claims, Scope, Role> {
  type Member = Authorizer<Claims, Scope, Role>;
  const members = checkedMembers(authorizers);
  const opaque = checkedOpaque(members, options);
  const byIssuer = membersByIssuer(members);
  const [first] = members as [Member];
  const fallback = typeof opaque === 'object' ? opaque : first;
  const unknownIssuer: Choice<Member> = { authorizer: fallback, rejection: 'issuer_mismatch' };
  const servers = [...new Set(members.flatMap((each) => each[internals].issuers))];
  const resource = commonResource(members);
  const frontEntries = members.reduce((sum, each) => sum + each[internals].frontEntries, 0);
  /** Accepted JWTs and their issuers: decoding a JWT takes several times as long as a cache hit. */
  const accepted = new FrontTable(frontEntries);

  const choose = (request: RequestContext, given: string | undefined): Choice<Member> => {
    const token = given ?? tokenOf(request);
    if (token === undefined) return { authorizer: fallback };
    const known = token.includes('.') ? accepted.find(token) : undefined;
    const issuer = known?.key ?? unverifiedIssuer(token);
    if (issuer === undefined) return chooseOpaque(request, token);
    const authorizer = byIssuer.get(issuer);
    if (authorizer === undefined) return unknownIssuer;
    if (known !== undefined || authorizer[internals].frontEntries === 0) return { authorizer, candidate: token };
    return { authorizer, candidate: token, release: (isAllowed) => isAllowed && accepted.add(token, issuer) };
  };
  const chooseOpaque = (request: RequestContext, candidate: string): Choice<Member> => {
    const authorizer = typeof opaque === 'function' ? opaque(request) : opaque;
    if (authorizer === undefined) return unknownIssuer;
    if (members.includes(authorizer)) return { authorizer, candidate };
    throw new TypeError('issuers: the function "opaque" must return an authorizer of the list, or undefined');
  };
  const selector = {
    fixed: members,
    members: () => members,
    choose,
    stats: () => combinedStats(members.map((each) => each.stats())),
    close: () => allOf(members.map((each) => each.close())),
    resourceMetadata: () => {
      const described = members.find((each) => each[internals].resource !== undefined) ?? first;
      const { path, document } = described.resourceMetadata();
      return { path, document: { ...document, authorization_servers: servers } };
    },
  };
  const chosen: AuthorizerMembers<Claims, Scope, Role> = new ChoosingAuthorizer(selector, {
    issuers: servers,
    acceptedIssuers: [...byIssuer.keys()],
    resource,
    frontEntries,
  });
  return chosen as Member;
}

/** Returns the bearer token, unchecked. A malformed field has none: the chosen authorizer rejects it. */
function tokenOf({ authorization }: RequestContext): string | undefined {
  try {
    return bearerCandidate(authorization, {});
  } catch {
    return undefined;
  }
}

function checkedMembers<Member>(authorizers: readonly Member[]): readonly Member[] {
  if (!Array.isArray(authorizers) || authorizers.length === 0 || authorizers.some((each) => !isAuthorizer(each))) {
    throw new TypeError('issuers: pass a list of authorizers, with one for each issuer');
  }
  return [...authorizers];
}

function checkedOpaque<Member>(
  members: readonly Member[],
  options: IssuersOptions<Member>,
): IssuersOptions<Member>['opaque'] {
  const given = Object(options);
  if (inheritedName(given, ['opaque']) !== undefined) throw new TypeError(`issuers: "opaque" ${inherited}`);
  const unknown = Object.keys(ownMembers(given)).find((name) => name !== 'opaque');
  if (unknown !== undefined) throw new TypeError(`issuers: ${unknownOption(unknown, ['opaque'])}`);
  const { opaque } = given as IssuersOptions<Member>;
  if (!('opaque' in given) || typeof opaque === 'function' || members.includes(opaque as Member)) return opaque;
  throw new TypeError('issuers: "opaque" must be an authorizer of the list, or a function that returns one');
}

function membersByIssuer<Member extends Pick<Authorizer, typeof internals>>(
  members: readonly Member[],
): ReadonlyMap<string, Member> {
  const byIssuer = new Map<string, Member>();
  for (const [index, member] of members.entries()) {
    const { acceptedIssuers } = member[internals];
    if (acceptedIssuers.length === 0) {
      throw new TypeError(
        `issuers: the authorizer at index ${index} has no "issuer", so no token could choose it: set its option "issuer"`,
      );
    }
    for (const issuer of acceptedIssuers) {
      if (byIssuer.has(issuer)) {
        throw new TypeError(`issuers: two authorizers have the issuer ${issuer}: pass one authorizer for each issuer`);
      }
      byIssuer.set(issuer, member);
    }
  }
  return byIssuer;
}

function commonResource(members: readonly Pick<Authorizer, typeof internals>[]): string | undefined {
  const resources = members.map((each) => each[internals].resource).filter((each) => each !== undefined);
  if (new Set(resources).size > 1) {
    throw new TypeError(
      'issuers: the authorizers have different "resource" values: they protect one API, so set the same',
    );
  }
  return resources[0];
}
