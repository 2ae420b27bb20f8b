import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/mcp-demo.ts', 'src/main.ts'],
  format: 'esm',
  target: 'node20',
  dts: false,
  clean: true,
});
