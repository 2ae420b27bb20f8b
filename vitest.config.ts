import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: ['packages/*', 'apps/*', 'benchmarks', 'e2e', 'e2e/chaos', 'e2e/runtimes'],
    // Many tests cause failures on purpose. The tests of the log spy on the console.
    onConsoleLog: (text) => !/^(Token introspection failed|A CORS preflight reached a guard)/.test(text),
  },
});
