import type { RecordedRequest } from '../http/recorded-request.js';
import { active, inactive, json, respond, type ScriptedResponse } from '../http/responses.js';

/** The responses that ZITADEL sends. Its error codes are not always those of its documentation. */
export const zitadelResponses = {
  /** For an unknown client, a wrong secret, and an inactive app, project or organisation. */
  unauthorizedClient: () => json({ error: 'unauthorized_client' }, { status: 400 }),
  /** What ZITADEL's documentation says instead of `unauthorizedClient`. */
  invalidClient: () => json({ error: 'invalid_client' }, { status: 401 }),
  noCredentials: () =>
    json(
      { error: 'invalid_request', error_description: 'client_id or client_assertion must be provided' },
      { status: 400 },
    ),
  undecodableCredentials: () =>
    json({ error: 'invalid_client', error_description: 'invalid basic auth header' }, { status: 400 }),
  noSecret: () => json({ error: 'invalid_client', error_description: 'client must be authenticated' }, { status: 400 }),
  noToken: () => json({ error: 'invalid_request', error_description: 'token missing' }, { status: 400 }),
  serverError: () => json({ error: 'server_error', error_description: 'internal' }, { status: 500 }),
  /** For a host that matches no instance. */
  unknownInstance: () => plain(404, 'unable to set instance using origin'),
  databaseDown: () => plain(500, 'dial tcp 10.0.0.7:5432: connect: connection refused'),
  quotaExhausted: () => plain(429, 'quota exhausted'),
} satisfies Record<string, () => ScriptedResponse>;

/** One API app that authenticates with Basic, and the active tokens with their claims. */
export interface ZitadelState {
  clientId: string;
  clientSecret: string;
  tokens: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
}

/** Responds to introspection requests as ZITADEL does, with its checks in its order. */
export function likeZitadel({ clientId, clientSecret, tokens }: ZitadelState): ScriptedResponse {
  return (response, request) => responseTo(request)(response, request);

  function responseTo(request: RecordedRequest): ScriptedResponse {
    const credentials = basicCredentialsOf(request);
    if (typeof credentials === 'function') return credentials;
    const token = request.form.get('token');
    if (!token) return zitadelResponses.noToken();
    if (credentials.clientId !== clientId || credentials.clientSecret !== clientSecret) {
      return zitadelResponses.unauthorizedClient();
    }
    const claims = tokens.get(token);
    return claims === undefined ? inactive() : active(claims);
  }
}

/**
 * Reads Basic credentials as ZITADEL does: splits at the first colon, then form-decodes both halves. Returns ZITADEL's error
 * response if it cannot read them.
 */
export function basicCredentialsOf(
  request: RecordedRequest,
): { clientId: string; clientSecret: string } | ScriptedResponse {
  const encoded = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(request.field('authorization')[0] ?? '')?.[1];
  const [, id, secret] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded ?? '', 'base64').toString()) ?? [];
  if (id === undefined || secret === undefined) return zitadelResponses.noCredentials();
  if (secret === '') return zitadelResponses.noSecret();
  try {
    return { clientId: formDecode(id), clientSecret: formDecode(secret) };
  } catch {
    return zitadelResponses.undecodableCredentials();
  }
}

function formDecode(value: string): string {
  return decodeURIComponent(value.replaceAll('+', ' '));
}

function plain(status: number, body: string): ScriptedResponse {
  return respond({ status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body });
}
