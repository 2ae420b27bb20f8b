import { Authorizer, type AuthorizerSettings, type Transport } from '@acme/introspect-core';

/** The claims of each active token, by the token itself. */
export type StubTokens = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The settings of a stub authorizer: those of an `Authorizer`, and its issuer. */
export type StubSettings<
  Claims = unknown,
  Scope extends string = string,
  Role extends string = string,
> = AuthorizerSettings<Claims, Scope, Role> & {
  /**
   * The issuer. A token whose claim `iss` is another one is rejected.
   *
   * @default "https://issuer.example"
   */
  issuer?: string;
};

/**
 * Returns an authorizer for tests of your own routes. It sends no request: the tokens that you list are active, and every
 * other token is inactive. Pass it to an adapter in place of the authorizer of production.
 *
 * Everything else is as in production, because it is a real `Authorizer`: it checks scopes, roles and policies, and rejects
 * with the same statuses and challenges. To test an outage of the authorization server, use `startScriptedServer`.
 *
 * @example
 * ```ts
 * const authorizer = stubAuthorizer({ good: { sub: 'alice', scope: 'items:read' } });
 * await app.register(introspect, { authorizer });
 * const response = await app.inject({ url: '/items', headers: { authorization: 'Bearer good' } });
 * ```
 * @param settings such as `audience` and `rolesOf`, if your routes depend on them
 * @throws TypeError naming an invalid setting
 */
export function stubAuthorizer<Claims = unknown, Scope extends string = string, Role extends string = string>(
  tokens: StubTokens,
  settings: StubSettings<Claims, Scope, Role> = {},
): Authorizer<Claims, Scope, Role> {
  return new Authorizer<Claims, Scope, Role>({
    issuer: 'https://issuer.example',
    ...settings,
    introspectionEndpoint: 'https://issuer.example/introspect',
    clientId: 'stub',
    clientSecret: 'stub',
    transport: introspectionOf(tokens),
  });
}

/** Responds to introspection requests (RFC 7662 §2.2), without a network. */
function introspectionOf(tokens: StubTokens): Transport {
  return async ({ body }) => {
    const token = new URLSearchParams(body).get('token') ?? '';
    const claims = Object.hasOwn(tokens, token) ? tokens[token] : undefined;
    return {
      status: 200,
      header: (name) => (name === 'content-type' ? 'application/json' : null),
      body: JSON.stringify({ ...claims, active: claims !== undefined }),
    };
  };
}
