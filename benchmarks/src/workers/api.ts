// An API with one protected route, in its own process.
import type { Protection } from '../apis/api.js';
import { serve } from '../worker.js';

const [, , framework = '', protection, publicPem = ''] = process.argv;
const settings = { protection: protection as Protection, publicPem };

// Only the framework that runs is imported.
const starts: Record<string, () => Promise<string>> = {
  Express: async () => (await import('../apis/express-api.js')).startExpressApi(settings),
  Fastify: async () => (await import('../apis/fastify-api.js')).startFastifyApi(settings),
  Hono: async () => (await import('../apis/hono-api.js')).startHonoApi(settings),
  NestJS: async () => (await import('../apis/nest-api.js')).startNestApi(settings),
};
const origin = await starts[framework]?.();

serve({
  origin: () => origin,
  cpuMicroseconds: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  collectGarbage: () => globalThis.gc?.(),
});
