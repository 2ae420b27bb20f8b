import { runDemo } from 'demo';
import { startFastifyDemo } from './fastify-demo.js';

await runDemo('Fastify', startFastifyDemo);
