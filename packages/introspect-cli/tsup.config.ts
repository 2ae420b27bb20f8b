import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/introspect.ts'],
  format: 'esm',
  target: 'node20',
  clean: true,
});
