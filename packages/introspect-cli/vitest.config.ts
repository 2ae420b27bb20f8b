import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { name: 'cli', fsModuleCache: false, include: ['test/**/*.test.ts'], testTimeout: 20_000 },
});
