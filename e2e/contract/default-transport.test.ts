import { type ScriptedServer, sendRequest, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startExpressApi } from './apis/express.js';
import { startFastifyApi } from './apis/fastify.js';
import { startHonoApi } from './apis/hono.js';
import { startNestExpressApi, startNestFastifyApi } from './apis/nestjs.js';
import { startWebApi } from './apis/web.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
  server.tokens.set('good', { iss: server.origin, aud: 'contract-api' });
});
afterEach(() => server.close());

describe('the introspection request', () => {
  it.each([
    ['Fastify', startFastifyApi, 'undici'],
    ['NestJS on Express', startNestExpressApi, 'undici'],
    ['NestJS on Fastify', startNestFastifyApi, 'undici'],
    ['Express', startExpressApi, 'undici'],
    ['Hono', startHonoApi, 'fetch'],
    ['web-standard requests', startWebApi, 'fetch'],
  ])('of %s goes out with $2', async (_, start, sentBy) => {
    const api = await start(server);
    const request = { path: '/any', fields: [['Authorization', 'Bearer good']] } as const;
    expect((await sendRequest(api.origin, request)).status).toBe(200);
    const [introspection] = server.introspections;
    expect(introspection?.field('sec-fetch-mode').length === 0 ? 'undici' : 'fetch').toBe(sentBy);
    await api.close();
  });
});
