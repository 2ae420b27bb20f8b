import { introspect, type Policy } from '@acme/introspect-hono';
import {
  type ContractServer,
  contractOptions,
  contractRoutes,
  type ResponseHold,
  responseHold,
} from '@acme/introspect-testing/adapter-api';
import { type Context, Hono } from 'hono';

/** The contract's API in Hono, for any runtime. */
export function contractApp(server: ContractServer): { app: Hono; handled(): number; hold: ResponseHold } {
  let handled = 0;
  const hold = responseHold();
  const app = new Hono();
  const { requireToken } = introspect({ ...contractOptions(server), serveResourceMetadata: true });
  app.use('/.well-known/*', requireToken());
  app.get('/public', (c) => {
    handled++;
    return c.json({ sub: null });
  });
  for (const [path, policy] of Object.entries<Policy>(contractRoutes)) {
    app.get(path, requireToken(policy), (c) => {
      handled++;
      return c.json({ sub: c.var.introspection?.sub ?? null });
    });
    app.options(path, requireToken(policy), (c) => {
      handled++;
      return c.body(null, 204);
    });
  }
  const guard = requireToken();
  const subOf = (c: Context) => c.json({ sub: c.var.introspection?.sub ?? null });
  const countedSubOf = (c: Context) => {
    handled++;
    return subOf(c);
  };
  app.all('/all', guard, countedSubOf);
  const composed: typeof guard = async (c, next) => {
    await guard(c, async () => {});
    handled++;
    await next();
  };
  app.get('/composed', composed, subOf);
  app.use('/slow', async (_, next) => {
    await next();
    await hold.wait();
  });
  app.get('/slow', guard, countedSubOf);
  return { app, handled: () => handled, hold };
}
