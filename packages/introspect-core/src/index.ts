export { Authorizer, type AuthorizerStats, type Guard } from './authorizer/authorizer.js';
export type { AuthorizerOptions, AuthorizerSettings } from './authorizer/authorizer-options.js';
export { type Decision, type Denial, denial, isDecided } from './authorizer/decision.js';
export type { CacheOptions } from './cache/cache-options.js';
export type { ForgetTarget } from './cache/forget-marks.js';
export type { CacheStore } from './cache/stored-answers.js';
export {
  type ClientSecret,
  type ClientSecretOptions,
  clientSecretBasic,
  clientSecretPost,
} from './client/client-secret.js';
export type { ClientStats } from './client/client-stats.js';
export { IntrospectionClient } from './client/introspection-client.js';
export type { IntrospectionClientOptions } from './client/introspection-client-options.js';
export type { ChallengeParameters } from './errors/challenge.js';
export {
  AccessDeniedError,
  AuthorizationError,
  type FailedIntrospectionError,
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
  type RefusedRequestError,
  type RequestError,
  UnavailableError,
} from './errors/errors.js';
export type {
  InactiveExplanation,
  IntrospectEvent,
  IntrospectEventListener,
  Priority,
  QuestionOutcome,
  ShedBy,
} from './events/events.js';
export type { AnswerStats } from './lookup/lookup-stats.js';
export type { Prefilter, PrefilterContext, PrefilterVerdict } from './lookup/prefilter.js';
export { checkPolicy, combinedPolicy } from './policy/combined-policy.js';
export type { Policy } from './policy/policy.js';
export {
  type AuthenticatedRequest,
  basicCredentials,
  type ClientAuthentication,
  type ClientAuthenticationContext,
} from './protocol/client-authentication.js';
export type {
  ActiveToken,
  Actor,
  Address,
  InactiveToken,
  IntrospectionResponse,
} from './protocol/introspection-response.js';
export {
  type ProtectedResourceMetadata,
  type ProtectedResourceMetadataOptions,
  protectedResourceMetadata,
} from './protocol/protected-resource-metadata.js';
export { bearerToken, type Credentials } from './request/bearer-token.js';
export type { RequestContext } from './request/request-context.js';
export { ofetchTransport } from './transport/ofetch-transport.js';
export type { Transport, TransportRequest, TransportResponse } from './transport/transport.js';
