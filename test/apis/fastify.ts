import { introspect, type Policy } from '@acme/introspect-fastify';
import { type ContractApi, contractOptions, contractRoutes, type ScriptedServer } from '@acme/introspect-testing';
import Fastify from 'fastify';

/** The contract's API in Fastify. */
export async function startFastifyApi(server: ScriptedServer): Promise<ContractApi> {
  let handled = 0;
  const app = Fastify({ forceCloseConnections: true });
  await app.register(introspect, { ...contractOptions(server), serveResourceMetadata: true });
  app.get('/public', async () => {
    handled++;
    return { sub: null };
  });
  for (const [path, policy] of Object.entries<Policy>(contractRoutes)) {
    app.get(path, { onRequest: app.requireToken(policy) }, async (request) => {
      handled++;
      return { sub: request.introspection?.sub ?? null };
    });
    app.options(path, { onRequest: app.requireToken(policy) }, async (_, reply) => {
      handled++;
      return reply.code(204).send();
    });
  }
  const origin = await app.listen({ port: 0, host: '127.0.0.1' });
  return { origin, handled: () => handled, close: () => app.close() };
}
