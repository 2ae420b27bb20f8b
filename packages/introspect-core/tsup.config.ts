import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/index.ts', 'src/zitadel.ts'],
  format: ['esm', 'cjs'],
  target: 'node20',
  dts: true,
  clean: true,
});
