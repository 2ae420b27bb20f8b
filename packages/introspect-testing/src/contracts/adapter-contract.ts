import {
  gzipBomb,
  hangBeforeHeaders,
  hangInBody,
  json,
  large,
  redirect,
  reset,
  respond,
  type ScriptedResponse,
  truncated,
} from '../http/responses.js';
import type { ScriptedServer } from '../server/scripted-server.js';
import { zitadelResponses } from '../server/zitadel-introspection.js';
import type { contractRoutes } from './adapter-api.js';
import type { ContractRequest, ContractResponse } from './adapter-request.js';

type Claims = Readonly<Record<string, unknown>>;

export interface ContractCase {
  name: string;
  /** The response of the authorization server, if it matters. It is the same for every introspection request. */
  server?: ScriptedResponse;
  request: ContractRequest;
  /** The handler runs only if the status is 200 or 204. */
  response: ContractResponse;
  /**
   * The number of introspection requests.
   *
   * @default 1
   */
  introspections?: number;
}

const metadata = 'resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/contract"';
type Fields = NonNullable<ContractRequest['fields']>;
const bearer = (token: string): Fields => [['Authorization', `Bearer ${token}`]];
const passed = (sub: string | null): ContractResponse => ({
  status: 200,
  'www-authenticate': undefined,
  'cache-control': undefined,
  'retry-after': undefined,
  body: JSON.stringify({ sub }),
});
const rejected = (status: number, challenge: string | undefined, body: object): ContractResponse => ({
  status,
  'www-authenticate': challenge,
  'cache-control': 'no-store',
  'retry-after': undefined,
  body: JSON.stringify(body),
});
const missing = (scope = '') => rejected(401, `Bearer realm="contract", ${scope}${metadata}`, {});
const rejectedAs = (status: number, error: string, sentence: string, parameters = '') =>
  rejected(
    status,
    `Bearer realm="contract", error="${error}", error_description="${sentence}", ${parameters}${metadata}`,
    { error, error_description: sentence },
  );
const invalidRequest = rejectedAs(
  400,
  'invalid_request',
  'The Authorization header field must hold one bearer token, once',
);
const invalidToken = (sentence: string) => rejectedAs(401, 'invalid_token', sentence);
const stepUp = (parameters: string) =>
  rejectedAs(
    401,
    'insufficient_user_authentication',
    'A more recent or stronger authentication of the user is needed here',
    parameters,
  );
const denied = rejected(403, undefined, {
  error: 'access_denied',
  error_description: 'The access token does not permit this',
});
const unavailable = (retryAfter?: string): ContractResponse => ({
  ...rejected(503, undefined, { error: 'temporarily_unavailable' }),
  'retry-after': retryAfter,
});

/** Every request of the contract, and the response of every adapter. */
export function contractCases({ origin }: Pick<ScriptedServer, 'origin'>): ContractCase[] {
  const now = Math.floor(Date.now() / 1000);
  const token = (claims: Claims = {}) =>
    json({ active: true, iss: origin, aud: 'contract-api', sub: 'mickey', exp: now + 3600, nbf: now, ...claims });
  const good: Claims = { scope: 'items:read items:write', roles: ['admin'], auth_time: now - 10, acr: 'urn:mfa' };

  const headers: [name: string, fields: Fields, response: ContractResponse][] = [
    ['no credentials', [], missing()],
    ['an empty field', [['Authorization', '']], missing()],
    ['another scheme', [['Authorization', 'Basic eDp5']], missing()],
    ['another scheme with parameters', [['Authorization', 'Digest username="a, b", realm="x"']], missing()],
    ['a scheme that begins like ours', [['Authorization', 'Bearerabc']], missing()],
    ['two lines', [...bearer('a'), ...bearer('b')], invalidRequest],
    ['two equal lines', [...bearer('a'), ...bearer('a')], invalidRequest],
    ['two lines of two schemes', [['Authorization', 'Basic eDp5'], ...bearer('a')], invalidRequest],
    [
      'two lines of another scheme',
      [
        ['Authorization', 'Basic eDp5'],
        ['Authorization', 'Basic eDp5'],
      ],
      invalidRequest,
    ],
    ['two joined by a comma', [['authorization', 'Bearer a, Bearer b']], invalidRequest],
    ['two schemes joined by a comma', [['authorization', 'Basic eDp5, Bearer b']], invalidRequest],
    ['the scheme alone', [['AUTHORIZATION', 'Bearer']], invalidRequest],
    ['the scheme twice', [['Authorization', 'Bearer Bearer a']], invalidRequest],
    ['a tab for a space', [['Authorization', 'Bearer\ta']], invalidRequest],
    ['a token of other characters', bearer('a!b'), invalidToken('The access token is malformed')],
    ['a token of Latin-1', bearer('ab\u00e9'), invalidToken('The access token is malformed')],
    ['a token that is too long', bearer('a'.repeat(8193)), invalidToken('The access token is too long')],
  ];
  const tokens: [name: string, claims: Claims, path: keyof typeof contractRoutes, response: ContractResponse][] = [
    ['an expired token', { exp: now - 60 }, '/any', invalidToken('The access token has expired')],
    ['a token of tomorrow', { nbf: now + 86_400 }, '/any', invalidToken('The access token is not valid yet')],
    ['another issuer', { iss: 'https://b' }, '/any', invalidToken('The access token comes from another issuer')],
    ['another audience', { aud: ['b'] }, '/any', invalidToken('The access token is meant for another audience')],
    ['a refresh token', { token_type: 'refresh_token' }, '/any', invalidToken('The token is not an access token')],
    [
      'a bound token',
      { cnf: { jkt: 'x' } },
      '/any',
      invalidToken('The access token is bound to a key that this request did not prove'),
    ],
    [
      'a missing scope',
      { ...good, scope: 'items:read items' },
      '/scopes',
      rejectedAs(
        403,
        'insufficient_scope',
        'The access token lacks a scope that is needed here',
        'scope="items:read items:write", ',
      ),
    ],
    ['all scopes', good, '/scopes', passed('mickey')],
    ['a missing role', { ...good, roles: ['reader'] }, '/role', denied],
    ['a role', good, '/role', passed('mickey')],
    ['an old login', { ...good, auth_time: now - 400 }, '/recent', stepUp('scope="items:read", max_age="300", ')],
    ['an unknown login', { ...good, auth_time: undefined }, '/recent', stepUp('scope="items:read", max_age="300", ')],
    ['a recent login', good, '/recent', passed('mickey')],
    ['a weak login', { ...good, acr: 'urn:pwd' }, '/strong', stepUp('acr_values="urn:mfa urn:key", ')],
    ['a strong login', good, '/strong', passed('mickey')],
    ['a check that says no', good, '/denied', denied],
  ];
  const faults: [name: string, server: ScriptedResponse, response?: ContractResponse][] = [
    ['hangs', hangBeforeHeaders()],
    ['hangs in its body', hangInBody()],
    ['resets', reset()],
    ['breaks off', truncated('{"active":true}', 5)],
    ['answers 10 MB', large()],
    ['answers a gzip bomb', gzipBomb()],
    ['redirects', redirect('https://elsewhere.example/')],
    ['responds with HTML', respond({ headers: { 'content-type': 'text/html' }, body: '<html>' })],
    ['responds with "active": "true"', json({ active: 'true' })],
    ['responds with 500', zitadelResponses.databaseDown()],
    ['responds with 429', zitadelResponses.quotaExhausted()],
    ['responds with 503 and Retry-After', respond({ status: 503, headers: { 'retry-after': '7' } }), unavailable('7')],
    ['responds with 404', zitadelResponses.unknownInstance()],
    ['rejects the client credentials', zitadelResponses.unauthorizedClient()],
    ['rejects the client credentials with 401', zitadelResponses.invalidClient()],
  ];
  const problems: [
    name: string,
    server: ScriptedResponse | undefined,
    token: string | undefined,
    response: ContractResponse,
    title: string,
  ][] = [
    ['no token', undefined, undefined, missing('scope="items:read", '), 'missing_token'],
    ['a malformed token', undefined, 'a!b', invalidToken('The access token is malformed'), 'invalid_token'],
    [
      'an inactive token',
      json({ active: false }),
      'bad',
      invalidToken('The access token is not active'),
      'invalid_token',
    ],
    [
      'a missing scope',
      token({ scope: 'items:write' }),
      'good',
      rejectedAs(
        403,
        'insufficient_scope',
        'The access token lacks a scope that is needed here',
        'scope="items:read", ',
      ),
      'insufficient_scope',
    ],
    [
      'a server that responds with 503 and Retry-After',
      respond({ status: 503, headers: { 'retry-after': '7' } }),
      'good',
      unavailable('7'),
      'unavailable',
    ],
  ];
  const preflight = [
    ['Origin', 'https://app.example'],
    ['Access-Control-Request-Method', 'GET'],
  ] as const;

  return [
    ...headers.map(([name, fields, response]) => ({
      name,
      request: { path: '/any', fields },
      response,
      introspections: 0,
    })),
    {
      name: 'no credentials, where the route needs scopes',
      request: { path: '/scopes' },
      response: missing('scope="items:read items:write", '),
      introspections: 0,
    },
    {
      name: 'a good token',
      server: token(),
      request: { path: '/any', fields: bearer('good') },
      response: passed('mickey'),
    },
    {
      name: 'a good token after a scheme in mixed case',
      server: token(),
      request: { path: '/any', fields: [['aUTHORIZATION', 'bEaReR  good']] },
      response: passed('mickey'),
    },
    {
      name: 'an inactive token',
      server: json({ active: false }),
      request: { path: '/any', fields: bearer('bad') },
      response: invalidToken('The access token is not active'),
    },
    ...tokens.map(([name, claims, path, response]) => ({
      name,
      server: token(claims),
      request: { path, fields: bearer('good') },
      response,
    })),
    ...faults.map(([name, server, response = unavailable()]) => ({
      name: `a server that ${name}`,
      server,
      request: { path: '/any', fields: bearer('good') },
      response,
    })),
    ...problems.map(([name, script, token, { body: _, ...response }, title]) => ({
      name: `a body that errorBody replaces: ${name}`,
      ...(script && { server: script }),
      request: { path: '/problem', fields: token ? bearer(token) : [] },
      response: { ...response, body: JSON.stringify({ type: 'about:blank', title, instance: '/problem' }) },
      introspections: script ? 1 : 0,
    })),
    {
      name: 'a good token, where errorBody replaces bodies',
      server: token(good),
      request: { path: '/problem', fields: bearer('good') },
      response: passed('mickey'),
    },
    {
      name: 'an optional token that is not there',
      request: { path: '/optional' },
      response: passed(null),
      introspections: 0,
    },
    {
      name: 'an optional token beside another scheme',
      request: { path: '/optional', fields: [['Authorization', 'Basic eDp5']] },
      response: passed(null),
      introspections: 0,
    },
    {
      name: 'an optional token that is good',
      server: token(),
      request: { path: '/optional', fields: bearer('good') },
      response: passed('mickey'),
    },
    {
      name: 'an optional token that is bad',
      server: json({ active: false }),
      request: { path: '/optional', fields: bearer('bad') },
      response: invalidToken('The access token is not active'),
    },
    {
      name: 'an optional token in a broken field',
      request: { path: '/optional', fields: [['Authorization', 'Bearer']] },
      response: invalidRequest,
      introspections: 0,
    },
    {
      name: 'an optional token while the server fails',
      server: zitadelResponses.databaseDown(),
      request: { path: '/optional', fields: bearer('good') },
      response: unavailable(),
    },
    {
      name: 'HEAD without a token',
      request: { method: 'HEAD', path: '/any' },
      response: { ...missing(), body: '' },
      introspections: 0,
    },
    {
      name: 'HEAD with a token',
      server: token(),
      request: { method: 'HEAD', path: '/any', fields: bearer('good') },
      response: { ...passed(null), body: '' },
    },
    {
      name: 'a CORS preflight without a token',
      request: { method: 'OPTIONS', path: '/any', fields: preflight },
      response: missing(),
      introspections: 0,
    },
    {
      name: 'a CORS preflight without a token to a route for all methods',
      request: { method: 'OPTIONS', path: '/all', fields: preflight },
      response: missing(),
      introspections: 0,
    },
    {
      name: 'a CORS preflight with a good token',
      server: token(),
      request: { method: 'OPTIONS', path: '/any', fields: [...preflight, ...bearer('good')] },
      response: { ...passed(null), status: 204, body: '' },
    },
    {
      name: 'OPTIONS with a good token to a route for all methods',
      server: token(),
      request: { method: 'OPTIONS', path: '/all', fields: bearer('good') },
      response: passed('mickey'),
    },
    {
      name: "no token, when the app's own hook calls the guard",
      request: { path: '/composed' },
      response: missing(),
      introspections: 0,
    },
    {
      name: "an inactive token, when the app's own hook calls the guard",
      server: json({ active: false }),
      request: { path: '/composed', fields: bearer('bad') },
      response: invalidToken('The access token is not active'),
    },
    {
      name: "a good token, when the app's own hook calls the guard",
      server: token(),
      request: { path: '/composed', fields: bearer('good') },
      response: passed('mickey'),
    },
    {
      name: 'OPTIONS that is not a preflight',
      request: { method: 'OPTIONS', path: '/any', fields: preflight.slice(0, 1) },
      response: missing(),
      introspections: 0,
    },
    {
      name: 'the resource metadata, without a token',
      request: { path: '/.well-known/oauth-protected-resource/contract' },
      response: {
        ...passed(null),
        body: JSON.stringify({
          resource: 'https://api.example.com/contract',
          authorization_servers: [origin],
          bearer_methods_supported: ['header'],
        }),
      },
      introspections: 0,
    },
    {
      name: 'a public route, with a broken field',
      request: { path: '/public', fields: [['Authorization', 'Bearer']] },
      response: passed(null),
      introspections: 0,
    },
  ];
}
