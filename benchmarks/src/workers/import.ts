// Imports packages, and tells how long that took: a process imports but once.
import { answer } from '../worker.js';

const packages = process.argv.slice(2);

answer({
  milliseconds: async () => {
    const startedAt = performance.now();
    for (const name of packages) await import(name);
    return performance.now() - startedAt;
  },
});
