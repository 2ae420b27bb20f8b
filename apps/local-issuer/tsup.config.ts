import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/local-issuer.ts', 'src/configuration.ts', 'src/main.ts'],
  format: 'esm',
  target: 'node20',
  dts: false,
  clean: true,
});
