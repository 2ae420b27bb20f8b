import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/**/*.ts', '!src/**/*.d.ts'],
  bundle: false, // the files of the processes keep their places, and rivals come from their packages as they do for users
  format: 'esm',
  target: 'node20',
  dts: false,
  clean: true,
});
