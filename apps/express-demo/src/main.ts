import { runDemo } from 'demo';
import { startExpressDemo } from './express-demo.js';

await runDemo('Express', startExpressDemo);
