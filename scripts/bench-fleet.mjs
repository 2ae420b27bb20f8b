// npm run bench:fleet: installs, builds, and measures several processes that share a cache in Redis. `-- --quick` is shorter.
import { prepare } from './prepare.mjs';
import { run } from './run.mjs';

prepare('benchmarks');
run('benchmarks/dist/fleet.js');
