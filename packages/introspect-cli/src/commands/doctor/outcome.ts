import type { Finding, Severity } from './finding.js';

/** The part of an answer that a diagnosis goes by. */
export interface ResponseFacts {
  readonly status: number;
  /** Without parameters, in lower case; `''` where there is none. */
  readonly mediaType: string;
  /** The body, where it is a JSON object and says that it is JSON. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
  readonly retryAfter: string | null;
}

export type AuthenticationMethod = 'client_secret_basic' | 'private_key_jwt';

type Body = 'json' | 'html' | 'text' | 'other';

/** How an answer is recognised: all that is given must fit. */
interface Pattern {
  readonly status?: number;
  readonly body?: Body;
  readonly error?: string;
  readonly description?: string;
  readonly active?: boolean;
  readonly retryAfter?: boolean;
}

interface Row {
  readonly code: string;
  readonly severity?: Severity;
  readonly pattern: Pattern;
  readonly cause: string;
  readonly fix: string;
  /** In place of `cause` and `fix` for an API that proves itself by a key. */
  readonly byKey?: readonly [cause: string, fix: string];
}

/** What an introspection endpoint answers about a token that nobody ever issued, by ZITADEL's outcomes; the first row that fits. */
const rows: readonly Row[] = [
  {
    code: 'no_credentials_arrived',
    pattern: {
      status: 400,
      error: 'invalid_request',
      description: 'client_id or client_assertion must be provided',
    },
    cause:
      'The server got no credentials, or none that it can read: most often a proxy removes the Authorization field.',
    fix: 'Let the proxy pass the Authorization field on, or ask the server without that proxy.',
    byKey: [
      'The server got no assertion: something between here and there removes it from the form.',
      'Let the proxy pass the body of the POST on as it is, or ask the server without that proxy.',
    ],
  },
  {
    code: 'undecodable_credentials',
    pattern: { status: 400, error: 'invalid_client', description: 'invalid basic auth header' },
    cause:
      'The server could not percent-decode the credentials, which were encoded as they should be: something rewrites them on the way.',
    fix: 'Let the proxy pass the Authorization field on as it is; a client of your own must form-encode both halves first.',
  },
  {
    code: 'no_secret_arrived',
    pattern: { status: 400, error: 'invalid_client', description: 'client must be authenticated' },
    cause: 'The server got the client id without its secret.',
    fix: 'Set the secret, or look for a proxy that rewrites the Authorization field.',
  },
  {
    code: 'no_token_arrived',
    pattern: { status: 400, error: 'invalid_request', description: 'token missing' },
    cause:
      'The token was sent and did not arrive: something between here and there drops the body of a POST, or makes it a GET.',
    fix: 'Let the proxy pass the body on, and look for a redirect or a rewrite on this path.',
  },
  {
    code: 'credentials_refused',
    pattern: { status: 400, error: 'unauthorized_client' },
    cause:
      'The client id is unknown, the secret is wrong or was rotated, the app, its project or its organisation is inactive, or the app was made a moment ago.',
    fix: 'Copy client id and secret again, see that app, project and organisation are active, and ask again in some seconds when the app is new.',
    byKey: [
      'The key is unknown, expired or of another app, the app, its project or its organisation is inactive, this clock is wrong, or the key was made a moment ago.',
      'Download a new key of this app, see that app, project and organisation are active, and ask again in some seconds when the key is new.',
    ],
  },
  {
    code: 'credentials_refused_401',
    pattern: { status: 401, error: 'invalid_client' },
    cause: 'The server refuses the client id or its secret, in the words of the standard.',
    fix: 'Copy client id and secret again, and see that the client is active and may introspect.',
    byKey: [
      'The server refuses the key, in the words of the standard.',
      'Make a new key for this client, and see that the client is active and may introspect.',
    ],
  },
  {
    code: 'invalid_client',
    pattern: { status: 400, error: 'invalid_client' },
    cause: 'The server does not accept how the client proves itself.',
    fix: 'See that the app uses this way of authentication, and that nothing rewrites the request.',
  },
  {
    code: 'invalid_request',
    pattern: { status: 400, error: 'invalid_request' },
    cause: 'The request reached the server incomplete, or with two ways of authentication at once.',
    fix: 'Look for a proxy that removes or adds an Authorization field or changes the body.',
  },
  {
    code: 'server_panic',
    pattern: { status: 500, error: 'server_error' },
    cause: 'The server failed inside.',
    fix: "Ask again, and when it stays look into the server's own log.",
  },
  {
    code: 'database_down',
    pattern: { status: 500, body: 'text' },
    cause: 'The server cannot reach its database.',
    fix: 'Look at the database of the server, and at its log.',
  },
  {
    code: 'no_instance',
    pattern: { status: 404, body: 'text' },
    cause: 'This host belongs to no ZITADEL instance.',
    fix: 'Check the host of the issuer, and over an internal address give the public host by --instance-host (ZITADEL_INSTANCE_HOST), in code as header x-zitadel-instance-host.',
  },
  {
    code: 'wrong_path',
    pattern: { status: 404 },
    cause: 'There is nothing at this path: the host is another server, or a proxy does not pass the path on.',
    fix: 'Check the issuer, and that the proxy routes /.well-known and /oauth to the server.',
  },
  {
    code: 'quota_exhausted',
    pattern: { status: 429, body: 'text', retryAfter: false },
    cause: 'A quota of the instance is used up, or the instance is blocked: it will not pass by waiting.',
    fix: "Look at the instance's quota and its bill.",
  },
  {
    code: 'rate_limited',
    pattern: { status: 429 },
    cause: 'Too many requests come from this address: ZITADEL Cloud bears 50 a second and bans for a minute.',
    fix: 'Wait a minute, then ask less: use a cache, and the option limits.',
  },
  {
    code: 'bad_gateway',
    pattern: { status: 502 },
    cause: 'A proxy answers, and the server behind it is down or unreachable for it.',
    fix: 'See that the server runs, and where the proxy sends its requests.',
  },
  {
    code: 'service_unavailable',
    pattern: { status: 503 },
    cause: 'The server, or the proxy before it, is overloaded, starting or under maintenance.',
    fix: 'Ask again later, and when it stays look at the server and its proxy.',
  },
  {
    code: 'gateway_timeout',
    pattern: { status: 504 },
    cause: 'A proxy answers, and the server behind it is too slow for it.',
    fix: 'Look at the load of the server and of its database.',
  },
  {
    code: 'active_for_anything',
    pattern: { status: 200, active: true },
    cause: 'The server calls a token active that nobody ever issued: it is a test double, or it checks nothing.',
    fix: 'Do not let an API trust this server: check the issuer.',
  },
  {
    code: 'not_rfc7662',
    pattern: { status: 200, body: 'json' },
    cause: 'The answer has no boolean "active": this is no introspection endpoint.',
    fix: "Check the issuer, and the introspection_endpoint in the server's metadata.",
  },
  {
    code: 'html_page',
    pattern: { status: 200, body: 'html' },
    cause: 'A page for people answers: a login page, a captive portal, or the console for an unknown path.',
    fix: 'Check the issuer, and that no login stands before the server for programs.',
  },
  {
    code: 'not_json',
    pattern: { status: 200 },
    cause: 'The answer is no JSON object, does not call itself application/json, or is longer than 256 KiB.',
    fix: 'Check the issuer, and look for a proxy that changes answers.',
  },
  {
    code: 'unauthorized',
    pattern: { status: 401 },
    cause: 'The server refuses the credentials without saying why, or a proxy in between wants credentials of its own.',
    fix: 'Copy client id and secret again, and see whether a proxy protects this path.',
  },
  {
    code: 'forbidden',
    pattern: { status: 403 },
    cause: 'A firewall or proxy does not let this request pass, or the client may not introspect.',
    fix: 'See that this address and path may pass, and that the client may introspect.',
  },
  {
    code: 'method_not_allowed',
    pattern: { status: 405 },
    cause: 'This path does not take the method of the request: it is another endpoint.',
    fix: "Check the issuer, and the introspection_endpoint in the server's metadata.",
  },
];

const redirected: Omit<Row, 'pattern'> = {
  code: 'redirected',
  cause:
    'The server sends elsewhere, and a token or secret is never sent after a redirect: the configured URL is not the final one.',
  fix: 'Configure the final URL: https in place of http, with or without www, as the server names itself.',
};

const failing: Omit<Row, 'pattern'> = {
  code: 'server_failing',
  cause: 'The server, or a proxy before it, fails.',
  fix: "Ask again, and when it stays look into the server's log.",
};

const unexpected: Omit<Row, 'pattern'> = {
  code: 'unexpected_status',
  cause: 'No introspection endpoint answers like this.',
  fix: 'Check the issuer, and what stands between here and the server.',
};

/** What an answer about an invented token tells, or `undefined` when it is the right one: 200 and inactive. */
export function diagnose(answer: ResponseFacts, method: AuthenticationMethod): Finding | undefined {
  const { status, json } = answer;
  if (status === 200 && json?.active === false) return undefined;
  const row = rows.find(({ pattern }) => fits(answer, pattern)) ?? rest(status);
  const [cause, fix] = (method === 'private_key_jwt' && row.byKey) || [row.cause, row.fix];
  return { code: row.code, severity: row.severity ?? 'fault', seen: seen(answer, row), cause, fix };
}

function rest(status: number): Omit<Row, 'pattern'> {
  if (status >= 300 && status < 400) return redirected;
  return status >= 500 ? failing : unexpected;
}

function fits(answer: ResponseFacts, { status, body, error, description, active, retryAfter }: Pattern): boolean {
  const { json } = answer;
  return (
    (status === undefined || answer.status === status) &&
    (body === undefined || bodyOf(answer) === body) &&
    (error === undefined || json?.error === error) &&
    (description === undefined || json?.error_description === description) &&
    (active === undefined || json?.active === active) &&
    (retryAfter === undefined || (answer.retryAfter !== null) === retryAfter)
  );
}

function bodyOf({ json, mediaType }: ResponseFacts): Body {
  if (json !== undefined) return 'json';
  if (mediaType === 'text/html' || mediaType === 'application/xhtml+xml') return 'html';
  return mediaType === 'text/plain' ? 'text' : 'other';
}

const bodyNames: Readonly<Record<Body, string>> = {
  json: 'JSON',
  html: 'a page of HTML',
  text: 'plain text',
  other: 'a body of another type, or none',
};

/** From what the table knows: of the server's own words only those that equal it. */
function seen(answer: ResponseFacts, row: Omit<Row, 'pattern'> & { pattern?: Pattern }): string {
  const { error, description } = row.pattern ?? {};
  const words = [
    error ?? `with ${bodyNames[bodyOf(answer)]}`,
    ...(description === undefined ? [] : [`"${description}"`]),
  ];
  const wait = /^\d{1,6}$/.test(answer.retryAfter ?? '') ? `, to be asked again in ${answer.retryAfter} s` : '';
  return `The server answered ${answer.status} ${words.join(', ')}${wait}`;
}
