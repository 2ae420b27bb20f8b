import { json } from '../http/responses.js';
import type { contractRoutes } from './adapter-api.js';
import { type CaseInputs, type Claims, type ContractCase, goodClaims, token } from './adapter-case.js';
import type { ContractResponse } from './adapter-request.js';
import { bearer, denied, invalidToken, passed, rejectedAs, stepUp } from './adapter-responses.js';

/** Returns the cases for tokens that the server calls active or inactive, by the policies of the routes. */
export function tokenCases(inputs: CaseInputs): ContractCase[] {
  const { now } = inputs;
  const good = goodClaims(inputs);
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
    ['a check that returns false', good, '/denied', denied],
  ];
  return [
    {
      name: 'a good token',
      server: token(inputs),
      request: { path: '/any', fields: bearer('good') },
      response: passed('mickey'),
    },
    {
      name: 'a good token after a scheme in mixed case',
      server: token(inputs),
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
      server: token(inputs, claims),
      request: { path, fields: bearer('good') },
      response,
    })),
  ];
}
