import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/index.ts'],
  format: ['esm', 'cjs'],
  target: 'node20',
  dts: true,
  clean: true,
  // Jest, with CommonJS, rejects `import()`.
  esbuildOptions: (options, { format }) => {
    if (format === 'cjs') options.supported = { 'dynamic-import': false };
  },
});
