import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: ['packages/*', 'apps/*', 'benchmarks', 'e2e', 'e2e/chaos', 'e2e/runtimes'],
  },
});
