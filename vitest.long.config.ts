import { defineConfig } from 'vitest/config';

// `npm run test:long`: what takes too long for `npm test`, and the core's tests again to measure their coverage.
export default defineConfig({
  test: {
    projects: [
      'packages/introspect-core',
      'packages/introspect-redis/vitest.long.config.ts',
      'e2e/vitest.long.config.ts',
    ],
    // Many tests cause failures on purpose. The tests of the log spy on the console.
    onConsoleLog: (text) => !/^(Token introspection failed|A CORS preflight reached a guard)/.test(text),
    coverage: {
      // Relative to this folder. With `--project`, Vitest resolves it in the project's folder and finds no file.
      include: ['packages/introspect-core/src/**/*.ts'],
      thresholds: { lines: 98, branches: 98 },
    },
  },
});
