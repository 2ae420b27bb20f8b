import type { Severity } from './finding.js';

export type Body = 'json' | 'html' | 'text' | 'other';

/** How a response is recognised: every member that is set must match. */
export interface Pattern {
  readonly status?: number;
  readonly body?: Body;
  readonly error?: string;
  readonly description?: string;
  readonly active?: boolean;
  readonly retryAfter?: boolean;
  readonly isUnknownInstance?: boolean;
}

export interface Row {
  readonly code: string;
  readonly severity?: Severity;
  readonly pattern: Pattern;
  readonly cause: string;
  readonly fix: string;
  /** Replaces `cause` and `fix` for an API that authenticates by a key. */
  readonly byKey?: readonly [cause: string, fix: string];
  /** Replaces `cause` and `fix` for a server that is not ZITADEL, if they say what only ZITADEL means by it. */
  readonly elsewhere?: readonly [cause: string, fix: string];
  /** Whether the cause is how the API authenticates. */
  readonly isAboutCredentials?: true;
}

/** The responses of an introspection endpoint to a token that nobody issued, most of them as ZITADEL sends them. The first match counts. */
export const rows: readonly Row[] = [
  {
    code: 'no_credentials_arrived',
    isAboutCredentials: true,
    pattern: {
      status: 400,
      error: 'invalid_request',
      description: 'client_id or client_assertion must be provided',
    },
    cause:
      'The server received no credentials, or none that it can read: most often a proxy removes the Authorization field.',
    fix: 'Let the proxy forward the Authorization field, or call the server without that proxy.',
    byKey: [
      'The server received no assertion: a proxy removes it from the form.',
      'Let the proxy forward the body of the POST unchanged, or call the server without that proxy.',
    ],
  },
  {
    code: 'undecodable_credentials',
    isAboutCredentials: true,
    pattern: { status: 400, error: 'invalid_client', description: 'invalid basic auth header' },
    cause:
      'The server could not percent-decode the credentials, although they were encoded correctly: a proxy rewrites them.',
    fix: 'Let the proxy forward the Authorization field unchanged. If you use your own client, it must form-encode both parts first.',
  },
  {
    code: 'no_secret_arrived',
    isAboutCredentials: true,
    pattern: { status: 400, error: 'invalid_client', description: 'client must be authenticated' },
    cause: 'The server received the client id without its secret.',
    fix: 'Set the secret, or find the proxy that rewrites the Authorization field.',
  },
  {
    code: 'no_token_arrived',
    pattern: { status: 400, error: 'invalid_request', description: 'token missing' },
    cause: 'The token was sent and did not arrive: a proxy drops the body of a POST, or turns it into a GET.',
    fix: 'Let the proxy forward the body, and look for a redirect or a rewrite on this path.',
  },
  {
    code: 'credentials_refused',
    isAboutCredentials: true,
    pattern: { status: 400, error: 'unauthorized_client' },
    cause:
      'The client id is unknown, the secret is wrong or was rotated, the app, its project or its organisation is inactive, or the app was created a moment ago.',
    fix: 'Copy client id and secret again, check that app, project and organisation are active, and run this again in some seconds if the app is new.',
    byKey: [
      'The key is unknown, expired or belongs to another app, the app, its project or its organisation is inactive, this clock is wrong, or the key was created a moment ago.',
      'Download a new key of this app, check that app, project and organisation are active, and run this again in some seconds if the key is new.',
    ],
    elsewhere: [
      'The server rejects the credentials: the client id is unknown, the secret or key is wrong, or the OAuth client may not introspect.',
      'Copy the credentials again, and check that the OAuth client is active and may introspect.',
    ],
  },
  {
    code: 'credentials_refused_401',
    isAboutCredentials: true,
    pattern: { status: 401, error: 'invalid_client' },
    cause: 'The server rejects the client id or its secret, with the error of RFC 6749.',
    fix: 'Copy client id and secret again, and check that the OAuth client is active and may introspect.',
    byKey: [
      'The server rejects the key, with the error of RFC 6749.',
      'Create a new key for this OAuth client, and check that it is active and may introspect.',
    ],
  },
  {
    code: 'invalid_client',
    isAboutCredentials: true,
    pattern: { status: 400, error: 'invalid_client' },
    cause: 'The server does not accept the method by which the OAuth client authenticates.',
    fix: 'Check that the app uses this authentication method, and that no proxy rewrites the request.',
  },
  {
    code: 'invalid_request',
    pattern: { status: 400, error: 'invalid_request' },
    cause: 'The request was incomplete when it reached the server, or it used two authentication methods.',
    fix: 'Find the proxy that removes or adds an Authorization field, or changes the body.',
    elsewhere: [
      'The server does not accept the request: it requires another authentication method, or a proxy changed the request.',
      'Check which method the server requires for this client (--auth), and look for a proxy that changes the header fields or the body.',
    ],
  },
  {
    code: 'server_panic',
    pattern: { status: 500, error: 'server_error' },
    cause: 'The server had an internal error.',
    fix: "Run this again. If it happens again, check the server's log.",
  },
  {
    code: 'database_down',
    pattern: { status: 500, body: 'text' },
    cause: 'The server cannot reach its database.',
    fix: 'Check the database of the server, and its log.',
    elsewhere: ['The server had an internal error.', "Run this again. If it happens again, check the server's log."],
  },
  {
    code: 'no_instance',
    pattern: { status: 404, isUnknownInstance: true },
    cause: 'ZITADEL has no instance for this host.',
    fix: 'Check the host of the issuer. For an internal address, set --instance-host (ZITADEL_INSTANCE_HOST) to the public host; in code, send it as the header x-zitadel-instance-host.',
  },
  {
    code: 'wrong_path',
    pattern: { status: 404 },
    cause: 'This path does not exist: the host is another server, or a proxy does not forward the path.',
    fix: 'Check the issuer, and that the proxy forwards this path to the server.',
  },
  {
    code: 'quota_exhausted',
    pattern: { status: 429, body: 'text', retryAfter: false },
    cause: 'A quota of the instance is used up, or the instance is blocked. Waiting does not help.',
    fix: "Check the instance's quota and its invoices.",
    elsewhere: [
      'Too many requests come from this address, or a quota is used up.',
      'Wait, then send fewer requests: use the options cache and limits. If it stays, check the quota.',
    ],
  },
  {
    code: 'rate_limited',
    pattern: { status: 429 },
    cause: 'Too many requests come from this address: ZITADEL Cloud allows 50 per second and blocks for a minute.',
    fix: 'Wait a minute, then send fewer requests: use the options cache and limits.',
    elsewhere: [
      'Too many requests come from this address.',
      'Wait, then send fewer requests: use the options cache and limits.',
    ],
  },
  {
    code: 'bad_gateway',
    pattern: { status: 502 },
    cause: 'A proxy responds, and it cannot reach the server behind it.',
    fix: 'Check that the server is running, and where the proxy sends its requests.',
  },
  {
    code: 'service_unavailable',
    pattern: { status: 503 },
    cause: 'The server, or the proxy before it, is overloaded, starting or under maintenance.',
    fix: 'Run this again later. If it happens again, check the server and its proxy.',
  },
  {
    code: 'gateway_timeout',
    pattern: { status: 504 },
    cause: 'A proxy responds, and the server behind it is too slow.',
    fix: 'Check the load of the server and of its database.',
  },
  {
    code: 'active_for_anything',
    pattern: { status: 200, active: true },
    cause: 'The server reports a token as active that nobody issued: it is a test double, or it checks nothing.',
    fix: 'Do not use this server for an API. Check the issuer.',
  },
  {
    code: 'not_rfc7662',
    pattern: { status: 200, body: 'json' },
    cause: 'The response has no boolean "active", so this is not an introspection endpoint.',
    fix: "Check the issuer, and the introspection_endpoint in the server's metadata.",
  },
  {
    code: 'html_page',
    pattern: { status: 200, body: 'html' },
    cause: 'The response is a web page: a login page, a captive portal, or the console for an unknown path.',
    fix: 'Check the issuer, and that programs can reach the server without a login page.',
  },
  {
    code: 'not_json',
    pattern: { status: 200 },
    cause: 'The response is not a JSON object, its Content-Type is not application/json, or it is larger than 256 KiB.',
    fix: 'Check the issuer, and look for a proxy that changes responses.',
  },
  {
    code: 'unauthorized',
    isAboutCredentials: true,
    pattern: { status: 401 },
    cause: 'The server rejects the credentials without a reason, or a proxy requires its own credentials.',
    fix: 'Copy client id and secret again, and check whether a proxy protects this path.',
  },
  {
    code: 'forbidden',
    isAboutCredentials: true,
    pattern: { status: 403 },
    cause: 'A firewall or proxy blocks this request, or the OAuth client may not introspect.',
    fix: 'Check that this address and path are allowed, and that the OAuth client may introspect.',
  },
  {
    code: 'method_not_allowed',
    pattern: { status: 405 },
    cause: 'This path does not support the method of the request, so it is another endpoint.',
    fix: "Check the issuer, and the introspection_endpoint in the server's metadata.",
  },
];

export const redirected: Omit<Row, 'pattern'> = {
  code: 'redirected',
  cause:
    'The server redirects, so the configured URL is not the final one. A token or secret is never sent to the target of a redirect.',
  fix: 'Configure the final URL: https instead of http, with or without www, as in the issuer of the server.',
};

export const failing: Omit<Row, 'pattern'> = {
  code: 'server_failing',
  cause: 'The server, or a proxy before it, fails.',
  fix: "Run this again. If it happens again, check the server's log.",
};

export const unexpected: Omit<Row, 'pattern'> = {
  code: 'unexpected_status',
  cause: 'An introspection endpoint does not respond like this.',
  fix: 'Check the issuer, and the proxies before the server.',
};
