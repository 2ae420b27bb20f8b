// npm run bench: installs, builds, and measures what the packages cost, beside others; `-- --quick` in less than a minute.
import { prepare } from './prepare.mjs';
import { run } from './run.mjs';

prepare('benchmarks');
run('benchmarks/dist/main.js');
