import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'repository',
    fsModuleCache: false,
    include: ['{commands,contract,documentation,interop,mistakes,packages,recipes,types}/*.test.ts'],
    exclude: ['**/*.long.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
