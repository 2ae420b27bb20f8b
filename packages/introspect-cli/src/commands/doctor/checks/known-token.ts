import { IntrospectionClient, isAuthorizationError, isIntrospectionError } from '@acme/introspect-core';
import { type Check, checked, type Finding } from '../finding.js';
import type { Asking } from './credentials.js';

/** Asks about a token that is said to be good. */
export async function checkKnownToken(
  { clientOptions, headers, authentication, timeoutMs }: Asking,
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
    return checked('token', `the one of ZITADEL_TOKEN is ${active ? 'active' : 'inactive'}`, active ? [] : [inactive]);
  } catch (error) {
    if (isAuthorizationError(error) && error.code === 'invalid_token' && error.reason === 'unsupported_token_type')
      return checked('token', 'the one of ZITADEL_TOKEN', [unsupported]);
    if (!isIntrospectionError(error)) throw error;
    return checked('token', 'the one of ZITADEL_TOKEN', [
      {
        code: `token_${error.code}`,
        severity: 'fault',
        seen: `The question about the token failed (${error.code})`,
        cause: `${error.message}.`,
        fix: 'Run this again; when it stays, look into the log of the server.',
      },
    ]);
  }
}

const unsupported: Finding = {
  code: 'token_unsupported_token_type',
  severity: 'fault',
  seen: 'The server does not introspect tokens like ZITADEL_TOKEN',
  cause: 'It answers 400 unsupported_token_type, as some servers do for every JWT.',
  fix: 'Configure the server to issue opaque access tokens for this API, or verify JWTs locally.',
};

const inactive: Finding = {
  code: 'token_inactive',
  severity: 'warning',
  seen: 'The server calls the token of ZITADEL_TOKEN inactive',
  cause:
    'It has expired or was revoked or refreshed away, its audience has neither this client nor its project, or the server failed inside and does not say so.',
  fix: 'Ask "introspect token" about it; a service user\'s token needs the scope urn:zitadel:iam:org:project:id:<project id>:aud.',
};
