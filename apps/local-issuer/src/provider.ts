import { generateKeyPairSync } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import Provider, { type ClientMetadata, errors, type KoaContextWithOIDC } from 'oidc-provider';
import type { LocalIssuerConfiguration, ServiceUser } from './configuration.js';
import { memoryAdapter } from './memory-adapter.js';
import { revocationError, strict } from './strict.js';
import { audienceOf, type ProviderResponse, standardScopes, zitadelResponse } from './zitadel-claims.js';

export const paths = {
  authorization: '/oauth/v2/authorize',
  introspection: '/oauth/v2/introspect',
  jwks: '/oauth/v2/keys',
  revocation: '/oauth/v2/revoke',
  token: '/oauth/v2/token',
} as const;

/**
 * Creates an oidc-provider that supports only client credentials, introspection and revocation.
 *
 * The defaults of some settings print a notice when they are first used. So these are set: adapter, jwks,
 * clientBasedCORS, renderError, ttl and both policies.
 */
export function createProvider(
  issuer: string,
  configuration: LocalIssuerConfiguration,
  { isStrict }: { isStrict: boolean },
): Provider {
  const { projectId, apiApp, serviceUsers, accessTokenLifetimeSeconds } = configuration;
  const common = standardScopes(projectId);

  const provider = new Provider(issuer, {
    adapter: memoryAdapter(),
    // This issuer signs nothing, but oidc-provider needs a key for the clients' id_token algorithm.
    jwks: { keys: [generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })] },
    clientDefaults: {
      grant_types: [],
      response_types: [],
      redirect_uris: [],
      id_token_signed_response_alg: 'ES256',
      token_endpoint_auth_method: 'client_secret_basic',
    },
    clients: [
      { client_id: apiApp.clientId, client_secret: apiApp.clientSecret },
      ...serviceUsers.map(
        (user): ClientMetadata => ({
          client_id: user.username,
          client_secret: user.clientSecret,
          grant_types: ['client_credentials'],
          // Without this member, a client gets each scope that it requests.
          ...(!isStrict && { scope: [...common, ...user.scopes].join(' ') }),
        }),
      ),
    ],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post'],
    clientBasedCORS: () => false,
    discovery: { introspection_endpoint_auth_methods_supported: ['client_secret_basic'] },
    features: {
      clientCredentials: { enabled: true },
      introspection: {
        enabled: true,
        // As in ZITADEL: without the project's audience in its scope, a token is inactive for the API.
        allowedPolicy: (_ctx, client, token) =>
          client.clientId === apiApp.clientId && audienceOf(token.scope).includes(projectId),
      },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => {
          if (isStrict)
            throw new errors.CustomOIDCProviderError(revocationError.error, revocationError.error_description);
          if (token.clientId === client.clientId) return true;
          throw new errors.InvalidRequest('the token belongs to another client');
        },
      },
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      resourceIndicators: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
    },
    renderError: (ctx, error) => {
      ctx.body = error;
    },
    responseTypes: [],
    routes: paths,
    // Each other scope is dropped.
    scopes: [...new Set([...common, ...serviceUsers.flatMap(isStrict ? roleScopesOf : ({ scopes }) => scopes)])],
    ttl: { ClientCredentials: accessTokenLifetimeSeconds },
  });

  if (isStrict) provider.use(strict());
  provider.use(async (ctx, next) => {
    // ZITADEL has no RFC 8414 document.
    if (ctx.path === '/.well-known/oauth-authorization-server') return;
    await next();
    if (ctx.oidc?.route === 'introspection') respondLikeZitadel(ctx as KoaContextWithOIDC, configuration, isStrict);
  });
  // Koa prints every error. This prints none if the client has closed the connection.
  const events: EventEmitter = provider;
  events.on('error', (error: unknown, ctx: { readonly writable: boolean }) => {
    if (ctx.writable) console.error(error);
  });
  return provider;
}

/** As in ZITADEL, every user can get these, with or without the role. */
function roleScopesOf({ roles }: ServiceUser): string[] {
  return roles.map((role) => `urn:zitadel:iam:org:project:role:${role}`);
}

/** Changes an introspection response of oidc-provider into ZITADEL's. */
function respondLikeZitadel(ctx: KoaContextWithOIDC, configuration: LocalIssuerConfiguration, isStrict: boolean): void {
  const response = ctx.body as ProviderResponse | { readonly active: false } | { readonly error: string };
  if ('active' in response && response.active) {
    ctx.body = zitadelResponse(configuration, response, { token: String(ctx.oidc.params?.token), isStrict });
  } else if ('error' in response && response.error === 'unsupported_token_type') {
    // oidc-provider rejects a token in the form of a JWT. ZITADEL treats it like every other unknown token.
    ctx.status = 200;
    ctx.body = { active: false };
  }
  ctx.set('content-type', 'application/json');
}
