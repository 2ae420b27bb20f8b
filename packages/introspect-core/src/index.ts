export {
  Authorizer,
  type AuthorizerOptions,
  type AuthorizerSettings,
  type AuthorizerStats,
  type Guard,
  type RequestContext,
} from './authorizer.js';
export { bearerToken, type Credentials } from './bearer-token.js';
export type { CacheOptions } from './cache-options.js';
export type { ChallengeParameters } from './challenge.js';
export {
  type AuthenticatedRequest,
  basicCredentials,
  type ClientAuthentication,
  type ClientAuthenticationContext,
  type ClientSecret,
  type ClientSecretOptions,
  clientSecretBasic,
  clientSecretPost,
} from './client-authentication.js';
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
} from './errors.js';
export type { IntrospectEvent, IntrospectEventListener, QuestionOutcome, ShedBy } from './events.js';
export type { ForgetTarget } from './forget-marks.js';
export type { InactiveExplanation } from './inactive-explanation.js';
export { type ClientStats, IntrospectionClient } from './introspection-client.js';
export type { IntrospectionClientOptions } from './introspection-client-options.js';
export type { ActiveToken, Actor, Address, InactiveToken, IntrospectionResponse } from './introspection-response.js';
export { ofetchTransport } from './ofetch-transport.js';
export type { Policy } from './policy.js';
export type { Prefilter, PrefilterContext, PrefilterVerdict } from './prefilter.js';
export {
  type ProtectedResourceMetadata,
  type ProtectedResourceMetadataOptions,
  protectedResourceMetadata,
} from './protected-resource-metadata.js';
export type { Priority } from './question-limits.js';
export type { CacheStore } from './stored-answers.js';
export type { AnswerStats } from './token-answers.js';
export type { Transport, TransportRequest, TransportResponse } from './transport.js';
