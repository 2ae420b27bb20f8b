import { defineConfig } from 'tsup';

export default defineConfig({
  entry: { index: 'src/index.ts', 'transport-contract': 'src/transport-contract.ts' },
  format: ['esm', 'cjs'],
  target: 'node20',
  dts: true,
  clean: true,
});
