import { json } from '../http/responses.js';
import { zitadelResponses } from '../server/zitadel-introspection.js';
import { type CaseInputs, type ContractCase, token } from './adapter-case.js';
import { bearer, invalidRequest, invalidToken, passed, unavailable } from './adapter-responses.js';

/** Returns the cases for the route `/optional`, which a request may enter without a token. */
export function optionalCases(inputs: CaseInputs): ContractCase[] {
  return [
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
      server: token(inputs),
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
  ];
}
