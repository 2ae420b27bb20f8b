import { once } from 'node:events';
import { introspect } from '@acme/introspect-hono';
import { createAdaptorServer } from '@hono/node-server';
import { Hono, type MiddlewareHandler } from 'hono';
import { jwt } from 'hono/jwt';
import { cachingAuthorizer } from '../caching-authorizer.js';
import { zitadelResponse } from '../zitadel-response.js';
import { type ApiSettings, hello, type Protection } from './api.js';

/** Starts the API on a free port, and returns its origin. */
export async function startHonoApi({ protection, publicPem }: ApiSettings): Promise<string> {
  const byIntrospection = () => introspect(cachingAuthorizer(() => zitadelResponse(1))).requireToken();
  const middleware: Partial<Record<Protection, () => MiddlewareHandler>> = {
    'no-op, reads the header': () => readTheHeader,
    'hono/jwt': () => jwt({ secret: publicPem, alg: 'RS256' }),
    'ours, opaque': byIntrospection,
    'ours, JWT': byIntrospection,
  };
  const app = new Hono();
  const protect = middleware[protection]?.();
  if (protect === undefined) app.get('/hello', (c) => c.json(hello));
  else app.get('/hello', protect, (c) => c.json(hello));

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
