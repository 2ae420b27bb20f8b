// What the compiler must accept, and what it must reject. Compiled by types.test.ts as ESM and as CommonJS.
import { Authorizer, introspect, introspectionOf, type StandardSchema } from '@acme/introspect-fastify';
import Fastify from 'fastify';

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
