// What the compiler must accept, and what it must reject. Compiled by types.test.ts as ESM and as CommonJS.
import { Authorizer, introspect, type StandardSchema, zitadel } from '@acme/introspect-express';
import express from 'express';

const server = { issuer: 'https://as.example', clientId: 'api', clientSecret: 's' };
declare const schema: StandardSchema<{ readonly email: string }>;

export function bound(): void {
  const { requireToken, withToken, introspectionOf, authorizer } = introspect({
    ...server,
    claims: schema,
    scopes: ['a'],
  });
  const app = express();
  app.use('/api', requireToken({ scopes: ['a'] }));
  app.get('/api/me', (req, res) => res.json({ sub: req.introspection?.sub, email: introspectionOf(req).claims.email }));
  app.get(
    '/handler',
    withToken({}, (_, res, token) => res.send(token.claims.email)),
  );
  app.get(
    '/maybe',
    withToken({ optional: true }, (_, res, token) => res.send(token?.claims.email ?? 'anonymous')),
  );
  app.get('/items/:id', requireToken({ check: (token, { native }) => native?.params.id === token.claims.email }));
  void authorizer.close();
  // @ts-expect-error mistyped
  requireToken({ scopes: ['b'] });
  // @ts-expect-error the token may be null
  withToken({ optional: true }, (_, res, token) => res.send(token.claims.email));

  const preset = introspect(zitadel({ ...server, scopes: ['a'], errorBody: (_, req) => ({ instance: req.path }) }));
  preset.withToken({ scopes: ['a'] }, (_, res, token) => res.json(token.claims.organization?.id));
  // @ts-expect-error mistyped
  preset.requireToken({ scopes: ['b'] });
}

export function input(): void {
  introspect(new Authorizer(server));
  introspect({ authorizer: new Authorizer(server), serveResourceMetadata: true });
  introspect((req) => new Authorizer({ ...server, realm: req.path }));
  // @ts-expect-error the server and the credentials are missing
  introspect({});
  // @ts-expect-error an unknown option
  introspect({ ...server, onError: () => {} });
  introspect({ ...server, errorBody: (error, req) => ({ title: error.code, instance: req.path }) });
}
