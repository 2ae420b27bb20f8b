import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: { '@acme/introspect-core': fileURLToPath(new URL('src/index.ts', import.meta.url)) } },
  test: { name: 'core', fsModuleCache: false, include: ['test/**/*.test.ts'], testTimeout: 20_000 },
});
