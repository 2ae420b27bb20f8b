import { randomBytes } from 'node:crypto';
import type { RecordedRequest } from '../http/recorded-request.js';
import { json, type ScriptedResponse } from '../http/responses.js';
import { basicCredentialsOf } from '../server/zitadel-introspection.js';
import { isKnown, tokenLifeSeconds, type ZitadelObjects } from './objects.js';

/** Responds to service users as ZITADEL's token endpoint does: an opaque token for their secret (RFC 6749 §4.4). */
export function tokenEndpoint({ users, tokens }: ZitadelObjects): ScriptedResponse {
  const rejected = (error: string, status = 400) => json({ error, error_description: 'refused' }, { status });

  function responseTo(request: RecordedRequest): ScriptedResponse {
    if (request.form.get('grant_type') !== 'client_credentials') return rejected('unsupported_grant_type');
    const credentials = basicCredentialsOf(request);
    if (typeof credentials === 'function') return rejected('invalid_client', 401);
    const user = [...users.values()].find(({ loginName }) => loginName === credentials.clientId);
    if (user?.human !== undefined) return rejected('invalid_request');
    if (user?.credential?.secret !== credentials.clientSecret || !user.active || !isKnown(user.credential)) {
      return rejected('invalid_client');
    }
    const scope = request.form.get('scope') ?? '';
    const token = randomBytes(48).toString('base64url');
    const issuedAt = Math.floor(Date.now() / 1000);
    tokens.set(token, { id: `at_${tokens.size}`, userId: user.id, scope, issuedAt, personal: false });
    return json({ access_token: token, token_type: 'Bearer', expires_in: tokenLifeSeconds, scope });
  }

  return (response, request) => responseTo(request)(response, request);
}
