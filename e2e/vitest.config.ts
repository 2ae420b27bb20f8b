import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'repository',
    fsModuleCache: false,
    include: ['{commands,contract,documentation,packages,types}/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
