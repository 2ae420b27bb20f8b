import { introspect } from '@acme/introspect-fastify';
import fastifyJwt from '@fastify/jwt';
import Fastify from 'fastify';
import { cachingAuthorizer } from '../caching-authorizer.js';
import { zitadelResponse } from '../zitadel-response.js';
import { type ApiSettings, hello, type Protection } from './api.js';

/** Starts the API on a free port, and returns its origin. */
export async function startFastifyApi({ protection, publicPem }: ApiSettings): Promise<string> {
  const app = Fastify();
  const protect: Partial<Record<Protection, () => Promise<void>>> = {
    bare: async () => {
      app.get('/hello', async () => hello);
    },
    'no-op, reads the header': async () => {
      const onRequest = async (request: { headers: { authorization?: string | undefined } }) => {
        if (request.headers.authorization === undefined) throw new Error('no credentials');
      };
      app.get('/hello', { onRequest }, async () => hello);
    },
    '@fastify/jwt with cache': async () => {
      await app.register(fastifyJwt, {
        secret: { public: publicPem },
        verify: { algorithms: ['RS256'], cache: true },
      });
      app.get('/hello', { onRequest: (request) => request.jwtVerify() }, async () => hello);
    },
    'ours, opaque': protectByIntrospection,
    'ours, JWT': protectByIntrospection,
  };
  await protect[protection]?.();
  return app.listen({ port: 0, host: '127.0.0.1' });

  async function protectByIntrospection() {
    await app.register(introspect, { authorizer: cachingAuthorizer(() => zitadelResponse(1)) });
    app.get('/hello', { onRequest: app.requireToken() }, async () => hello);
  }
}
