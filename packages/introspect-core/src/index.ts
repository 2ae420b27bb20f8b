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
  AuthorizationError,
  type HeaderField,
  IntrospectionError,
  InvalidClientError,
  InvalidResponseError,
  InvalidTokenError,
  type InvalidTokenReason,
  isAuthorizationError,
  isIntrospectionError,
  UnavailableError,
} from './errors.js';
export { IntrospectionClient, type IntrospectionClientOptions } from './introspection-client.js';
export type { ActiveToken, Actor, Address, InactiveToken, IntrospectionResponse } from './introspection-response.js';
export type { Transport, TransportRequest, TransportResponse } from './transport.js';
