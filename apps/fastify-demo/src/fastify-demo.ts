import { introspect, introspectionOf, isIntrospectionError } from '@acme/introspect-fastify';
import type { Demo, DemoSettings } from 'demo';
import Fastify from 'fastify';

const items = ['hammer', 'nail'];

/** The demo API in Fastify. */
export async function startFastifyDemo({ port, ...settings }: DemoSettings): Promise<Demo> {
  const app = Fastify({ forceCloseConnections: true });
  await app.register(introspect, { ...settings.authorizer, serveResourceMetadata: true });

  app.get('/public', async () => ({ hello: 'everybody' }));

  app.get('/optional', { onRequest: app.requireToken({ optional: true }) }, async (request) => ({
    hello: request.introspection?.sub ?? 'stranger',
  }));

  app.get('/me', { onRequest: app.requireToken() }, async (request) => introspectionOf(request));

  app.get('/items', { onRequest: app.requireToken({ scopes: ['items:read'] }) }, async () => ({ items }));

  app.post<{ Body: { name?: unknown } | null }>(
    '/items',
    { onRequest: app.requireToken({ scopes: ['items:write'] }) },
    async (request, reply) => reply.code(201).send({ created: String(request.body?.name ?? 'nameless') }),
  );

  app.get('/admin', { onRequest: app.requireToken({ anyRole: ['admin'] }) }, async () => ({ hello: 'admin' }));

  app.get('/recent', { onRequest: app.requireToken({ maxAuthenticationAgeSeconds: 300 }) }, async () => ({
    hello: 'you have just logged in',
  }));

  app.get('/ready', async (_, reply) => {
    try {
      await app.authorizer.ready();
      return { ready: true };
    } catch (error) {
      if (!isIntrospectionError(error)) throw error;
      return reply.code(error.status).headers(Object.fromEntries(error.headers)).send(error.body);
    }
  });

  app.get('/stats', async () => app.authorizer.stats());

  const origin = await app.listen({ port, host: '127.0.0.1' });
  return { origin, close: () => app.close() };
}
