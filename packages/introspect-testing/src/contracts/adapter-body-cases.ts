import { json, respond, type ScriptedResponse } from '../http/responses.js';
import { type CaseInputs, type ContractCase, goodClaims, token } from './adapter-case.js';
import type { ContractResponse } from './adapter-request.js';
import { bearer, invalidToken, missing, passed, rejectedAs, unavailable } from './adapter-responses.js';

/** Returns the cases for the route `/problem`, where `errorBody` replaces the bodies of errors. */
export function bodyCases(inputs: CaseInputs): ContractCase[] {
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
      token(inputs, { scope: 'items:write' }),
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
  return [
    ...problems.map(([name, script, bearerToken, { body: _, ...response }, title]) => ({
      name: `a body that errorBody replaces: ${name}`,
      ...(script && { server: script }),
      request: { path: '/problem', fields: bearerToken ? bearer(bearerToken) : [] },
      response: { ...response, body: JSON.stringify({ type: 'about:blank', title, instance: '/problem' }) },
      introspections: script ? 1 : 0,
    })),
    {
      name: 'a good token, where errorBody replaces bodies',
      server: token(inputs, goodClaims(inputs)),
      request: { path: '/problem', fields: bearer('good') },
      response: passed('mickey'),
    },
  ];
}
