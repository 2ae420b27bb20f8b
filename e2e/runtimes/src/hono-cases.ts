import { introspect } from '@acme/introspect-hono';
import { Hono } from 'hono';
import { assertEqual } from './assert.js';
import { patient, tokenFor } from './client-cases.js';
import type { RuntimeCase } from './runtime-case.js';

const responses: readonly [
  what: string,
  token: string | undefined,
  path: string,
  status: number,
  challenge?: string,
][] = [
  ['a good token', 'echo', '/me', 200],
  ['no token', undefined, '/me', 401, 'Bearer realm="api"'],
  [
    'an inactive token',
    'inactive',
    '/me',
    401,
    'Bearer error="invalid_token", error_description="The access token is not active"',
  ],
  [
    'a missing scope',
    'echo',
    '/write',
    403,
    'Bearer error="insufficient_scope", error_description="The access token lacks a scope that is needed here", scope="items:write"',
  ],
  ['a server that is busy', 'down', '/me', 503],
];

/** These need no server. The contract is checked from outside, over the server of the runtime. */
export const honoCases: readonly RuntimeCase[] = responses.map(([what, token, path, status, challenge]) => ({
  name: `Hono responds with ${status} to ${what}`,
  async run({ origin }) {
    const { requireToken } = introspect({ issuer: origin, clientId: 'api', clientSecret: 'secret', ...patient });
    const app = new Hono();
    app.get('/me', requireToken(), (c) => c.json({ sub: c.var.introspection.sub }));
    app.get('/write', requireToken({ scopes: ['items:write'] }), (c) => c.json({}));
    const headers = token === undefined ? {} : { authorization: `Bearer ${tokenFor(token)}` };
    const response = await app.request(path, { headers });
    assertEqual([response.status, response.headers.get('www-authenticate')], [status, challenge ?? null]);
    if (status === 200) assertEqual(await response.json(), { sub: 'mickey' });
  },
}));
