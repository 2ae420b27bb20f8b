import { defineConfig, type Options } from 'tsup';

const shared: Options = { format: 'esm', target: 'node20', dts: false };

export default defineConfig([
  {
    ...shared,
    entry: ['src/**/*.ts', '!src/**/*.d.ts', '!src/fleet.ts'],
    bundle: false, // the files of the processes keep their places, and rivals come from their packages as they do for users
    clean: ['!fleet.js'], // the other build writes it at the same time
  },
  // With what it imports from the tests of another package. Other packages stay imports.
  { ...shared, entry: ['src/fleet.ts'], external: [/^[^./]/] },
]);
