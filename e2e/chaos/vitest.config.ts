import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { name: 'chaos', fsModuleCache: false, include: ['test/**/*.test.ts'], testTimeout: 60_000 },
});
