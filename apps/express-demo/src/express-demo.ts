import { once } from 'node:events';
import { introspect, isIntrospectionError } from '@acme/introspect-express';
import type { Demo, DemoSettings } from 'demo';
import express from 'express';

const items = ['hammer', 'nail'];

/** The demo API in Express. */
export async function startExpressDemo({ port, ...settings }: DemoSettings): Promise<Demo> {
  const app = express();
  const { requireToken, introspectionOf, authorizer } = introspect({
    ...settings.authorizer,
    serveResourceMetadata: true,
  });
  app.use('/.well-known', requireToken());

  app.get('/public', (_, res) => res.json({ hello: 'everybody' }));

  app.get('/optional', requireToken({ optional: true }), (req, res) =>
    res.json({ hello: req.introspection?.sub ?? 'stranger' }),
  );

  app.get('/me', requireToken(), (req, res) => res.json(introspectionOf(req)));

  app.get('/items', requireToken({ scopes: ['items:read'] }), (_, res) => res.json({ items }));

  app.post('/items', requireToken({ scopes: ['items:write'] }), express.json(), (req, res) =>
    res.status(201).json({ created: String(req.body?.name ?? 'nameless') }),
  );

  app.get('/admin', requireToken({ anyRole: ['admin'] }), (_, res) => res.json({ hello: 'admin' }));

  app.get('/recent', requireToken({ maxAuthenticationAgeSeconds: 300 }), (_, res) =>
    res.json({ hello: 'you have just logged in' }),
  );

  app.get('/ready', async (_, res) => {
    try {
      await authorizer.ready();
      res.json({ ready: true });
    } catch (error) {
      if (!isIntrospectionError(error)) throw error;
      res.status(error.status).set(Object.fromEntries(error.headers)).json(error.body);
    }
  });

  app.get('/stats', (_, res) => res.json(authorizer.stats()));

  const server = app.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await authorizer.close();
    },
  };
}
