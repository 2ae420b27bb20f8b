import type { ContractCase } from './adapter-case.js';
import type { ContractResponse } from './adapter-request.js';
import { bearer, type Fields, invalidRequest, invalidToken, missing } from './adapter-responses.js';

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

/** The cases for requests that cause no introspection, because of their `Authorization` field. */
export const credentialCases: readonly ContractCase[] = [
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
];
