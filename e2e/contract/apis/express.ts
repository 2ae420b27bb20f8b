import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { introspect, type Policy } from '@acme/introspect-express';
import {
  type ContractApi,
  type ContractServer,
  contractOptions,
  contractRoutes,
  holdEnd,
  responseHold,
} from '@acme/introspect-testing';
import express, { type RequestHandler } from 'express';

/** The contract's API in Express 5. */
export const startExpressApi = (server: ContractServer) => startApi(express, server);

/** The contract's API in Express 4. */
export const startExpress4Api = (server: ContractServer) =>
  startApi(createRequire(import.meta.url)('express-4'), server);

async function startApi(create: typeof express, server: ContractServer): Promise<ContractApi> {
  let handled = 0;
  const hold = responseHold();
  const app = create();
  const { requireToken } = introspect({ ...contractOptions(server), serveResourceMetadata: true });
  app.use('/.well-known', requireToken());
  app.get('/public', (_, res) => {
    handled++;
    res.json({ sub: null });
  });
  for (const [path, policy] of Object.entries<Policy>(contractRoutes)) {
    app.get(path, requireToken(policy), (req, res) => {
      handled++;
      res.json({ sub: req.introspection?.sub ?? null });
    });
    app.options(path, requireToken(policy), (_, res) => {
      handled++;
      res.status(204).end();
    });
  }
  const guard = requireToken();
  const countedSubOf: RequestHandler = (req, res) => {
    handled++;
    res.json({ sub: req.introspection?.sub ?? null });
  };
  app.all('/all', guard, countedSubOf);
  const composed: RequestHandler = (req, res, next) =>
    guard(req, res, (error) => {
      if (error !== undefined) return next(error);
      countedSubOf(req, res, next);
    });
  app.get('/composed', composed);
  app.use('/slow', (_, res, next) => {
    holdEnd(res, hold);
    next();
  });
  app.get('/slow', guard, countedSubOf);

  const http = app.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    handled: () => handled,
    hold,
    close: async () => {
      const closed = once(http, 'close');
      http.close();
      http.closeAllConnections();
      await closed;
    },
  };
}
