import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/express-demo.ts', 'src/main.ts'],
  format: 'esm',
  target: 'node20',
  dts: false,
  clean: true,
});
