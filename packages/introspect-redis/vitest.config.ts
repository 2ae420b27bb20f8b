import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'redis',
    fsModuleCache: false,
    include: ['test/**/*.test.ts'],
    exclude: ['**/*.long.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
