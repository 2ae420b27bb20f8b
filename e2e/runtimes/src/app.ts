import { introspect, ofetchTransport } from '@acme/introspect-hono';
import { Hono } from 'hono';
import { contractApp } from '../../contract/apis/hono-app.js';
import { webContractApp } from '../../contract/apis/web-app.js';
import { authorizerCases } from './authorizer-cases.js';
import { clientCases, patient } from './client-cases.js';
import { honoCases } from './hono-cases.js';
import { jwtCases } from './jwt-cases.js';
import { keyCases } from './key-cases.js';
import { mcpCases } from './mcp-cases.js';
import { platformCases } from './platform-cases.js';
import type { RuntimeCase, Settings } from './runtime-case.js';
import { transportCases } from './transport-cases.js';

const casesOfAll = [
  ...clientCases,
  ...authorizerCases,
  ...platformCases,
  ...keyCases,
  ...jwtCases,
  ...honoCases,
  ...mcpCases,
  ...transportCases('ofetch', ofetchTransport),
];

/**
 * Returns the app that every runtime serves: the cases, one request each, and an API for `servedCases`.
 *
 * @param end stops the server
 * @param ownCases the cases for this runtime alone
 */
export function createApp(settings: Settings, end: () => void, ownCases: readonly RuntimeCase[] = []): Hono {
  const cases = [...casesOfAll, ...ownCases];
  const app = new Hono();
  app.get('/cases', (c) => c.json(cases.map(({ name }) => name)));
  app.get('/cases/:index', async (c) => {
    try {
      await cases[Number(c.req.param('index'))]?.run(settings);
      return c.json({ failure: null });
    } catch (error) {
      return c.json({ failure: String(error) });
    }
  });
  app.post('/end', (c) => {
    end();
    return c.body(null, 204);
  });

  const options = { issuer: settings.scriptedOrigin, clientId: 'api', clientSecret: 'secret', ...patient };
  let arrived = 0;
  app.use('/together', (_, next) => {
    arrived++;
    return next();
  });
  app.get('/together', introspect(options).requireToken(), (c) => c.json(c.var.introspection));
  app.get('/arrived', (c) => c.json(arrived));
  const cache = { maxAgeSeconds: 60, refreshAfterSeconds: 0 };
  app.get('/renewed', introspect({ ...options, cache }).requireToken(), (c) => c.json(c.var.introspection));
  const contract = { origin: settings.scriptedOrigin, timeoutMs: 500 };
  const web = webContractApp(contract);
  app.all('/web/*', (c) => web.fetch(new Request(c.req.url.replace('/web/', '/'), c.req.raw)));
  app.route('/', contractApp(contract).app);
  return app;
}
