import { undiciTransport } from '@acme/introspect-core/undici';
import { serve } from '@hono/node-server';
import { createApp } from './app.js';
import { transportCases } from './transport-cases.js';

const undici = transportCases('undici', undiciTransport());
const app = createApp(JSON.parse(String(process.argv[2])), () => server.close(), undici);
const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) =>
  console.log(JSON.stringify({ port, version: process.versions.node })),
);
