// npm run test:long: runs the tests that take too long for `npm test`. The last line is their count.
import { check, printCount, tests } from './checks.mjs';
import { prepare } from './prepare.mjs';

prepare('./packages/*', 'chaos');
console.log('\nTesting …');

process.env.MODEL_STEPS ??= '1000000';
await tests('--config=vitest.long.config.ts', '--coverage');
process.env.REDIS_MODEL_STEPS ??= '30000';
await check('the cache model on Redis', 'vitest', 'run', '--project', 'redis', 'cache-model');
await check('flood', 'node', '--expose-gc', 'e2e/scale/flood.mjs', '1000000');
printCount();
