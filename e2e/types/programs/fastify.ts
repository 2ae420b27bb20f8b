// What the compiler must accept, and what it must reject. Compiled by types.test.ts as ESM and as CommonJS.
import { Authorizer, introspect, introspectionOf, type StandardSchema } from '@acme/introspect-fastify';
import Fastify, { type FastifyRequest } from 'fastify';

const server = { issuer: 'https://as.example', clientId: 'api', clientSecret: 's' };
declare const schema: StandardSchema<{ readonly email: string }>;
const authorizer = new Authorizer({ ...server, claims: schema, scopes: ['a'] });

export async function registered(): Promise<void> {
  const app = Fastify();
  await app.register(introspect, server);
  await app.register(introspect, { authorizer, global: true });
  await app.register(introspect, {
    authorizer: (request) => (request.hostname === 'a' ? authorizer : new Authorizer(server)),
  });
  await app.register(introspect, {
    ...server,
    errorBody: (error, request) => ({ title: error.code, instance: request.url }),
  });
  // @ts-expect-error the server and the credentials are missing
  await app.register(introspect, {});
  // @ts-expect-error an unknown option
  await app.register(introspect, { ...server, onError: () => {} });
  app.get('/me', { onRequest: app.requireToken() }, async (request) => introspectionOf(request).sub);
  app.get('/typed', { onRequest: app.requireToken<typeof authorizer>({ scopes: ['a'] }) }, async (request) => {
    const email: string = introspectionOf<typeof authorizer>(request).claims.email;
    return email;
  });
  app.get(
    '/items/:id',
    { onRequest: app.requireToken({ check: (token, { native }) => native?.url === token.sub }) },
    async () => 1,
  );
  // @ts-expect-error mistyped
  app.requireToken<typeof authorizer>({ scopes: ['b'] });
  await app.authorizer.invalidate({ all: true });
}

/** Authorizers with claims and vocabularies, in each form. */
export async function sources(request: FastifyRequest): Promise<void> {
  const app = Fastify();
  const other = new Authorizer(server);
  await app.register(introspect, { authorizer: () => authorizer });
  await app.register(introspect, { authorizer: async ({ hostname }) => (hostname === 'a' ? authorizer : other) });
  await app.register(introspect, { ...server, claims: schema, scopes: ['a'], global: true });
  // @ts-expect-error an existing authorizer has its own options
  await app.register(introspect, { authorizer, realm: 'api' });

  app.requireToken<typeof authorizer>(authorizer.policy({ scopes: ['a'] }, { check: ({ claims }) => !!claims.email }));
  app.requireToken(other.policy({ scopes: ['a'] }, { optional: true }));
  // @ts-expect-error its check needs the claims of its authorizer: write app.requireToken<typeof authorizer>
  app.requireToken(authorizer.policy({ scopes: ['a'] }));
  const email: string = introspectionOf<typeof authorizer>(request).claims.email;
  void email;
}
