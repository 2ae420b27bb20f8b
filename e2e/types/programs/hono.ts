// What the compiler must accept, and what it must reject. Compiled by types.test.ts as ESM and as CommonJS.
import { Authorizer, type IntrospectionEnv, introspect, type StandardSchema, zitadel } from '@acme/introspect-hono';
import { Hono } from 'hono';

const server = { issuer: 'https://as.example', clientId: 'api', clientSecret: 's' };
declare const schema: StandardSchema<{ readonly email: string }>;

export function bound(): void {
  const { requireToken, withToken, introspectionOf, authorizer } = introspect({
    ...server,
    claims: schema,
    scopes: ['a'],
  });
  const app = new Hono<IntrospectionEnv>();
  app.use('/api/*', requireToken({ scopes: ['a'] }));
  app.get('/api/me', (c) => c.json({ sub: c.var.introspection.sub, email: introspectionOf(c).claims.email }));
  app.get('/inline', requireToken(), (c) => c.text(c.var.introspection.claims.email));
  app.get(
    '/handler',
    withToken({}, (c, token) => c.text(token.claims.email)),
  );
  app.get(
    '/maybe',
    withToken({ optional: true }, (c, token) => c.text(token?.claims.email ?? 'anonymous')),
  );
  app.get('/items/:id', requireToken({ check: (token, { native }) => native?.req.param('id') === token.claims.email }));
  void authorizer.close();
  // @ts-expect-error mistyped
  requireToken({ scopes: ['b'] });
  // @ts-expect-error the token may be null
  withToken({ optional: true }, (c, token) => c.text(token.claims.email));

  const preset = introspect(zitadel({ ...server, scopes: ['a'], errorBody: (_, c) => ({ instance: c.req.path }) }));
  preset.withToken({ scopes: ['a'] }, (c, token) => c.json(token.claims.organization?.id));
  // @ts-expect-error mistyped
  preset.requireToken({ scopes: ['b'] });

  const both = preset.authorizer.policy({ scopes: ['a'] }, { anyRole: ['admin'] });
  preset.withToken(both, (c, token) => c.json(token.claims.roles));
  const maybe = preset.authorizer.policy({ optional: true }, { optional: true });
  // @ts-expect-error the token may be null
  preset.withToken(maybe, (c, token) => c.json(token.claims.roles));
}

export function input(): void {
  introspect(new Authorizer(server));
  introspect({ authorizer: new Authorizer(server), serveResourceMetadata: true });
  introspect((c) => new Authorizer({ ...server, realm: c.req.path }));
  // @ts-expect-error the server and the credentials are missing
  introspect({});
  // @ts-expect-error an unknown option
  introspect({ ...server, onError: () => {} });
  introspect({ ...server, errorBody: (error, c) => ({ title: error.code, instance: c.req.path }) });
}

/** Authorizers with claims and vocabularies, in each form. */
export function sources(): void {
  const typed = new Authorizer({ ...server, claims: schema, scopes: ['a'] });
  const other = new Authorizer(server);
  introspect(() => typed);
  introspect({ authorizer: () => typed });
  introspect(async (c) => (c.req.path === '/a' ? typed : other));
  // @ts-expect-error an existing authorizer has its own options
  introspect({ authorizer: typed, realm: 'api' });

  for (const { requireToken, withToken } of [introspect(typed), introspect({ authorizer: typed })]) {
    const policy = typed.policy({ scopes: ['a'] }, { check: ({ claims }) => claims.email !== '' });
    requireToken(policy);
    withToken(policy, (c, token) => c.text(token.claims.email));
    // @ts-expect-error the token may be null
    withToken(typed.policy({ optional: true }), (c, token) => c.text(token.claims.email));
  }
  // @ts-expect-error its check needs the claims of its authorizer
  introspect(other).requireToken(typed.policy({ scopes: ['a'] }));
}
