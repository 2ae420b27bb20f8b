export { type AnyAuthorizer, isAuthorizer, type PolicyOf, type TokenOf } from './authorizer/any-authorizer.js';
export { Authorizer } from './authorizer/authorizer.js';
export type { AuthorizerOptions, AuthorizerSettings } from './authorizer/authorizer-options.js';
export { authorizerOptionNames } from './authorizer/authorizer-options-schema.js';
export type { AuthorizerRequest, Guard } from './authorizer/authorizer-request.js';
export type { AuthorizerStats } from './authorizer/authorizer-stats.js';
export { type Decision, type Denial, denial, isDecided } from './authorizer/decision.js';
export { type FromEnvOptions, fromEnv } from './authorizer/from-env.js';
export { type IssuersOptions, issuers } from './authorizer/issuer-selector.js';
export { type TenantsOptions, tenants } from './authorizer/tenant-selector.js';
export type { TokenWatch, WatchOptions } from './authorizer/token-watch.js';
export type { CacheOptions } from './cache/cache-options.js';
export type { CacheStore, StoreReports } from './cache/cache-store.js';
export type { InvalidationTarget } from './cache/invalidation-target.js';
export { type BearerAuthenticationOptions, bearerAuthentication } from './client/bearer-authentication.js';
export type {
  ClientCredentials,
  IntrospectionClientOptions,
  OptionalClientOptions,
} from './client/client-options.js';
export {
  type ClientSecret,
  type ClientSecretBasicOptions,
  type ClientSecretOptions,
  clientSecretBasic,
  clientSecretPost,
} from './client/client-secret.js';
export type { ClientStats } from './client/client-stats.js';
export { IntrospectionClient } from './client/introspection-client.js';
export { type NoClientAuthenticationOptions, noClientAuthentication } from './client/no-client-authentication.js';
export type { ServerLocation } from './client/server-location.js';
export type { ChallengeParameters } from './errors/challenge.js';
export {
  AccessDeniedError,
  type AnyAuthorizationError,
  type AnyIntrospectionError,
  AuthorizationError,
  type AuthorizerError,
  type HeaderField,
  InsufficientScopeError,
  InsufficientUserAuthenticationError,
  IntrospectionError,
  InvalidClientError,
  InvalidRequestError,
  InvalidResponseError,
  InvalidTokenError,
  type InvalidTokenReason,
  isAuthorizationError,
  isIntrospectionError,
  MissingTokenError,
  UnavailableError,
} from './errors/errors.js';
export type {
  DecisionOutcome,
  InactiveExplanation,
  IntrospectEvent,
  IntrospectEventListener,
  Priority,
  RequestOutcome,
  ShedBy,
} from './events/events.js';
export type { LogEntry } from './events/failure-log.js';
export type { LookupStats } from './lookup/lookup-stats.js';
export type { Prefilter, PrefilterContext, PrefilterVerdict } from './lookup/prefilter.js';
export type { ClaimsSource, StandardSchema } from './policy/claims-reader.js';
export { checkPolicy, combinedPolicy } from './policy/combined-policy.js';
export { withImpliedScopes } from './policy/implied-scopes.js';
export type { Policy, PolicyBranch, RoutePolicy } from './policy/policy.js';
export type {
  ActiveToken,
  InactiveToken,
  IntrospectionResponse,
  RouteToken,
  TokenWithClaims,
} from './protocol/active-token.js';
export { type BasicEncoding, basicCredentials } from './protocol/basic-credentials.js';
export type {
  ClientAuthentication,
  ClientAuthenticationContext,
  RequestToAuthenticate,
} from './protocol/client-authentication.js';
export { fetchIssuerKeys } from './protocol/jwk-set.js';
export type { DiscoveryOptions } from './protocol/metadata-url.js';
export {
  type ProtectedResourceMetadata,
  type ProtectedResourceMetadataOptions,
  protectedResourceMetadata,
} from './protocol/protected-resource-metadata.js';
export { isLoopback } from './protocol/secure-url.js';
export {
  type CheckedMetadata,
  checkMetadata,
  fetchMetadata,
  type MetadataVerdict,
} from './protocol/server-metadata.js';
export { bearerToken, type Credentials } from './request/bearer-token.js';
export { isPreflight } from './request/preflight.js';
export type { RequestContext } from './request/request-context.js';
export { type BoundedText, readBoundedText } from './runtime/bounded-text.js';
export { ofetchTransport } from './transport/ofetch-transport.js';
export type { Transport, TransportRequest, TransportResponse } from './transport/transport.js';
