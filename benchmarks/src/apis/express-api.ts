import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { introspect } from '@acme/introspect-express';
import express, { type RequestHandler } from 'express';
import { cachingAuthorizer } from '../caching-authorizer.js';
import { zitadelResponse } from '../zitadel-response.js';
import { type ApiSettings, hello, type Protection } from './api.js';

const readTheHeader: RequestHandler = (req, res, next) => {
  if (req.headers.authorization === undefined) res.status(401).end('no credentials');
  else next();
};

/** Starts the API on a free port, and returns its origin. */
export async function startExpressApi({ protection }: ApiSettings): Promise<string> {
  const byIntrospection = () => introspect(cachingAuthorizer(() => zitadelResponse(1))).requireToken();
  const middleware: Partial<Record<Protection, () => RequestHandler>> = {
    'no-op, reads the header': () => readTheHeader,
    'ours, opaque': byIntrospection,
    'ours, JWT': byIntrospection,
  };
  const app = express();
  const protect = middleware[protection]?.();
  if (protect !== undefined) app.use(protect);
  app.get('/hello', (_, res) => {
    res.json(hello);
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
