import { defineConfig } from 'tsup';

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    zitadel: 'src/zitadel/index.ts',
    'adapter-api': 'src/contracts/adapter-api.ts',
    'transport-contract': 'src/contracts/transport-contract.ts',
  },
  format: ['esm', 'cjs'],
  target: 'node20',
  dts: true,
  clean: true,
});
