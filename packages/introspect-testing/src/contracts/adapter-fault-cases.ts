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
import { zitadelResponses } from '../server/zitadel-introspection.js';
import type { ContractCase } from './adapter-case.js';
import type { ContractResponse } from './adapter-request.js';
import { bearer, unavailable } from './adapter-responses.js';

const hanging: readonly (readonly [name: string, server: ScriptedResponse])[] = [
  ['hangs', hangBeforeHeaders()],
  ['hangs in its body', hangInBody()],
];
const faults: readonly (readonly [name: string, server: ScriptedResponse, response?: ContractResponse])[] = [
  ['resets', reset()],
  ['breaks off its body', truncated('{"active":true}', 5)],
  ['responds with 10 MB', large()],
  ['responds with a gzip bomb', gzipBomb()],
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

/** The cases for an authorization server that fails. */
export const faultCases: readonly ContractCase[] = [
  ...hanging.map(([name, server]) => ({ ...faultCase(name, server), timesOut: true })),
  ...faults.map(([name, server, response]) => faultCase(name, server, response)),
];

function faultCase(name: string, server: ScriptedResponse, response = unavailable()): ContractCase {
  return { name: `a server that ${name}`, server, request: { path: '/any', fields: bearer('good') }, response };
}
