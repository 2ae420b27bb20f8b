import { once } from 'node:events';
import { introspect, isIntrospectionError } from '@acme/introspect-hono';
import { createAdaptorServer } from '@hono/node-server';
import type { Demo, DemoSettings } from 'demo';
import { Hono } from 'hono';

const items = ['hammer', 'nail'];

/** The demo API in Hono, on Node. */
export async function startHonoDemo({ port, ...settings }: DemoSettings): Promise<Demo> {
  const app = new Hono();
  const { requireToken, introspectionOf, authorizer } = introspect({
    ...settings.authorizer,
    serveResourceMetadata: true,
  });
  app.use('/.well-known/*', requireToken());

  app.get('/public', (c) => c.json({ hello: 'everybody' }));

  app.get('/optional', requireToken({ optional: true }), (c) =>
    c.json({ hello: c.var.introspection?.sub ?? 'stranger' }),
  );

  app.get('/me', requireToken(), (c) => c.json(introspectionOf(c)));

  app.get('/items', requireToken({ scopes: ['items:read'] }), (c) => c.json({ items }));

  app.post('/items', requireToken({ scopes: ['items:write'] }), async (c) => {
    const body: { name?: unknown } | null = await c.req.json().catch(() => null);
    return c.json({ created: String(body?.name ?? 'nameless') }, 201);
  });

  app.get('/admin', requireToken({ anyRole: ['admin'] }), (c) => c.json({ hello: 'admin' }));

  app.get('/recent', requireToken({ maxAuthenticationAgeSeconds: 300 }), (c) =>
    c.json({ hello: 'you have just logged in' }),
  );

  app.get('/ready', async (c) => {
    try {
      await authorizer.ready();
      return c.json({ ready: true });
    } catch (error) {
      if (!isIntrospectionError(error)) throw error;
      return c.json(error.body, error.status, Object.fromEntries(error.headers));
    }
  });

  app.get('/stats', (c) => c.json(authorizer.stats()));

  const server = createAdaptorServer({ fetch: app.fetch });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
      await closed;
    },
  };
}
