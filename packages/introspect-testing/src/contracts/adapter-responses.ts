import type { ContractRequest, ContractResponse } from './adapter-request.js';

const metadata = 'resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/contract"';
/** The header field lines of a request. */
export type Fields = NonNullable<ContractRequest['fields']>;
/** Returns the field with this bearer token. */
export const bearer = (token: string): Fields => [['Authorization', `Bearer ${token}`]];
/** Returns the response of the handler. */
export const passed = (sub: string | null): ContractResponse => ({
  status: 200,
  'content-type': 'application/json',
  'www-authenticate': undefined,
  'cache-control': undefined,
  'retry-after': undefined,
  body: JSON.stringify({ sub }),
});
/** Returns the response to a request that the adapter denies. */
const rejected = (status: number, challenge: string | undefined, body: object): ContractResponse => ({
  status,
  'content-type': 'application/json',
  'www-authenticate': challenge,
  'cache-control': 'no-store',
  'retry-after': undefined,
  body: JSON.stringify(body),
});
/** Returns the response to a request without a token. */
export const missing = (scope = '') => rejected(401, `Bearer realm="contract", ${scope}${metadata}`, {});
/** Returns the response to a request that is denied with an error code of RFC 6750 or RFC 9470. */
export const rejectedAs = (status: number, error: string, sentence: string, parameters = '') =>
  rejected(
    status,
    `Bearer realm="contract", error="${error}", error_description="${sentence}", ${parameters}${metadata}`,
    { error, error_description: sentence },
  );
/** The response to an `Authorization` field that does not hold exactly one bearer token. */
export const invalidRequest = rejectedAs(
  400,
  'invalid_request',
  'The Authorization header field must hold one bearer token, once',
);
/** Returns the response to an invalid token. `sentence` says why it is invalid. */
export const invalidToken = (sentence: string) => rejectedAs(401, 'invalid_token', sentence);
/** Returns the response to a token whose user must log in again (RFC 9470). */
export const stepUp = (parameters: string) =>
  rejectedAs(
    401,
    'insufficient_user_authentication',
    'A more recent or stronger authentication of the user is needed here',
    parameters,
  );
/** The response to a token that lacks a role, or that `check` rejects. */
export const denied = rejected(403, undefined, {
  error: 'access_denied',
  error_description: 'The access token does not permit this',
});
/** Returns the response while the authorization server fails. */
export const unavailable = (retryAfter?: string): ContractResponse => ({
  ...rejected(503, undefined, { error: 'temporarily_unavailable' }),
  'retry-after': retryAfter,
});
