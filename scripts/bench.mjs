// npm run bench: installs, builds, and measures the packages and others. `-- --quick` takes less than a minute.
import { prepare } from './prepare.mjs';
import { run } from './run.mjs';

prepare('benchmarks');
run('benchmarks/dist/main.js');
