import { type AnyAuthorizer, type Authorizer, isAuthorizer, type Policy } from '@acme/introspect-core';
import { isDecided, type NativeRequestContext, protect, webRequestContext } from '@acme/introspect-core/adapter';
import * as v from 'valibot';
import { checkedOptions, narrowing, optionsObject } from '../../options.js';
import { type AuthInfo, authInfoOf, tokenIn } from './auth-info.js';
import { type ScopeImplies, scopeImplications, scopeImpliesSchema, withImplied } from './scope-implications.js';
import { type SdkErrorClasses, sdkErrorClassNames, sdkErrorOf } from './sdk-errors.js';
import { type ResourceMetadata, serverInfoOf, type UntypedAuthorizer } from './server-info.js';

/** The options of {@link mcpVerifier}. */
export interface McpVerifierOptions<
  Claims = unknown,
  Scope extends string = string,
  Role extends string = string,
  Native = unknown,
> {
  /**
   * What every token needs, such as a role. The challenge for a missing scope names the `requiredScopes` of the SDK's gate,
   * not those of this policy.
   *
   * @default every valid token is accepted
   */
  policy?: Policy<Claims, Scope, Role, Native>;
  /**
   * Which scopes a scope grants in addition, such as `{ 'files:write': ['files:read'] }`.
   *
   * @default a scope grants only itself
   */
  scopeImplies?: ScopeImplies;
  /**
   * The error classes of the SDK, version 1: all exports of `@modelcontextprotocol/sdk/server/auth/errors.js`. Without
   * them, the gate of version 1 responds 500 to every rejected token.
   *
   * @default errors that the SDK, version 2, and `mcp-handler` recognise
   */
  errors?: SdkErrorClasses;
}

/** Verifies access tokens for a gate of another package. */
export interface McpVerifier {
  /**
   * Verifies a token: the method of `OAuthTokenVerifier` of the SDK, versions 1 and 2. A `check` of the policy gets no method
   * and no URL.
   *
   * @throws an error that the gate of the SDK understands
   */
  verifyAccessToken(token: string): Promise<AuthInfo>;
  /**
   * Verifies the token of a request: the function that `withMcpAuth` of `mcp-handler` takes. Resolves with `undefined` if
   * there is no bearer token.
   *
   * @throws an error that `mcp-handler` understands
   */
  verifyToken(request: Request, bearerToken?: string): Promise<AuthInfo | undefined>;
}

const schema = optionsObject({
  policy: narrowing(v.custom<Policy>((given) => typeof given === 'object' && given !== null, 'must be a policy')),
  scopeImplies: scopeImpliesSchema,
  errors: narrowing(
    v.custom<SdkErrorClasses>(
      (given) => sdkErrorClassNames.every((name) => typeof Object(given)[name] === 'function'),
      `must be the error classes of the SDK, version 1: ${sdkErrorClassNames.join(', ')}`,
    ),
  ),
});

/** How long the SDK may use a token that has no `exp`. Its gate verifies the token of each request anyway. */
const withoutExpirySeconds = 60;

/**
 * Returns a verifier for the bearer gates of the MCP SDK and of `mcp-handler`. Prefer `mcpGate`, which needs no other
 * gate: through this verifier, an outage is 500 and not 503, a missing token is `invalid_token`, and a gate of the SDK
 * cannot send the challenge of this authorizer.
 *
 * @example
 * ```ts
 * const verifier = mcpVerifier(authorizer);
 * app.use('/mcp', requireBearerAuth({ verifier, resourceMetadataUrl }));
 * ```
 * @throws TypeError naming the option
 */
export function mcpVerifier<Claims = unknown, Scope extends string = string, Role extends string = string>(
  authorizer: Authorizer<Claims, Scope, Role>,
  options?: McpVerifierOptions<NoInfer<Claims>, NoInfer<Scope>, NoInfer<Role>>,
): McpVerifier;
export function mcpVerifier(authorizer: UntypedAuthorizer, options?: McpVerifierOptions): McpVerifier;
export function mcpVerifier(authorizer: AnyAuthorizer, options: object = {}): McpVerifier {
  if (!isAuthorizer(authorizer)) throw new TypeError('mcpVerifier: pass an Authorizer');
  const { policy = {}, scopeImplies = {}, errors } = checkedOptions('mcpVerifier', schema, options);
  const implications = scopeImplications(scopeImplies);
  const decide = protect<unknown>({ authorizer, passPreflight: false }, withImplied(policy, implications));
  const server = serverInfoOf(authorizer, metadataOf(authorizer), implications.granted);

  async function verify(token: string, request: NativeRequestContext<unknown>): Promise<AuthInfo | undefined> {
    try {
      const pending = decide(request);
      const decision = isDecided(pending) ? pending : await pending;
      if (!decision.allowed) throw decision.error;
      if (!decision.token) return undefined;
      const expiresAt = Math.floor(Date.now() / 1000) + withoutExpirySeconds;
      return { expiresAt, ...authInfoOf(token, decision.token, server) };
    } catch (error) {
      throw sdkErrorOf(error, errors);
    }
  }

  return {
    async verifyAccessToken(token) {
      const info = await verify(token, { authorization: `Bearer ${token}`, native: {} });
      if (info === undefined) throw new TypeError('A token is always judged'); // only a request can be without one
      return info;
    },
    async verifyToken(request, bearerToken) {
      if (bearerToken === undefined) return undefined;
      return verify(tokenIn(request.headers.get('authorization')), webRequestContext(request));
    },
  };
}

/** Returns the RFC 9728 document, or `undefined` if the authorizer has no `resource`. */
function metadataOf(authorizer: AnyAuthorizer): ResourceMetadata | undefined {
  try {
    return authorizer.resourceMetadata();
  } catch {
    return undefined;
  }
}
