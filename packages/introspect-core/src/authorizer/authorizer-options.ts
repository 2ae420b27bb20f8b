import type { CacheOptions } from '../cache/cache-options.js';
import type { IntrospectionClientOptions } from '../client/client-options.js';
import type { IntrospectionClient } from '../client/introspection-client.js';
import type { AuthorizerError } from '../errors/errors.js';
import type { InactiveExplanation } from '../events/events.js';
import type { Prefilter, PrefilterContext } from '../lookup/prefilter.js';
import type { ClaimsSource } from '../policy/claims-reader.js';
import type { Policy } from '../policy/policy.js';
import type { ActiveToken } from '../protocol/active-token.js';
import type { RequestContext } from '../request/request-context.js';

/** Settings for validating tokens, judging policies and building challenges. */
export interface AuthorizerSettings<
  Claims = unknown,
  Scope extends string = string,
  Role extends string = string,
  Native = unknown,
> {
  /**
   * The token's `aud` must contain this value, or one of these values. A token without `aud` is then rejected
   * (`audience_mismatch`).
   *
   * @default the audience is not checked
   */
  audience?: string | readonly string[];
  /**
   * Further values of `iss` that mean the same authorization server as `issuer`, such as its other domains.
   * Nothing else changes: requests are sent to the endpoint of `issuer`. Needs `issuer`.
   *
   * Warning: list only names under which this server itself issues tokens.
   *
   * @default only `issuer` is accepted
   */
  issuerAliases?: readonly string[];
  /**
   * The response's `token_type` must be one of these, such as `['Bearer']`. Upper and lower case are the same
   * (RFC 6749 §5.1). A response without `token_type` is rejected (`not_an_access_token`).
   *
   * Set it if the server reports refresh or ID tokens as active. Tokens that are marked as refresh or ID tokens, and
   * tokens that are bound to a key, are always rejected: `'DPoP'` in the list does not let them in.
   *
   * @default the type is not compared with a list
   */
  tokenTypes?: readonly string[];
  /**
   * Checks the claims of each token and sets the type of `token.claims`: a Standard Schema, such as one of zod, valibot
   * or arktype, or a function from the token. It must be synchronous, and runs once for each response of the server.
   * All requests that use the response share its output, so do not change the output.
   *
   * If a token does not match the schema, its request is denied with 403 (`access_denied`). The event `claims_rejected`
   * then names the paths that do not match. An error that the function throws is not caught.
   *
   * @default no claim is checked, and all claims have the type `unknown`
   * @example
   * ```ts
   * const authorizer = new Authorizer({ ...options, claims: z.object({ email: z.email() }) });
   * const { claims } = await authorizer.authorize(request); // claims.email is a string
   * ```
   */
  claims?: ClaimsSource<Claims>;
  /**
   * All scopes of this API. A policy that uses another scope does not compile, and throws a TypeError where it is
   * declared. They are also the `scopes_supported` of the resource metadata (RFC 9728 §2).
   *
   * @default a policy may use any scope
   */
  scopes?: readonly Scope[];
  /**
   * All roles of this API. A policy that uses another role does not compile, and throws a TypeError where it is
   * declared.
   *
   * @default a policy may use any role
   */
  roles?: readonly Role[];
  /**
   * The protection space, named in challenges (RFC 9110 §11.5).
   *
   * @default challenges name no realm, except `"api"` in a challenge without any other parameter
   */
  realm?: string;
  /**
   * This API's URL (https, or http on loopback). An adapter can then serve its RFC 9728 document. It is not compared
   * with the token's `aud`: set `audience` too.
   *
   * @default there is no document
   */
  resource?: string;
  /**
   * The URL of the RFC 9728 document of `resource`, named in challenges (RFC 9728 §5.1).
   *
   * @default derived from `resource` (RFC 9728 §3.1); without `resource`, challenges name none
   */
  resourceMetadata?: string;
  /**
   * How many seconds the server's clock may differ from this one.
   *
   * @default 0 for `exp`, 30 for `nbf` and for an `auth_time` in the future
   */
  clockSkewSeconds?: number;
  /**
   * The longest token that is introspected, in characters. A longer one is rejected (`too_long`) without a request. Node
   * itself denies a request whose header fields have more than 16 KiB together, so a higher limit also needs
   * `node --max-http-header-size`.
   *
   * @default 16384
   */
  maxTokenLength?: number;
  /**
   * Returns the roles in a token, for `roles` and `anyRole` of policies. It must be synchronous. An error that it
   * throws is not caught.
   *
   * @default a policy with `roles` or `anyRole` throws a TypeError
   */
  rolesOf?(token: ActiveToken, request: RequestContext<Native>): Iterable<string>;
  /**
   * Returns what is wrong with a policy, or `undefined` if nothing is. It is called when a guard is made: once for each
   * policy, each policy of a combination, and each policy in `anyOf`. If it returns a string, `guard` throws a
   * TypeError with that string, and an adapter throws it at start-up.
   *
   * @default policies have no further rules
   */
  policyProblem?: (policy: Policy) => string | undefined;
  /**
   * How responses are cached.
   *
   * @default nothing is cached: each request is introspected, and concurrent requests with one token share one
   * introspection
   */
  cache?: CacheOptions;
  /**
   * Judges a token before it is introspected, such as `jwtPrefilter()` of `/jwt-prefilter`. It is not called on a cache
   * hit.
   *
   * @default each token is introspected
   */
  prefilter?: Prefilter;
  /**
   * For development only: returns why the server may have called a token inactive. The authorizer emits the explanation
   * as the event `inactive_explained`, and never sends it to the caller of the API. An error that it throws is ignored.
   *
   * @default no explanation
   */
  explainInactive?: (token: string, context: PrefilterContext) => Promise<InactiveExplanation>;
  /**
   * Lets a CORS preflight pass every guard without a token: `OPTIONS` with `Origin` and
   * `Access-Control-Request-Method`. Use it only if you cannot put CORS in front of the guard.
   *
   * Warning: anybody can fake a preflight. A handler for all methods then runs without a token.
   *
   * @default false
   */
  passPreflight?: boolean;
  /**
   * Returns the JSON body of an error response, such as an RFC 9457 problem. Status and header fields do not change. An
   * error that it throws is not caught.
   *
   * @param native the framework's own request
   * @default `{ error, error_description }` for 400, 401 and 403 (RFC 6750 §3), `{ error: 'temporarily_unavailable' }`
   * for 503
   */
  errorBody?(error: AuthorizerError, native: Native): object;
}

/** Authorizer settings, plus either client options or an existing `client`, which may be shared. */
export type AuthorizerOptions<
  Claims = unknown,
  Scope extends string = string,
  Role extends string = string,
  Native = unknown,
> = AuthorizerSettings<Claims, Scope, Role, Native> & (IntrospectionClientOptions | SharedClient);

interface SharedClient {
  /** An existing client. It excludes all options of a client, and several authorizers may share it. */
  client: IntrospectionClient;
}
