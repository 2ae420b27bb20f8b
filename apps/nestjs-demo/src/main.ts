import { runDemo } from 'demo';
import { startNestjsDemo } from './nestjs-demo.js';

await runDemo('NestJS', startNestjsDemo);
