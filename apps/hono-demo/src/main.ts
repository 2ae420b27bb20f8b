import { runDemo } from 'demo';
import { startHonoDemo } from './hono-demo.js';

await runDemo('Hono', startHonoDemo);
