// npm run bench: installs, builds, and measures what the packages cost, beside others; `-- --quick` in less than a minute.
import { prepare } from './prepare.mjs';
import { run } from './run.mjs';

await prepare();
run('benchmarks/dist/main.js');
