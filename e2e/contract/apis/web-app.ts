import type { Policy } from '@acme/introspect-core';
import { introspect } from '@acme/introspect-core/web';
import {
  type ContractServer,
  contractOptions,
  contractRoutes,
  type ResponseHold,
  responseHold,
} from '@acme/introspect-testing/adapter-api';

type Handler = (request: Request) => Response | Promise<Response>;

/** The contract's API over web-standard requests, for any runtime. */
export function webContractApp(server: ContractServer): { fetch: Handler; handled(): number; hold: ResponseHold } {
  let handled = 0;
  const hold = responseHold();
  const { requireToken, withToken, introspectionOf } = introspect({
    ...contractOptions(server),
    serveResourceMetadata: true,
  });
  const respond = (sub: unknown) => Response.json({ sub: sub ?? null });

  const routes = new Map<string, Handler>();
  routes.set('GET /public', () => {
    handled++;
    return respond(null);
  });
  for (const [path, policy] of Object.entries<Policy>(contractRoutes)) {
    const get = withToken(policy, (_, token) => {
      handled++;
      return respond(token?.sub);
    });
    routes.set(`GET ${path}`, get);
    routes.set(`HEAD ${path}`, get);
    routes.set(
      `OPTIONS ${path}`,
      withToken(policy, () => {
        handled++;
        return new Response(null, { status: 204 });
      }),
    );
  }
  const guard = requireToken();
  const all: Handler = async (request) => {
    const token = await guard(request);
    if (token instanceof Response) return token;
    handled++;
    return respond(introspectionOf(request).sub);
  };
  routes.set('GET /composed', all);
  routes.set('GET /slow', async (request) => {
    const response = await all(request);
    await hold.wait();
    return response;
  });

  return {
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === '/all') return all(request);
      const handler = routes.get(`${request.method} ${pathname}`);
      if (handler !== undefined) return handler(request);
      if (!pathname.startsWith('/.well-known/')) return new Response('not found', { status: 404 });
      const response = await guard(request);
      return response instanceof Response ? response : new Response('not found', { status: 404 });
    },
    handled: () => handled,
    hold,
  };
}
