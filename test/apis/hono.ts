import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Authorizer, type Policy, requireToken } from '@acme/introspect-hono';
import { type ContractApi, contractOptions, contractRoutes, type ScriptedServer } from '@acme/introspect-testing';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';

/** The contract's API in Hono, on Node. */
export async function startHonoApi(server: ScriptedServer): Promise<ContractApi> {
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
  const http = createAdaptorServer({ fetch: app.fetch });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    handled: () => handled,
    close: async () => {
      const closed = once(http, 'close');
      http.close();
      if ('closeAllConnections' in http) http.closeAllConnections();
      await closed;
    },
  };
}
