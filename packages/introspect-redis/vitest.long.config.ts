import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'redis-long',
    fsModuleCache: false,
    include: ['test/**/*.long.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
