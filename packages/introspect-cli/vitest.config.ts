import { defineConfig } from 'vitest/config';

// A test starts up to ten processes, each of which takes seconds on a busy machine. The limit only ends a test that hangs.
export default defineConfig({
  test: { name: 'cli', fsModuleCache: false, include: ['test/**/*.test.ts'], testTimeout: 180_000 },
});
