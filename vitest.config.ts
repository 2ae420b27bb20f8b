import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: ['packages/*', 'apps/*'],
    coverage: {
      include: ['packages/introspect-core/src/**/*.ts'],
      thresholds: { lines: 98, branches: 98, functions: 98, statements: 98 },
    },
  },
});
