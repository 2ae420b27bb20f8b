import { defineConfig } from 'tsup';

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    adapter: 'src/adapter.ts',
    'jwt-prefilter': 'src/jwt-prefilter.ts',
    node: 'src/node-request-context.ts',
    opentelemetry: 'src/opentelemetry.ts',
    'private-key-jwt': 'src/private-key-jwt.ts',
    undici: 'src/undici.ts',
    zitadel: 'src/zitadel.ts',
    'zitadel/explain': 'src/zitadel-explain.ts',
  },
  external: ['@acme/introspect-core'], // an entry point must not bring a second copy of the classes
  format: ['esm', 'cjs'],
  target: 'node20',
  dts: true,
  clean: true,
  // Jest, with CommonJS, refuses `import()`.
  esbuildOptions: (options, { format }) => {
    if (format === 'cjs') options.supported = { 'dynamic-import': false };
  },
});
