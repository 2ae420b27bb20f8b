import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'long',
    fsModuleCache: false,
    include: ['{chaos/test,packages,types}/*.long.test.ts', 'contract/hang-ups.test.ts'],
    env: { HANG_UPS: '2000' },
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
