import { IntrospectionClient, isAuthorizationError, isIntrospectionError } from '@acme/introspect-core';
import { type Check, checked, type Finding } from '../finding.js';
import type { Target } from './credentials.js';

/** Introspects a token that should be active. */
export async function checkKnownToken(
  { clientOptions, headers, authentication, timeoutMs, isZitadel }: Target,
  token: string,
): Promise<Check> {
  const client = new IntrospectionClient({
    ...clientOptions,
    headers,
    clientAuthentication: authentication,
    timeoutMs,
    onEvent: () => {}, // without a listener the client prints events that the finding already reports
  });
  try {
    const { active } = await client.introspect(token);
    return checked(
      'token',
      `the given token is ${active ? 'active' : 'inactive'}`,
      active ? [] : [isZitadel ? inactive : inactiveElsewhere],
    );
  } catch (error) {
    if (isAuthorizationError(error) && error.code === 'invalid_token' && error.reason === 'unsupported_token_type')
      return checked('token', 'the given token', [unsupported]);
    if (!isIntrospectionError(error)) throw error;
    return checked('token', 'the given token', [
      {
        code: `token_${error.code}`,
        severity: 'error',
        seen: `The introspection of the token failed (${error.code})`,
        cause: `${error.message}.`,
        fix: 'Run this again. If it happens again, check the log of the server.',
      },
    ]);
  }
}

const unsupported: Finding = {
  code: 'token_unsupported_token_type',
  severity: 'error',
  seen: 'The server does not introspect tokens of this kind',
  cause: 'It responds with 400 unsupported_token_type, as some servers do for every JWT.',
  fix: 'Configure the server to issue opaque access tokens for this API, or verify JWTs locally.',
};

const inactive: Finding = {
  code: 'token_inactive',
  severity: 'warning',
  seen: 'The server calls the given token inactive',
  cause:
    'It has expired, was revoked or was replaced by a refresh, its audience contains neither this client nor its project, or the server had an internal error.',
  fix: 'Run "introspect token" to see why. A service user\'s token needs the scope urn:zitadel:iam:org:project:id:<project id>:aud.',
};

const inactiveElsewhere: Finding = {
  ...inactive,
  cause:
    'It has expired or was revoked, it is not an access token of this server, or this client may not introspect it.',
  fix: 'Run "introspect token" to see what the token says.',
};
