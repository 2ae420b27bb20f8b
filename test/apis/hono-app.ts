import { Authorizer, type Policy, requireToken } from '@acme/introspect-hono';
import { contractOptions, contractRoutes } from '@acme/introspect-testing/contract-api';
import { Hono } from 'hono';

/** The contract's API in Hono, for any runtime. */
export function contractApp(server: { origin: string }): { app: Hono; handled(): number } {
  let handled = 0;
  const app = new Hono();
  const authorizer = new Authorizer(contractOptions(server));
  app.use('/.well-known/*', requireToken({ authorizer, serveResourceMetadata: true }));
  app.get('/public', (c) => {
    handled++;
    return c.json({ sub: null });
  });
  for (const [path, policy] of Object.entries<Policy>(contractRoutes)) {
    app.get(path, requireToken(authorizer, policy), (c) => {
      handled++;
      return c.json({ sub: c.var.introspection?.sub ?? null });
    });
    app.options(path, requireToken(authorizer, policy), (c) => {
      handled++;
      return c.body(null, 204);
    });
  }
  return { app, handled: () => handled };
}
