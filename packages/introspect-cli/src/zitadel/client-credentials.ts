import { basicCredentials } from '@acme/introspect-core';
import { exitCodes, Failure } from '../failure.js';
import { requestJson } from '../http/json-request.js';

export interface TokenResponse {
  readonly access_token: string;
  readonly token_type: string;
  /** Seconds. Absent if the server does not say. */
  readonly expires_in?: number;
}

/** Returns whether an id can be part of a scope (RFC 6749 §3.3). ZITADEL does not check that the project exists. */
export const isProjectId = (id: string) => /^[\x21\x23-\x39\x3b-\x5b\x5d-\x7e]+$/.test(id);

/** Returns the scope without which a service user's token is inactive for every API of the project. */
export const audienceScope = (projectId: string) => `urn:zitadel:iam:org:project:id:${projectId}:aud`;

/**
 * Gets an access token of a service user with its client secret (RFC 6749 §4.4).
 *
 * @throws Failure with the code `invalid_client` if the server does not know the credentials, or not yet
 */
export async function requestToken(
  tokenEndpoint: string,
  user: { name: string; secret: string },
  { scopes, headers }: { scopes: readonly string[]; headers: Readonly<Record<string, string>> },
): Promise<TokenResponse> {
  const scope = [...new Set(scopes)].join(' ');
  const { status, value = {} } = await requestJson({
    method: 'POST',
    url: tokenEndpoint,
    headers: {
      ...headers,
      authorization: basicCredentials(user.name, user.secret),
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope }).toString(),
  });
  const { access_token: token, token_type: type, expires_in: expiresIn } = value;
  if (status === 200 && typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) {
    return {
      access_token: token,
      token_type: typeof type === 'string' ? type : 'Bearer',
      ...(Number.isFinite(expiresIn) && { expires_in: Number(expiresIn) }),
    };
  }
  throw rejection(status, value);
}

type ErrorResponse = Readonly<Record<string, unknown>>;

/** The descriptions of ZITADEL's 400 `invalid_request`, with what to do. */
const userErrors: Readonly<Record<string, readonly [message: string, advice: string]>> = {
  'Errors.User.NotActive': [
    'The service user is deactivated or locked',
    'Activate or unlock the user in the console, or set --service-user to another one.',
  ],
  'Errors.User.Machine.Secret.NotExisting': [
    'The service user has no client secret',
    'Create one in the console, or by introspect register --rotate, and set ZITADEL_SERVICE_USER_SECRET.',
  ],
  'Errors.User.Machine.Secret.Invalid': [
    'The client secret of the service user is wrong',
    'Check ZITADEL_SERVICE_USER_SECRET. The server may need a moment to accept a new secret.',
  ],
};

function rejection(status: number, { error, error_description: description }: ErrorResponse): Failure {
  const text = String(description);
  const userError = Object.hasOwn(userErrors, text) ? userErrors[text] : undefined;
  if (userError !== undefined) return new Failure(exitCodes.failed, 'invalid_client', ...userError);
  const isOfUser = error === 'invalid_request' && text.startsWith('Errors.User.');
  if (
    isOfUser ||
    status === 401 ||
    error === 'invalid_client' ||
    error === 'unauthorized_client' ||
    error === 'invalid_grant'
  ) {
    return new Failure(
      exitCodes.failed,
      'invalid_client',
      'The server does not accept the credentials of the service user',
      'Check ZITADEL_SERVICE_USER and ZITADEL_SERVICE_USER_SECRET. The server may need a moment to accept a new secret, and accepts none of a user who was deactivated or removed.',
    );
  }
  if (error === 'invalid_scope') {
    return new Failure(exitCodes.failed, 'invalid_scope', 'The server rejects one of the scopes', 'Check --scope.');
  }
  return new Failure(
    exitCodes.failed,
    'unexpected_response',
    `The token endpoint responded with ${status} and without a token`,
  );
}
