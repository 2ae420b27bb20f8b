import { json } from '../http/responses.js';
import { type CaseInputs, type ContractCase, token } from './adapter-case.js';
import { bearer, invalidToken, missing, passed } from './adapter-responses.js';

const preflight = [
  ['Origin', 'https://app.example'],
  ['Access-Control-Request-Method', 'GET'],
] as const;

/** Returns the cases for the methods `HEAD` and `OPTIONS`, and for routes that are guarded otherwise or not at all. */
export function routeCases(inputs: CaseInputs): ContractCase[] {
  return [
    {
      name: 'HEAD without a token',
      request: { method: 'HEAD', path: '/any' },
      response: { ...missing(), body: '' },
      introspections: 0,
    },
    {
      name: 'HEAD with a token',
      server: token(inputs),
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
      server: token(inputs),
      request: { method: 'OPTIONS', path: '/any', fields: [...preflight, ...bearer('good')] },
      response: { ...passed(null), status: 204, 'content-type': undefined, body: '' },
    },
    {
      name: 'OPTIONS with a good token to a route for all methods',
      server: token(inputs),
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
      server: token(inputs),
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
          authorization_servers: [inputs.origin],
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
