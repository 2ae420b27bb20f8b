import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'tour',
    fsModuleCache: false,
    include: ['test/**/*.test.ts'],
    // Most tests run a whole program, which takes long while other programs use the processor.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
