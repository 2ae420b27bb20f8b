import type { RecordedRequest } from '../http/recorded-request.js';
import { active, inactive, json, respond, type ScriptedResponse } from '../http/responses.js';

/**
 * ZITADEL's error responses to introspection requests, by their causes. They differ from its documentation in places.
 */
export const zitadelResponses = {
  /** For an unknown client, a wrong secret, and an inactive app, project or organisation. */
  unauthorizedClient: () => json({ error: 'unauthorized_client' }, { status: 400 }),
  /** What ZITADEL's documentation says instead of `unauthorizedClient`. */
  invalidClient: () => json({ error: 'invalid_client' }, { status: 401 }),
  /** For a request without a client id and without an assertion. */
  noCredentials: () =>
    json(
      { error: 'invalid_request', error_description: 'client_id or client_assertion must be provided' },
      { status: 400 },
    ),
  /** For Basic credentials that cannot be form-decoded. */
  undecodableCredentials: () =>
    json({ error: 'invalid_client', error_description: 'invalid basic auth header' }, { status: 400 }),
  /** For a client id without a secret. */
  noSecret: () => json({ error: 'invalid_client', error_description: 'client must be authenticated' }, { status: 400 }),
  /** For a form without a token. */
  noToken: () => json({ error: 'invalid_request', error_description: 'token missing' }, { status: 400 }),
  /** For a form with a bad percent-encoding, or of more than 10 MB. */
  unreadableForm: () => json({ error: 'invalid_request', error_description: 'error parsing form' }, { status: 400 }),
  /** For a database failure while it reads the client, the token or the user: as for an inactive token. */
  internalError: () => inactive(),
  serverError: () => json({ error: 'server_error', error_description: 'internal' }, { status: 500 }),
  /** For a host that matches no instance. */
  unknownInstance: () => (response, request) => {
    const host = hostOf(request);
    const reason = 'Instance not found. Make sure you got the domain right.';
    const link = 'https://zitadel.com/docs/apis/introduction#domains';
    const origin = `unable to set instance using origin &{${host}  http} (ExternalDomain is localhost)`;
    plain(404, `${origin}: ID=QUERY-1kIjX Message=${reason} Check out ${link}`)(response, request);
  },
  /** For a path that the OIDC endpoints do not have. */
  unknownPath: () => plain(404, '404 page not found\n'),
  /** Contains the user, the name and the address of the database. */
  databaseDown: () =>
    plain(
      500,
      'failed to connect to `user=zitadel database=zitadel`: 10.0.0.7:5432 (10.0.0.7): ' +
        'dial error: dial tcp 10.0.0.7:5432: connect: connection refused',
    ),
  quotaExhausted: () => plain(429, 'quota exhausted'),
} satisfies Record<string, () => ScriptedResponse>;

/** One API app that authenticates with Basic, and the active tokens with their claims. */
export interface ZitadelState {
  /** The client id of the app. */
  clientId: string;
  /** The client secret of the app. */
  clientSecret: string;
  /** The claims of each active token, by the token itself. */
  tokens: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
}

/** Responds to introspection requests as ZITADEL does, with its checks in its order. */
export function likeZitadel({ clientId, clientSecret, tokens }: ZitadelState): ScriptedResponse {
  return withZitadelHeaders((response, request) => responseTo(request)(response, request));

  function responseTo(request: RecordedRequest): ScriptedResponse {
    const sent = readIntrospectionRequest(request);
    if (typeof sent === 'function') return sent;
    if ('assertion' in sent || sent.clientId !== clientId || sent.clientSecret !== clientSecret) {
      return zitadelResponses.unauthorizedClient();
    }
    const claims = tokens.get(sent.token);
    return claims === undefined ? inactive() : active(claims);
  }
}

/** Adds the header fields that ZITADEL sends with each response of its OIDC endpoints, such as a cookie. */
export function withZitadelHeaders(scripted: ScriptedResponse): ScriptedResponse {
  return (response, request) => {
    response.setHeader('cache-control', 'no-store');
    response.setHeader('pragma', 'no-cache');
    response.setHeader('set-cookie', 'zitadel.useragent=c2NyaXB0ZWQ; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax');
    scripted(response, request);
  };
}

/** Returns the host that a request is for, as ZITADEL sees it. */
export function hostOf(request: RecordedRequest): string {
  const names = ['x-zitadel-instance-host', 'x-forwarded-host', 'host'];
  return names.flatMap((name) => request.field(name))[0] ?? '';
}

/** How a client authenticates: with a secret, or with an assertion (RFC 7523). */
export type SentCredentials = { clientId: string; clientSecret: string } | { assertion: string };

/** Reads an introspection request as ZITADEL does. Returns ZITADEL's error response if it cannot read it. */
export function readIntrospectionRequest(
  request: RecordedRequest,
): (SentCredentials & { token: string }) | ScriptedResponse {
  const form = zitadelFormOf(request);
  if (form === undefined) return zitadelResponses.unreadableForm();
  const credentials = zitadelCredentialsOf(request, form);
  if (typeof credentials === 'function') return credentials;
  const token = form.get('token');
  return token ? { ...credentials, token } : zitadelResponses.noToken();
}

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * Reads the credentials of a client as ZITADEL does. It accepts several kinds at the same time: an assertion wins over Basic,
 * and Basic over a secret in the form. Returns ZITADEL's error response if it cannot read them.
 */
export function zitadelCredentialsOf(
  request: RecordedRequest,
  form: URLSearchParams,
): SentCredentials | ScriptedResponse {
  const assertion = form.get('client_assertion');
  if (assertion) {
    const type = form.get('client_assertion_type') ?? '';
    if (type === assertionType) return { assertion };
    const description = `invalid client_assertion_type ${type}`;
    return json({ error: 'invalid_request', error_description: description }, { status: 400 });
  }
  const basic = basicOf(request);
  if (typeof basic === 'function') return basic;
  const { clientId, clientSecret } = basic ?? {
    clientId: form.get('client_id'),
    clientSecret: form.get('client_secret'),
  };
  if (!clientId) return zitadelResponses.noCredentials();
  return clientSecret ? { clientId, clientSecret } : zitadelResponses.noSecret();
}

const maxFormBytes = 10_485_760;

/** Returns the form of a request, with the query's parameters after it, or `undefined` if it cannot be parsed. */
export function zitadelFormOf({ method, url, body, field }: RecordedRequest): URLSearchParams | undefined {
  const query = url.split('?').slice(1).join('?');
  const isForm = /^application\/x-www-form-urlencoded\s*(;|$)/i.test(field('content-type')[0] ?? '');
  const sent = isForm && ['POST', 'PUT', 'PATCH'].includes(method) ? body : '';
  if (sent.length > maxFormBytes || /%(?![0-9a-f]{2})/i.test(sent)) return undefined;
  return new URLSearchParams(`${sent}&${query}`);
}

/** Splits Basic credentials at the first colon, then form-decodes both halves. ZITADEL ignores what is not Basic. */
function basicOf(request: RecordedRequest): { clientId: string; clientSecret: string } | ScriptedResponse | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(request.field('authorization')[0] ?? '')?.[1];
  const [, id, secret] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded ?? '', 'base64').toString()) ?? [];
  if (id === undefined || secret === undefined) return undefined;
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
