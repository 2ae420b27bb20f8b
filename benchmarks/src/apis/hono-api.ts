import { once } from 'node:events';
import { introspect } from '@acme/introspect-hono';
import { createAdaptorServer } from '@hono/node-server';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { jwt } from 'hono/jwt';
import { cachingAuthorizer } from '../caching-authorizer.js';
import { zitadelResponse } from '../zitadel-response.js';
import { type ApiSettings, hello, type Protection } from './api.js';

/** Starts the API on a free port, and returns its origin. */
export async function startHonoApi({ protection, publicPem }: ApiSettings): Promise<string> {
  const introspection = () => introspect(cachingAuthorizer(() => zitadelResponse(1)));
  const byMiddleware = () => introspection().requireToken();
  const byHandler = () => introspection().withToken({}, (c) => c.json(hello));
  const middleware: Partial<Record<Protection, () => MiddlewareHandler>> = {
    'no-op, reads the header': () => readTheHeader,
    'hono/jwt': () => jwt({ secret: publicPem, alg: 'RS256' }),
    'ours, opaque': byMiddleware,
    'ours, JWT': byMiddleware,
  };
  const handlers: Partial<Record<Protection, () => (c: Context) => Response | Promise<Response>>> = {
    'handler that reads the header': () => (c) =>
      c.req.header('authorization') === undefined ? c.text('no credentials', 401) : c.json(hello),
    'ours, withToken, opaque': byHandler,
    'ours, withToken, JWT': byHandler,
  };
  const app = new Hono();
  const handler = handlers[protection]?.() ?? ((c: Context) => c.json(hello));
  const protect = middleware[protection]?.();
  if (protect === undefined) app.get('/hello', handler);
  else app.get('/hello', protect, handler);

  const server = createAdaptorServer({ fetch: app.fetch });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : undefined}`;
}

async function readTheHeader(c: Parameters<MiddlewareHandler>[0], next: Parameters<MiddlewareHandler>[1]) {
  if (c.req.header('authorization') === undefined) return c.text('no credentials', 401);
  return next();
}
