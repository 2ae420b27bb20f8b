import { introspect, type Policy } from '@acme/introspect-fastify';
import {
  type ContractApi,
  type ContractServer,
  contractOptions,
  contractRoutes,
  responseHold,
} from '@acme/introspect-testing';
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';

/** The contract's API in Fastify. */
export async function startFastifyApi(server: ContractServer): Promise<ContractApi> {
  let handled = 0;
  const hold = responseHold();
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
  const requireToken = app.requireToken();
  const subOf = async (request: FastifyRequest) => ({ sub: request.introspection?.sub ?? null });
  const countedSubOf = (request: FastifyRequest) => {
    handled++;
    return subOf(request);
  };
  app.all('/all', { onRequest: requireToken }, countedSubOf);
  const composed = async (request: FastifyRequest, reply: FastifyReply) => {
    await requireToken(request, reply);
    handled++;
  };
  app.get('/composed', { onRequest: composed }, subOf);
  app.get('/slow', { onRequest: requireToken, onSend: () => hold.wait() }, countedSubOf);
  const origin = await app.listen({ port: 0, host: '127.0.0.1' });
  return { origin, handled: () => handled, hold, close: () => app.close() };
}
