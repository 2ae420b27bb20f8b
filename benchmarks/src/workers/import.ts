// Measures how long importing packages takes. Needs a new process each time, because modules are cached.
import { serve } from '../worker.js';

const packages = process.argv.slice(2);

serve({
  milliseconds: async () => {
    const startedAt = performance.now();
    for (const name of packages) await import(name);
    return performance.now() - startedAt;
  },
});
