import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: ['packages/*', 'apps/*', 'benchmarks', 'runtimes', 'test'],
    coverage: {
      include: ['packages/introspect-core/src/**/*.ts'],
      thresholds: { lines: 98, branches: 98 },
    },
  },
});
