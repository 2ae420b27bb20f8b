import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(`src/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: {
      // First: the last name is a prefix of the others.
      '@acme/introspect-core/adapter': source('adapter/index.ts'),
      '@acme/introspect-core/jwt-prefilter': source('extensions/jwt/jwt-prefilter.ts'),
      '@acme/introspect-core': source('index.ts'),
    },
  },
  test: {
    name: 'core',
    fsModuleCache: false,
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
